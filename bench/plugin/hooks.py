"""The pytest hooks: the runner measures a session's cases, and pytest-benchmark shows them.

A test that takes the fixture ``measure`` names its cases with `cases`. The first of these
tests measures all selected cases as one run, and the durations enter pytest-benchmark
through a timer that plays them back.

With ``--bench-memory`` the calls of other pytest-benchmark tests are measured too, see
gradmeter.bench.plugin.calls. Where gradmeter is installed, every pytest session of every
project loads this module: so it imports the harness only when an option needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from gradmeter.bench.errors import LostError, UsageError
from gradmeter.bench.plugin import options
from gradmeter.bench.plugin.cases import Measure, Question, playback, question_of
from gradmeter.bench.plugin.state import KEY, Session, enabled


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add gradmeter's options; pytest-benchmark's own set how long a case is timed."""
    options.add(parser)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """With ``--bench-rev``, run nothing under coverage: no test runs in this process."""
    if getattr(early_config.known_args_namespace, "bench_rev", None):
        from gradmeter.bench.plugin.other_plugins import switch_coverage_off

        switch_coverage_off(early_config)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Make the session's state; refuse gates that do not parse before anything is measured."""
    config.addinivalue_line(
        "markers",
        "bench_memory(max_peak, max_held, max_cycle, max_growth, max_allocations): the most bytes "
        'that the test\'s call may take, as 24_000_000 or "24MB", or leave each time; or its most '
        "allocations. Also max_python_peak, max_heap_peak and the like. Judged with "
        "--bench-memory. bench_memory(False): the call is not measured.",
    )
    try:
        state = config.stash[KEY] = Session(config)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    try:
        if state.settings.shard or state.settings.shard_by:
            _shard(config, state)
        if (state.settings.on or state.settings.dry_run) and not hasattr(config, "workerinput"):
            from gradmeter.bench.plugin.planning import Planning

            planning = Planning(
                config, state.settings, state.sharding, state.questions, state.screen
            )
            config.pluginmanager.register(planning, "gradmeter-planning")
    except (ImportError, UsageError) as error:
        raise pytest.UsageError(str(error)) from None
    if state.settings.revisions and not hasattr(config, "workerinput"):
        try:
            from gradmeter.bench.plugin.revisions import Revisions

            config.pluginmanager.register(Revisions(config, state.settings), "gradmeter-revisions")
        except (ImportError, UsageError) as error:
            raise pytest.UsageError(str(error)) from None
    elif state.settings.memory:
        if config.pluginmanager.hasplugin("benchmark"):
            try:
                from gradmeter.bench.plugin.calls import Suite
                from gradmeter.bench.plugin.gathered import Gathered
            except Exception as error:  # a package that is missing, or broken
                state.screen.append(_problem("--bench-memory measures no calls here", error))
                return
            state.gathered = Gathered(state.settings.out, state.cases_run, state.shard)
            config.pluginmanager.register(
                Suite(
                    config,
                    state.gathered,
                    state.settings.memory,
                    lines=state.settings.lines,
                    law=state.wants_laws,
                ),
                "gradmeter-suite",
            )
        else:
            state.screen.append(
                "gradmeter: --bench-memory measures what pytest-benchmark calls, and that plugin "
                "is not active"
            )


