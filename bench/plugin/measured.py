"""Measure all questions of a pytest session as one run, and show that run."""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from gradmeter.bench import session
from gradmeter.bench.cases.plan import Group, check, distinct
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.output import to_terminal
from gradmeter.bench.plugin.cases import Question
from gradmeter.bench.plugin.settings import Settings
from gradmeter.bench.plugin.words import in_words_of_pytest
from gradmeter.bench.report import law_lists, ordinary, terminal
from gradmeter.bench.results import layers, run_file
from gradmeter.bench.results.run import Case, Comparison, Options, Run
from gradmeter.bench.results.shard import Shard
from gradmeter.bench.runs.progress import Teller

LIMIT = 60.0

# These options of pytest-benchmark act on this process, and the cases are timed in workers.
_NOT_APPLICABLE = {
    "--benchmark-min-time": "the runner times short runs several at once",
    "--benchmark-timer": "workers are timed with time.perf_counter",
    "--benchmark-precision": "the number of rounds follows from the time budget",
    "--benchmark-calibration-precision": "the runner calibrates by itself",
    "--benchmark-warmup": "every worker warms up",
    "--benchmark-warmup-iterations": "every worker warms up",
    "--benchmark-disable-gc": "the collector's policy is part of a case: --bench-collector",
    "--benchmark-cprofile": "the workers are not profiled",
}


class MeasuredCases:
    """The measured cases of a session's questions; the first that is needed measures them all."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        questions: list[Question],
        shard: Shard | None,
    ) -> None:
        self.config = config
        self.shard = shard
        self.settings = settings
        self.questions = questions
        self.run: Run | None = None
        self._path = settings.out / session.RUN_FILE
        self._before: object = None  # the run file as it was when measuring began
        self._begun = False

    def options(self) -> Options:
        """Return the options of the run, from pytest-benchmark's options and gradmeter's."""
        get = self.config.getoption
        return Options(
            collector=self.settings.collector,
            allocator=self.settings.allocator,
            seed=0,
            sets=self.settings.sets,
            budget=float(get("benchmark_max_time")),
            min_rounds=int(get("benchmark_min_rounds")),
            limit=LIMIT,
            instructions=self.settings.instructions,
            exact=self.settings.exact,
            lines=self.settings.lines,
        )

    def groups(self) -> tuple[list[Group], list[Comparison]]:
        """Group the questions by workload and size; compare each with its baseline.

        Raises:
            UsageError: two workloads have one name, or one is not as it must be.
        """
        chosen = {w.name: w for w in distinct(q.workload for q in self.questions)}
        variants_of: dict[tuple[str, int], dict[Variant, None]] = {}
        candidates_of: dict[tuple[str, int, str], dict[str, None]] = {}
        for q in self.questions:
            variants_of.setdefault((q.workload.name, q.size), {}).setdefault(q.variant)
            candidates = candidates_of.setdefault((q.workload.name, q.size, str(q.baseline)), {})
            if q.variant != q.baseline:
                candidates.setdefault(str(q.variant))
        groups = [Group(chosen[w], s, tuple(variants)) for (w, s), variants in variants_of.items()]
        for group in groups:
            check(group.workload, group.size)
        present = {g.key(v) for g in groups for v in g.variants}
        comparisons = [
            Comparison(workload=w, size=s, baseline=b, candidates=list(candidates))
            for (w, s, b), candidates in candidates_of.items()
            if candidates and (w, s, b) in present
        ]
        return groups, comparisons

    def case(self, question: Question) -> Case:
        """Return the measured case of a question; the first call measures all of them.

        Raises:
            UsageError: the cases cannot be measured.
        """
        if self.run is None:
            capture = self.config.pluginmanager.getplugin("capturemanager")
            groups, comparisons = self.groups()
            out = self.settings.out
            with capture.global_and_fixture_disabled() if capture else nullcontext():
                console = Console(stderr=True, emoji=False)
                count = sum(len(group.variants) for group in groups)
                first = f"gradmeter measures all cases first ({count:,}), then tests show them"
                console.print(f"\n{first}", highlight=False)
                with in_words_of_pytest(), Teller(console) as tell:
                    self._begun, self._before = True, _version(self._path)
                    self.run = session.measure(
                        groups,
                        comparisons,
                        self.options(),
                        out,
                        tell,
                        shard=self.shard,
                        through=self._through(),
                    )
        case = self.run.case(question.workload.name, question.size, str(question.variant))
        assert isinstance(case, Case)
        return case

    def _through(self) -> session.Through | None:
        """What measures the cases elsewhere; None for here."""
        if not self.settings.on:
            return None
        from gradmeter.bench.machines import spread

        return spread.through(self.settings.on, self.settings.known)

    def run_so_far(self) -> Run | None:
        """Return the run, even if it was interrupted; None where there is none.

        A shard without questions has an empty one, measured with the options of the others.

        Raises:
            UsageError: the run file of an interrupted run cannot be read.
        """
        if self.run is None and self._begun and _version(self._path) != self._before:
            return run_file.load(self._path)
        if self.run is None and self.shard is not None and not self.questions:
            self.run = session.empty(self.options(), self.shard)
        return self.run

    def write_none(self, finished: bool) -> Run:
        """Write the run of a shard without questions.

        Raises:
            UsageError: the folder cannot be written.
        """
        session.ready(self.settings.out)
        run = msgspec.structs.replace(session.empty(self.options(), self.shard), finished=finished)
        self.run = session.write(run, self.settings.out)
        return self.run


def _version(path: Path) -> object:
    """Return a value that changes when the file is replaced; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def smoke(question: Question) -> None:
    """Run a case once in this process, measuring nothing."""
    from gradmeter.bench.cases.program import program, sources

    engine, workload = question.variant.engine, question.workload
    with ExitStack() as stack:
        if engine.distributions:  # warnings of another engine are not about this suite
            stack.enter_context(warnings.catch_warnings(action="ignore"))
        adapter = engine.make(**dict(question.variant.of_engine))
        stack.enter_context(adapter.using())
        for _phase in program(workload, adapter, sources(workload, question.size, 0)):
            pass


