"""What the ordinary tests of a session sent: gathered, written at once, and said at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench import ordinary
from bench.errors import UsageError
from bench.report.text import plain
from bench.results import Case, Run, SelfTest, Value
from bench.session import save, write

PART = 10  # of the session's time, at most one such part goes into writing run.json
MOST = 3  # tests that are named for the same reason


class Sent(Value, frozen=True, kw_only=True):
    """What a test's report carries.

    Attributes:
        case: None where nothing was measured.
        self_tests: of the process that ran the test.
        budget: "kept", "broken", "not judged" or "no call"; empty where the test has none.
        unavailable: why nothing is.
    """

    case: Case | None
    self_tests: list[SelfTest]
    budget: str
    unavailable: str


class Gathered:
    """The figures of the tests, as they come.

    Args:
        out: the folder for run.json.
        others: the run of what else the session measures; None where there is none.
    """

    def __init__(self, out: Path, others: Callable[[], Run | None]) -> None:
        self.out = out
        self.others = others
        self.cases: dict[str, Case] = {}
        self.budgets: dict[str, str] = {}
        self.unavailable: dict[str, str] = {}
        self.tests: list[SelfTest] = []
        self._alone: Run | None = None
        self._next = 0.0

    def take(self, name: str, sent: Sent) -> None:
        """Take what a test sent, and write down what is new."""
        self.tests = self.tests or sent.self_tests
        if sent.budget:
            self.budgets[name] = sent.budget
        if sent.unavailable:
            self.unavailable[name] = sent.unavailable
        if sent.case is not None and self.cases.get(name) != sent.case:
            self.cases[name] = sent.case
            self._write()

    def _write(self) -> None:
        """Write run.json, unless that would take too much of the session's time."""
        began = time.monotonic()
        if began < self._next:
            return
        with suppress(UsageError):  # which `finish` says
            save(self.run(finished=False), self.out)
        now = time.monotonic()
        self._next = now + PART * (now - began)

    def run(self, *, finished: bool) -> Run:
        """Everything that was measured so far, as one run."""
        others = self.others()
        if others is None:
            self._alone = others = self._alone or ordinary.run((), self.tests)
        return ordinary.merged(others, self.cases.values(), self.tests, finished)

    def finish(self, finished: bool) -> tuple[Run | None, list[str], bool]:
        """Write the run and the reports; return the run, what to say, and whether that fails.

        Args:
            finished: whether the session came to its end.
        """
        said, failed = self._said(finished)
        if not self.cases:
            return self.others(), said, failed
        found = self.run(finished=finished)
        try:
            write(found, self.out)
        except UsageError as error:
            said, failed = [*said, f"gradmeter: {error}"], True
        return found, said, failed

    def _said(self, finished: bool) -> tuple[list[str], bool]:
        """What is no figure, and whether a budget could not be judged for it."""
        said = []
        unjudged = sum(name in self.unavailable for name in self.budgets)
        if self.unavailable:
            tests = f"{len(self.unavailable)} test{'s' * (len(self.unavailable) > 1)}"
            lost = f", and {unjudged} of their budgets not judged" if unjudged else ""
            why = next(iter(self.unavailable.values()))
            said.append(f"gradmeter: {tests} without memory figures{lost}: {plain(why)}")
        elif finished and not self.cases:
            said.append("gradmeter: no test called benchmark, so there is nothing to show")
        idle = [plain(name) for name, word in self.budgets.items() if word == "no call"]
        said += [
            f"gradmeter: {name} has a budget and never calls benchmark: not judged"
            for name in idle[:MOST]
        ]
        if len(idle) > MOST:
            said.append(f"gradmeter: and {len(idle) - MOST} more such tests")
        return said, unjudged > 0
