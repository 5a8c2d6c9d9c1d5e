"""The one run that all questions of a pytest session make up, and how a session shows it."""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import results, session
from bench.plan import Group
from bench.progress import Teller
from bench.questions import Question
from bench.report import terminal
from bench.results import Case, Comparison, Options, Run
from bench.settings import Settings
from bench.variants import Variant

LIMIT = 60.0

# What pytest-benchmark's options would do in this process, where nothing is timed.
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


class Answers:
    """What is measured for the questions that were selected; nothing before the first is asked."""

    def __init__(
        self, config: pytest.Config, settings: Settings, questions: list[Question]
    ) -> None:
        self.config = config
        self.settings = settings
        self.questions = questions
        self.run: Run | None = None
        self._path = settings.out / session.RUN_FILE
        self._before: object = None  # the run file as it was when measuring began
        self._begun = False

    def options(self) -> Options:
        """How to measure, from pytest-benchmark's options and ours."""
        get = self.config.getoption
        return Options(
            collector=self.settings.collector,
            seed=0,
            sets=self.settings.sets,
            budget=float(get("benchmark_max_time")),
            min_rounds=int(get("benchmark_min_rounds")),
            limit=LIMIT,
        )

    def groups(self) -> tuple[list[Group], list[Comparison]]:
        """Group the questions by workload and size; compare each with its baseline."""
        found: dict[tuple[str, int], dict[Variant, None]] = {}
        compared: dict[tuple[str, int, str], dict[str, None]] = {}
        for q in self.questions:
            found.setdefault((q.workload, q.size), {}).setdefault(q.variant)
            others = compared.setdefault((q.workload, q.size, str(q.baseline)), {})
            if q.variant != q.baseline:
                others.setdefault(str(q.variant))
        groups = [Group(w, s, tuple(variants)) for (w, s), variants in found.items()]
        present = {(g.workload, g.size, str(v)) for g in groups for v in g.variants}
        comparisons = [
            Comparison(workload=w, size=s, baseline=b, candidates=list(others))
            for (w, s, b), others in compared.items()
            if others and (w, s, b) in present
        ]
        return groups, comparisons

    def case(self, question: Question) -> Case:
        """The measured case of a question; the first call measures them all.

        Raises:
            UsageError: they cannot be measured.
        """
        if self.run is None:
            capture = self.config.pluginmanager.getplugin("capturemanager")
            groups, comparisons = self.groups()
            out = self.settings.out
            with capture.global_and_fixture_disabled() if capture else nullcontext():
                console = Console(stderr=True, emoji=False)
                console.print()
                with Teller(console) as tell:
                    self._begun, self._before = True, _version(self._path)
                    self.run = session.measure(groups, comparisons, self.options(), out, tell)
        found = self.run.case(question.workload, question.size, str(question.variant))
        assert isinstance(found, Case)
        return found

    def so_far(self) -> Run | None:
        """The run, also one that was interrupted; None where there is none.

        Raises:
            UsageError: what was written of it cannot be read.
        """
        if self.run is None and self._begun and _version(self._path) != self._before:
            return results.load(self._path)
        return self.run


def _version(path: Path) -> object:
    """What changes when a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def smoke(question: Question) -> None:
    """Run a case once in this process, measuring nothing."""
    from bench import engines, workloads
    from bench.program import program, sources

    engine = engines.get(question.variant.engine)
    workload = workloads.get(question.workload)
    with ExitStack() as stack:
        if engine.distributions:  # what others warn of is not about this suite
            stack.enter_context(warnings.catch_warnings(action="ignore"))
        adapter = engine.make(**dict(question.variant.of_engine))
        stack.enter_context(adapter.using())
        for _phase in program(workload, adapter, sources(workload, question.size, 0)):
            pass


def extra(case: Case) -> dict[str, Any]:
    """A case's memory as plain integers, under the names of the run file."""
    found: dict[str, Any] = {
        "workload": case.workload,
        "size": case.size,
        "variant": case.variant,
        "collector": case.collector,
        "array_bytes": case.array_bytes,
    }
    if case.memory is not None:
        found["deterministic"] = case.deterministic
        for name in ("forward", "backward", "peak", "held"):
            found[f"{name}_bytes"] = getattr(case.memory, name)
    if case.cycles is not None:
        found["dropped_bytes"] = case.cycles.dropped
        found["cycle_bytes"] = case.cycles.bytes
        found["cycle_objects"] = case.cycles.objects
    if case.predicted is not None:
        found["predicted_peak_bytes"] = case.predicted.peak
    if case.heap:
        found["heap_peak_bytes"], found["heap_held_bytes"] = case.heap[-1].peak, case.heap[-1].held
    if case.residency is not None:
        found["resident_bytes"] = case.residency.bytes
    return found


def show(
    run: Run,
    reporter: pytest.TerminalReporter,
    config: pytest.Config,
    out: Path,
    budgets: Mapping[str, str],
) -> None:
    """Print a run as a section of pytest's summary.

    Args:
        out: the folder that it was written to.
        budgets: what became of the budgets of ordinary tests, by node id.
    """
    asked = any(not case.ordinary for case in run.cases)
    what = "memory and time of the cases above" if asked else "exact memory of the calls above"
    reporter.section(f"gradmeter: {what}")
    width = max(80, int(reporter._tw.fullwidth))
    console = Console(file=reporter._tw._file, width=width, emoji=False)
    terminal.show(run, console, budgets)
    for option in sorted(_given(config) & _NOT_APPLICABLE.keys()) if asked else ():
        reporter.line(f"{option} does not apply to these cases: {_NOT_APPLICABLE[option]}")
    for name in (session.RUN_FILE, session.REPORT_FILE, session.PAGE_FILE):
        if (out / name).exists():
            reporter.line(f"written: {out / name}")


def _given(config: pytest.Config) -> set[str]:
    """The option names that the call, the ini file or the environment gives."""
    words = [
        *config.getini("addopts"),
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *map(str, config.invocation_params.args),
    ]
    return {word.partition("=")[0] for word in words if word.startswith("--")}
