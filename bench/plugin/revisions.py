"""Compare a session's benchmark calls between git revisions: ``pytest --bench-rev main``.

A pytest plugin that is registered with that option only. In place of collecting and running tests,
the session has their calls measured at every revision, see runs/call_comparison.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from gradmeter.bench import suite_session
from gradmeter.bench.cases.checkouts import Wanted
from gradmeter.bench.cases.revisions import with_working_tree
from gradmeter.bench.errors import UsageError
from gradmeter.bench.plugin.measured import show_run, written
from gradmeter.bench.plugin.other_plugins import switch_off
from gradmeter.bench.plugin.settings import Settings
from gradmeter.bench.plugin.sharding import read_share
from gradmeter.bench.plugin.words import in_words_of_pytest
from gradmeter.bench.report import comparison, gate
from gradmeter.bench.results.run import Options, Run
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.verdicts import breaches, gates, verdicts

FIRST_SETS, MOST_SETS, SECONDS, LIMIT = 10, 64, 12.0, 60.0
_OURS = ("--bench-", "--no-bench-")  # what our options begin with


class Revisions:
    """The hooks that compare revisions in place of running tests."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config, self.settings = config, settings
        self.run: Run | None = None
        self.failed: Sequence[breaches.Breach] = ()
        if not config.pluginmanager.hasplugin("benchmark"):
            raise UsageError("--bench-rev compares pytest-benchmark's calls, and it is not active")
        if config.getoption("numprocesses", None) or config.getoption("dist", "no") != "no":
            raise UsageError(
                "--bench-rev times calls, which takes the machine for itself: switch pytest-xdist "
                "off, with -n0 or -p no:xdist"
            )
        switch_off(config)  # such as saving what pytest-benchmark has not timed
        if settings.against:
            raise UsageError("--bench-rev and --bench-against exclude each other; choose one")
        with in_words_of_pytest():
            self.gates = [gates.parse(text) for text in settings.fail_on]
            suite_session.refuse(settings.tests, self.gates, self.options())

    def options(self) -> Options:
        """The options of the comparison, from the session's."""
        get = self.config.getoption
        given = get("bench_sets") is not None
        return Options(
            collector=self.settings.collector,
            allocator=self.settings.allocator,
            seed=0,
            sets=self.settings.sets if given else FIRST_SETS,
            budget=float(get("benchmark_max_time")),
            min_rounds=int(get("benchmark_min_rounds")),
            limit=LIMIT,
            most_sets=self.settings.sets if given else MOST_SETS,
            seconds=SECONDS,
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool | None:
        """Collect nothing here: each revision collects in a process of its own."""
        if session.config.option.collectonly:
            return None
        session.items = []
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Compare in place of running the tests."""
        if session.config.option.collectonly:
            return None
        capture = self.config.pluginmanager.getplugin("capturemanager")
        try:
            with capture.global_and_fixture_disabled() if capture else nullcontext():
                self._measure()
        except UsageError as error:
            pytest.exit(f"gradmeter: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        return True

    def _measure(self) -> None:
        start = Path(self.config.invocation_params.dir)
        wanted = Wanted(
            revisions=with_working_tree(self.settings.revisions),
            roots=tuple(self.settings.path),
            build=self.settings.install,
        )
        console = Console(stderr=True, emoji=False)
        console.print()
        with in_words_of_pytest(), Teller(console) as tell:
            self.run = suite_session.compare_suite(
                _of_the_suite(self.config),
                wanted,
                start,
                self.options(),
                self.settings.out,
                tell,
                tests=self.settings.tests,
                whole=self.settings.whole,
                criteria=self.gates,
                layers=self.settings.memory[1:],
                share=read_share(self.settings),
            )
        rows = verdicts.candidates(self.run)
        self.failed = breaches.of_rows(self.gates, rows, self.run.options)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session for a gate, or a call that could not be measured."""
        if self.run is not None and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            unmeasured = any(case.failed for case in self.run.cases)
            failed = bool(self.failed) or unmeasured
            session.exitstatus = pytest.ExitCode.TESTS_FAILED if failed else pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the comparison."""
        if self.run is None:
            return
        terminalreporter.section("gradmeter: revisions compared")
        show_run(self.run, terminalreporter, self.settings)
        lines = [f"{label}: {meaning}" for label, meaning in self.run.revisions.items()]
        lines += written(self.settings.out, self.config)
        lines += [comparison.headline(self.run), *gate.breaches(self.failed, self.run)]
        for line in lines:
            terminalreporter.line(line, red=line.startswith("gate failed"))


def _of_the_suite(config: pytest.Config) -> list[str]:
    """pytest's command line without gradmeter's options."""
    kept: list[str] = []
    following = iter(map(str, config.invocation_params.args))
    for word in following:
        name, equals, _ = word.partition("=")
        if not name.startswith(_OURS):
            kept.append(word)
            continue
        variable = name.removeprefix("--no").strip("-").replace("-", "_")
        # Those without a value set one that is true or false.
        if not equals and not isinstance(config.getoption(variable), bool):
            next(following, None)
    return kept