def extra(case: Case) -> dict[str, Any]:
    """Return a case's memory as plain integers, for pytest-benchmark's ``extra_info``."""
    figures: dict[str, Any] = {
        "workload": case.workload,
        "size": case.size,
        "variant": case.variant,
        "collector": case.collector,
        "allocator": case.allocator,
        "array_bytes": case.array_bytes,
    }
    if case.memory is not None:
        figures["deterministic"] = case.deterministic
        for name in ("forward", "backward", "peak", "held"):
            figures[f"{name}_bytes"] = getattr(case.memory, name)
        figures.update(_counts(case))
    if case.cycles is not None:
        figures["dropped_bytes"] = case.cycles.dropped
        figures["cycle_bytes"] = case.cycles.bytes
        figures["cycle_objects"] = case.cycles.objects
    if case.predicted is not None:
        figures["predicted_peak_bytes"] = case.predicted.peak
    if case.heap:
        figures["heap_peak_bytes"] = case.heap[-1].peak
        figures["heap_held_bytes"] = case.heap[-1].held
    if case.residency is not None:
        figures["resident_bytes"] = case.residency.bytes
    return figures


def _counts(case: Case) -> dict[str, int]:
    counts = {"allocations": layers.reading(case, "allocations").value}
    counts["allocated_bytes"] = layers.reading(case, "allocated").value
    return {name: value for name, value in counts.items() if value is not None}


def show(
    run: Run,
    reporter: pytest.TerminalReporter,
    config: pytest.Config,
    settings: Settings,
    budgets: Mapping[str, str],
) -> None:
    """Print a run as a section of pytest's summary.

    Args:
        budgets: the outcome of each test's budget ("kept", "broken", ...), by node id.
    """
    timed = any(not case.ordinary for case in run.cases)
    figures = "memory and time of the cases above" if timed else "exact memory of the calls above"
    if timed and run.options.exact:
        figures = "exact memory of the cases above"
    reporter.section(f"gradmeter: {figures}")
    show_run(run, reporter, settings, budgets)
    for option in sorted(_given_options(config) & _NOT_APPLICABLE.keys()) if timed else ():
        reporter.line(f"{option} does not apply to these cases: {_NOT_APPLICABLE[option]}")
    for line in written(settings.out, config):
        reporter.line(line)


def show_run(
    run: Run,
    reporter: pytest.TerminalReporter,
    settings: Settings,
    budgets: Mapping[str, str] | None = None,
) -> None:
    """Print the summary of a run, or with pytest's --verbose every table."""
    everything = reporter.config.getoption("verbose") > 0
    width = int(reporter._tw.fullwidth)
    with to_terminal(reporter._tw._file) as file:
        console = Console(file=file, width=max(80, width) if everything else width, emoji=False)
        chosen = ordinary.chosen(settings.sort, settings.top, "--bench-sort")
        terminal.show(run, console, budgets, chosen=chosen, everything=everything)
        if settings.law and not everything:
            console.print()
            law_lists.show_tests(run, console)


def written(out: Path, config: pytest.Config) -> list[str]:
    """Say in a line which files of a run were written; none where none were."""
    files = (session.RUN_FILE, session.REPORT_FILE, session.PAGE_FILE)
    names = [name for name in files if (out / name).exists()]
    folder = out
    with suppress(ValueError):  # it lies elsewhere
        folder = out.relative_to(config.invocation_params.dir)
    return [f"written: {folder / names[0]}, {', '.join(names[1:])}".rstrip(", ")] if names else []


def _given_options(config: pytest.Config) -> set[str]:
    """Return the names of the options that the command line, ini file or environment gives."""
    words = [
        *config.getini("addopts"),
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *map(str, config.invocation_params.args),
    ]
    return {word.partition("=")[0] for word in words if word.startswith("--")}
