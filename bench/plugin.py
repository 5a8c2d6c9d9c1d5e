"""Door one: pytest. Cases are measured by the runner; pytest-benchmark shows their durations.

A test that asks for the fixture ``measure`` names its cases with `cases`. All cases that
were selected are measured as one run when the first of them comes up, and the durations
enter pytest-benchmark through a timer that plays them back.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import asked, environment, session
from bench.errors import UsageError
from bench.plan import Group
from bench.progress import Teller
from bench.report import terminal
from bench.results import Case, Comparison, Options, Run
from bench.variants import Variant, parse

SETS = 4
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


@dataclass(frozen=True)
class Question:
    """What one test asks: a variant of a workload at a size, beside a baseline."""

    workload: str
    size: int
    variant: Variant
    baseline: Variant


Measure = Callable[[Question], None]


class Playback:
    """A clock that durations measured elsewhere move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time on this clock."""
        return self.now

    def play(self, durations: Sequence[float]) -> Callable[[], None]:
        """Return a function that takes the next of these durations at every call."""
        left = iter(durations)  # who profiles calls once more than there are durations

        def target() -> None:
            self.now += next(left, 0.0)

        return target


playback = Playback()


def cases(
    workloads: Sequence[str], sizes: Sequence[int], variants: Sequence[str]
) -> pytest.MarkDecorator:
    """Decorate a test that takes ``measure`` and ``question``: one test for each case.

    Args:
        workloads: names, as ``gradmeter list`` shows them.
        sizes: elements in each array.
        variants: as ``engine:setting=value``; the first is the baseline.
    """
    parsed = [parse(text) for text in variants]
    parameters = [
        pytest.param(
            Question(workload, size, variant, parsed[0]),
            id=f"{workload}-{size}-{variant}",
            marks=pytest.mark.benchmark(timer=playback, group=f"{workload} x {size:,}"),
        )
        for workload in workloads
        for size in sizes
        for variant in parsed
    ]
    return pytest.mark.parametrize("question", parameters)


class Session:
    """The one run that all selected questions of a pytest session make up."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.questions: list[Question] = []
        self.out = Path(config.getoption("bench_out"))
        if not self.out.is_absolute():
            self.out = config.rootpath / self.out
        self.run: Run | None = None
        self.asked = asked.read(config)
        self.screen: list[str] = []

    def options(self) -> Options:
        """How to measure, from pytest-benchmark's options and ours."""
        get = self.config.getoption
        return Options(
            collector=get("bench_collector"),
            seed=0,
            sets=int(get("bench_sets")),
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
            with capture.global_and_fixture_disabled() if capture else nullcontext():
                console = Console(stderr=True, emoji=False)
                console.print()
                with Teller(console) as tell:
                    self.run = session.measure(groups, comparisons, self.options(), self.out, tell)
        found = self.run.case(question.workload, question.size, str(question.variant))
        assert isinstance(found, Case)
        return found


def smoke(question: Question) -> None:
    """Run a case once in this process, measuring nothing."""
    from bench import engines, workloads
    from bench.program import program, sources

    adapter = engines.get(question.variant.engine).make(**dict(question.variant.settings))
    workload = workloads.get(question.workload)
    with adapter.using():
        for _phase in program(workload, adapter, sources(workload, question.size, 0)):
            pass


KEY = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our few options; time is steered by pytest-benchmark's."""
    group = parser.getgroup("gradmeter", "what an engine costs, in bytes and in seconds")
    group.addoption(
        "--bench-out",
        default=str(session.LATEST),
        metavar="DIR",
        help="The folder for run.json and report.md. Default: %(default)s",
    )
    group.addoption(
        "--bench-collector",
        default="on",
        choices=("on", "off"),
        help="Python's cyclic garbage collector while timing. Default: %(default)s",
    )
    group.addoption(
        "--bench-sets",
        type=int,
        default=SETS,
        metavar="N",
        help="Sets of fresh processes that each case is timed in; a verdict on time takes 8. "
        "Default: %(default)s",
    )
    asked.add_options(group)


def pytest_configure(config: pytest.Config) -> None:
    """Make the session's state; refuse gates that do not parse before anything is measured."""
    try:
        config.stash[KEY] = Session(config)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note every question that was selected, so that they are measured as one run."""
    state = session.config.stash[KEY]
    for item in session.items:
        callspec = getattr(item, "callspec", None)
        question = callspec.params.get("question") if callspec else None
        if isinstance(question, Question):
            state.questions.append(question)


@pytest.fixture
def measure(benchmark: Any, request: pytest.FixtureRequest) -> Measure:
    """Measure a question in workers, and hand its durations to pytest-benchmark.

    Without ``--benchmark-only`` (or ``--benchmark-enable``) and with ``--benchmark-disable``
    the case runs once, in this process, as a smoke test.
    """
    config = request.config
    asked = config.getoption("benchmark_only") or config.getoption("benchmark_enable")

    def only_run(target: Callable[[], object]) -> None:
        benchmark.disabled = True
        benchmark.pedantic(target)  # pytest-benchmark warns of a fixture that was not used

    def apply(question: Question) -> None:
        if benchmark.disabled or not asked:
            only_run(partial(smoke, question))
            return
        try:
            case = config.stash[KEY].case(question)
        except UsageError as error:
            only_run(lambda: None)
            pytest.exit(f"gradmeter: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        except BaseException:
            only_run(lambda: None)
            raise
        if case.failure is not None:
            only_run(lambda: None)
            f = case.failure
            if not case.failed:
                pytest.skip(f"{f.kind}: {f.message}")
            pytest.fail(f"{f.stage}: {f.kind}: {f.message}", pytrace=False)
        seconds = case.seconds
        benchmark.extra_info.update(_extra(case))
        benchmark.pedantic(playback.play(seconds), rounds=len(seconds))

    return apply


def _extra(case: Case) -> dict[str, Any]:
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
    if case.residency is not None:
        found["resident_bytes"] = case.residency.bytes
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Judge the gates; one that failed fails the session."""
    state = session.config.stash[KEY]
    state.screen, failed = state.asked.judge(state.run, state.out)
    if failed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """Print our section after pytest-benchmark's table, also where that ends in an error."""
    try:
        yield
    finally:
        state = config.stash[KEY]
        if state.run is not None:
            _summary(terminalreporter, config)
        for line in state.screen:
            terminalreporter.line(line, red=line.startswith(("gate failed", "FAILED")))


def _summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    state = config.stash[KEY]
    assert state.run is not None
    terminalreporter.section("gradmeter: memory and time of the cases above")
    console = Console(file=terminalreporter._tw._file, width=_width(terminalreporter), emoji=False)
    terminal.show(state.run, console)
    for option in sorted(_given(config) & _NOT_APPLICABLE.keys()):
        terminalreporter.line(f"{option} does not apply to these cases: {_NOT_APPLICABLE[option]}")
    for name in (session.RUN_FILE, session.REPORT_FILE, session.PAGE_FILE):
        if (state.out / name).exists():
            terminalreporter.line(f"written: {state.out / name}")


def _width(terminalreporter: pytest.TerminalReporter) -> int:
    return max(80, int(terminalreporter._tw.fullwidth))


def _given(config: pytest.Config) -> set[str]:
    """The option names that the call, the ini file or the environment gives."""
    words = [
        *config.getini("addopts"),
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *map(str, config.invocation_params.args),
    ]
    return {word.partition("=")[0] for word in words if word.startswith("--")}


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Say in pytest-benchmark's JSON how the durations were come by."""
    if config.stash[KEY].run is not None:
        machine_info["gradmeter"] = environment.version()