def _shard(config: pytest.Config, state: Session) -> None:
    """Register the hooks that select a shard; revisions are compared in processes of their own.

    Raises:
        UsageError: there is no such shard.
    """
    from gradmeter.bench.plugin.sharding import Sharding, read_share

    share = read_share(state.settings)
    if share is not None and not state.settings.revisions:
        state.sharding = Sharding(share, state.settings, law=state.wants_laws)
        config.pluginmanager.register(state.sharding, "gradmeter-sharding")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Collect the questions of all selected tests, so that they are measured as one run."""
    questions = session.config.stash[KEY].questions
    questions += [question for item in session.items if (question := question_of(item))]


@pytest.fixture
def measure(benchmark: Any, request: pytest.FixtureRequest) -> Measure:
    """Measure a question in workers, and hand its durations to pytest-benchmark.

    Without ``--benchmark-only`` (or ``--benchmark-enable``) and with ``--benchmark-disable``
    the case runs once, in this process, as a smoke test.
    """
    from gradmeter.bench.plugin.measured import extra, smoke

    config = request.config

    def only_run(target: Callable[[], object]) -> None:
        benchmark.disabled = True
        benchmark.pedantic(target)  # pytest-benchmark warns of an unused fixture

    def apply(question: Question) -> None:
        if benchmark.disabled or not enabled(config):
            only_run(partial(smoke, question))
            return
        try:
            case = config.stash[KEY].measured.case(question)
        except UsageError as error:
            only_run(lambda: None)
            pytest.exit(f"gradmeter: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        except LostError as error:
            only_run(lambda: None)
            message = f"gradmeter: {error}; what was measured is saved"
            pytest.exit(message, returncode=pytest.ExitCode.TESTS_FAILED)
        except BaseException:
            only_run(lambda: None)
            raise
        if case.failure is not None:
            only_run(lambda: None)
            failure = case.failure
            if not case.failed:
                pytest.skip(f"{failure.kind}: {failure.message}")
            pytest.fail(f"{failure.stage}: {failure.kind}: {failure.message}", pytrace=False)
        seconds = case.seconds
        if not seconds and case.first_run is not None:  # where nothing is timed
            seconds = [case.first_run]
        benchmark.extra_info.update(extra(case))
        benchmark.pedantic(playback.play(seconds), rounds=len(seconds))

    return apply


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Finish what was measured and judge the gates; one that failed fails the session."""
    state = session.config.stash.get(KEY, None)
    if state is None or hasattr(session.config, "workerinput"):
        return  # pytest-xdist's workers measure, and its first process gathers
    if state.settings.dry_run:
        return
    try:
        failures = _finish(session, state)
    except Exception as error:  # ours, and no matter of the session's
        state.screen.append(_problem("the figures cannot be reported", error))
        gates = state.gates.gates if state.gates is not None else ()
        failures = {"gate": [gate.text for gate in gates]}
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    for noun, names in failures.items():
        if names and reporter is not None:  # counted in pytest's last line
            reports = [_report(f"{noun} {name}") for name in names]
            reporter.stats[f"{noun}{'s' * (len(names) > 1)} failed"] = reports
    if any(failures.values()) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _finish(session: pytest.Session, state: Session) -> dict[str, list[str]]:
    """Write the run and judge the gates; return for what the session fails, by its noun."""
    failures = {}
    ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    finished = ended and not (session.shouldstop or session.shouldfail)
    if state.gathered is None:
        state.run = state.cases_run()
        if state.without_cases:
            state.run = state.measured.write_none(finished)
    else:
        state.run, lines, failed = state.gathered.finish(finished)
        state.screen += lines
        failures["gradmeter report"] = lines[-1:] if failed else []
    if state.settings.law and state.run is not None:
        from gradmeter.bench.plugin import law_files

        lines, failures["law"] = law_files.finish(state.run, state.settings)
        state.screen += lines
    if state.gates is not None:
        lines, failures["gate"] = state.gates.judge(state.run, state.settings.out)
        state.screen += lines
    return failures


def _report(name: str) -> pytest.TestReport:
    """A failure as a test's report, since other plugins read every report that is counted."""
    return pytest.TestReport(
        name, (name, None, name), keywords={}, outcome="failed", longrepr=None, when="call"
    )


def _problem(what: str, error: Exception) -> str:
    return f"gradmeter: {what}: {type(error).__name__}: {error}"


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """Print gradmeter's section after pytest-benchmark's table, even if that fails."""
    try:
        yield
    finally:
        state = config.stash.get(KEY, None)
        if state is not None and state.run is not None:
            try:
                from gradmeter.bench.plugin.measured import show

                budgets = state.gathered.budgets if state.gathered is not None else {}
                show(state.run, terminalreporter, config, state.settings, budgets)
            except Exception as error:  # ours, and no matter of the session's
                state.screen.insert(0, _problem("the figures cannot be shown", error))
        for line in state.screen if state is not None else ():
            terminalreporter.line(line, red=line.startswith(("gate failed", "FAILED")))


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Record in pytest-benchmark's JSON which gradmeter measured the durations."""
    state = config.stash.get(KEY, None)
    with suppress(Exception):  # a figure that is ours, in a file that is not
        if state is not None and state.cases_run() is not None:
            from gradmeter.bench.results import environment

            machine_info["gradmeter"] = environment.version()
