"""Door one: pytest. Cases are measured by the runner; pytest-benchmark shows their durations.

A test that asks for the fixture ``measure`` names its cases with `cases`. All cases that
were selected are measured as one run when the first of them comes up, and the durations
enter pytest-benchmark through a timer that plays them back.

With ``--bench-memory`` the calls of ordinary pytest-benchmark tests are measured too, see
bench.suites. Every pytest session of every project loads this module where gradmeter is
installed: so it imports what it needs when that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bench import questions, settings
from bench.errors import UsageError
from bench.questions import Measure, Question, cases, playback

if TYPE_CHECKING:
    from bench.answers import Answers
    from bench.asked import Asked
    from bench.gathered import Gathered
    from bench.results import Run

__all__ = ["Measure", "Question", "cases"]


class Session:
    """What a pytest session was asked, and what came of it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = settings.read(config)
        self.questions: list[Question] = []
        self.gates: Asked | None = None
        self.gathered: Gathered | None = None
        self.run: Run | None = None
        self.screen: list[str] = []
        self._answers: Answers | None = None
        if self.settings.engines:
            from bench import engines

            for file in self.settings.engines:
                engines.add_file(file)
        if self.settings.fail_on or self.settings.against:
            from bench import asked

            self.gates = asked.read(self.settings)

    @property
    def answers(self) -> Answers:
        """What is measured for the questions."""
        if self._answers is None:
            from bench.answers import Answers

            self._answers = Answers(self.config, self.settings, self.questions)
        return self._answers

    def answered(self) -> Run | None:
        """The run of the questions as far as it is; None where none was asked."""
        return None if self._answers is None else self._answers.so_far()


KEY = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our few options; time is steered by pytest-benchmark's."""
    settings.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Make the session's state; refuse gates that do not parse before anything is measured."""
    config.addinivalue_line(
        "markers",
        "bench_memory(max_peak, max_held, max_cycle): the most bytes that the test's call may "
        'take, as 24_000_000 or "24MB"; judged with --bench-memory.',
    )
    try:
        state = config.stash[KEY] = Session(config)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    if state.settings.memory:
        if config.pluginmanager.hasplugin("benchmark"):
            from bench.gathered import Gathered
            from bench.suites import Suite

            state.gathered = Gathered(state.settings.out, state.answered)
            config.pluginmanager.register(Suite(config, state.gathered), "gradmeter-suite")
        else:
            state.screen.append(
                "gradmeter: --bench-memory measures what pytest-benchmark calls, and that plugin "
                "is not active"
            )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note every question that was selected, so that they are measured as one run."""
    found = session.config.stash[KEY].questions
    found += [question for item in session.items if (question := questions.of(item))]


@pytest.fixture
def measure(benchmark: Any, request: pytest.FixtureRequest) -> Measure:
    """Measure a question in workers, and hand its durations to pytest-benchmark.

    Without ``--benchmark-only`` (or ``--benchmark-enable``) and with ``--benchmark-disable``
    the case runs once, in this process, as a smoke test.
    """
    from bench.answers import extra, smoke

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
            case = config.stash[KEY].answers.case(question)
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
        benchmark.extra_info.update(extra(case))
        benchmark.pedantic(playback.play(seconds), rounds=len(seconds))

    return apply


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Finish what was measured and judge the gates; one that failed fails the session."""
    state = session.config.stash[KEY]
    if hasattr(session.config, "workerinput"):
        return  # pytest-xdist's other processes only measure
    failed = False
    if state.gathered is None:
        state.run = state.answered()
    else:
        ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        stopped = bool(session.shouldstop or session.shouldfail)
        state.run, lines, failed = state.gathered.finish(ended and not stopped)
        state.screen += lines
    if state.gates is not None:
        lines, broken = state.gates.judge(state.run, state.settings.out)
        state.screen += lines
        failed |= broken
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
            from bench.answers import show

            budgets = state.gathered.budgets if state.gathered is not None else {}
            show(state.run, terminalreporter, config, state.settings.out, budgets)
        for line in state.screen:
            terminalreporter.line(line, red=line.startswith(("gate failed", "FAILED")))


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Say in pytest-benchmark's JSON how the durations were come by."""
    if config.stash[KEY].answered() is not None:
        from bench import environment

        machine_info["gradmeter"] = environment.version()
