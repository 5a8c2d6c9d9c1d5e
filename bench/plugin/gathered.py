"""Gather the figures of a session's calls: write each at once, and report on them at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.plugin import call_cases
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.readings import SelfTest, Value
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.results.shard import Shard
from gradmeter.bench.session import save, write

WRITTEN_AT_ONCE = 8  # cases; from there on, writing takes a share of the session's time at most
WRITE_SHARE = 0.05  # of the session's time goes into writing run.json at most
WRITE_SECONDS = 0.1  # that go into it anyhow
MOST_NAMED = 3  # tests that one kind of message names; the others are counted


class CallReport(Value, frozen=True, kw_only=True):
    """The figures of a test's call, as its report carries them between processes.

    Attributes:
        case: None where the call was not measured.
        self_tests: of the process that ran the test.
        budget: "kept", "broken", "not judged" or "no call"; empty where the test has none.
        unavailable: why the call could not be measured; empty where it could.
    """

    case: Case | None
    self_tests: list[SelfTest]
    budget: str
    unavailable: str


class Gathered:
    """The figures of a session's calls, in the order in which they arrive.

    Args:
        out: the folder for run.json.
        cases_run: returns the run of the session's workloads; None where it measures none.
        shard: returns the shard whose tests are run; None where they are all.
    """

    def __init__(
        self, out: Path, cases_run: Callable[[], Run | None], shard: Callable[[], Shard | None]
    ) -> None:
        self.out = out
        self.cases_run = cases_run
        self.shard = shard
        self.spent: dict[str, float] = {}
        self.cases: dict[str, Case] = {}
        self.budgets: dict[str, str] = {}
        self.unavailable: dict[str, str] = {}
        self.tests: list[SelfTest] = []
        self._alone: Run | None = None
        self._began = time.monotonic()
        self._writing = 0.0  # seconds

    def add(self, name: str, report: CallReport) -> None:
        """Add the figures of a test's call, and write run.json if they are new."""
        self.tests = self.tests or report.self_tests
        if report.budget:
            self.budgets[name] = report.budget
        if report.unavailable:
            self.unavailable[name] = report.unavailable
        if report.case is not None and self.cases.get(name) != report.case:
            self.cases[name] = report.case
            self._write()

    def spend(self, name: str, seconds: float) -> None:
        """Add to the seconds that a test took."""
        self.spent[name] = round(self.spent.get(name, 0.0) + seconds, 3)

    def _write(self) -> None:
        """Write run.json, unless too much of the session's time went into that."""
        began = time.monotonic()
        spent = self._writing > WRITE_SHARE * (began - self._began) + WRITE_SECONDS
        if spent and len(self.cases) > WRITTEN_AT_ONCE:
            return
        with suppress(UsageError):  # `finish` reports it
            save(self.run(finished=False), self.out)
        self._writing += time.monotonic() - began

    def run(self, *, finished: bool) -> Run:
        """Return everything that was measured so far as one run."""
        run = self.cases_run()
        if run is None:
            self._alone = run = self._alone or call_cases.run((), self.tests)
        run = call_cases.merged(run, self.cases.values(), self.tests, finished)
        return msgspec.structs.replace(run, spent=run.spent | self.spent, shard=self.shard())

    def finish(self, finished: bool) -> tuple[Run | None, list[str], bool]:
        """Write the run and the reports.

        Args:
            finished: whether the session came to its end.

        Returns:
            The run, None where nothing was measured; messages to print; and whether the
            session fails for them.
        """
        messages, failed = self._messages(finished)
        if not self.cases and self.shard() is None:
            return self.cases_run(), messages, failed
        run = self.run(finished=finished)
        try:
            run = write(run, self.out)
        except UsageError as error:
            messages, failed = [*messages, f"gradmeter: {error}"], True
        return run, messages, failed

    def _messages(self, finished: bool) -> tuple[list[str], bool]:
        """Return messages about calls without figures, and whether a budget is not judged."""
        messages = []
        unjudged = sum(name in self.unavailable for name in self.budgets)
        if self.unavailable:
            tests = f"{len(self.unavailable)} test{'s' * (len(self.unavailable) > 1)}"
            budgets = f", and {unjudged} of their budgets not judged" if unjudged else ""
            reason = next(iter(self.unavailable.values()))
            messages.append(f"gradmeter: {tests} without memory figures{budgets}: {plain(reason)}")
        elif finished and not self.cases and self.shard() is None:
            messages.append("gradmeter: no test called benchmark, so there is nothing to show")
        idle = [plain(name) for name, word in self.budgets.items() if word == "no call"]
        messages += [
            f"gradmeter: {name} has a budget and never calls benchmark: not judged"
            for name in idle[:MOST_NAMED]
        ]
        if len(idle) > MOST_NAMED:
            messages.append(f"gradmeter: and {len(idle) - MOST_NAMED} more such tests")
        return messages, unjudged > 0
