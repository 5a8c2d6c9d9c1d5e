"""Anybody's pytest-benchmark suite: the call of each ordinary test, measured after it was timed.

A pytest plugin that is there only where it was asked for. In the process that runs a test
it lets the fixture ``benchmark`` tell of its call, and sends the figures with the test's
report; in the process that began the session, with pytest-xdist another one, it gathers
them. What the figures are is the business of bench.meters.call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench import budgets, ordinary, questions
from bench.errors import UsageError
from bench.meters import selftest
from bench.meters.allocations import UnavailableError
from bench.meters.call import Call, Pass, measure
from bench.report.text import plain
from bench.results import Case, Run, SelfTest, Value
from bench.session import ready, save, write

PART = 10  # of the session's time, at most one such part goes into writing run.json
MOST = 3  # tests that are named for the same reason
_LINE = "gradmeter"  # the attribute of a report that carries a Sent as JSON

# What ends a test without being an Exception.
_OUTCOMES = (pytest.fail.Exception, pytest.skip.Exception)


class Sent(Value, frozen=True, kw_only=True):
    """What a test's report carries.

    Attributes:
        case: None where nothing was measured.
        self_tests: of the process that ran the test.
        budget: "kept", "broken", "not judged" or "no call"; empty where the test has none.
        unavailable: why nothing is measured at all.
    """

    case: Case | None
    self_tests: list[SelfTest]
    budget: str
    unavailable: str


class Found:
    """What is known of a test while it runs."""

    def __init__(self) -> None:
        self.case: Case | None = None
        self.passes: list[Pass] = []
        self.budget = ""


FOUND = pytest.StashKey[Found]()
BUDGET = pytest.StashKey[budgets.Budget]()


@cache
def _telling(kind: Any) -> Any:
    """A class of benchmark fixtures that tell of what they were called with.

    Its name is the other's, and nothing but its two public methods is changed.
    """

    class Telling(kind):  # type: ignore[misc]
        gradmeter_tell: Callable[[Any, Call], None]

        def __call__(self, function_to_benchmark: Any, *args: Any, **kwargs: Any) -> Any:
            result = super().__call__(function_to_benchmark, *args, **kwargs)
            self.gradmeter_tell(self, Call(function_to_benchmark, args, kwargs))
            return result

        def pedantic(
            self,
            target: Any,
            args: Any = (),
            kwargs: Any = None,
            setup: Any = None,
            teardown: Any = None,
            *rest: Any,
            **how: Any,
        ) -> Any:
            result = super().pedantic(target, args, kwargs, setup, teardown, *rest, **how)
            self.gradmeter_tell(self, Call(target, args, kwargs, setup, teardown))
            return result

    Telling.__name__, Telling.__qualname__ = kind.__name__, kind.__qualname__
    return Telling


class Suite:
    """The ordinary tests of a session.

    Args:
        out: the folder for run.json.
        others: the run of what else the session measures, where there is one.
    """

    def __init__(self, config: pytest.Config, out: Path, others: Callable[[], Run | None]) -> None:
        self.config = config
        self.out = out
        self.others = others
        self.cases: dict[str, Case] = {}
        self.budgets: dict[str, str] = {}
        self.tests: list[SelfTest] = []
        self.unavailable = ""
        self._alone: Run | None = None
        self._next = 0.0

    # Where a test runs.

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read every budget before anything is run."""
        for item in session.items:
            try:
                budget = budgets.read(item.iter_markers(budgets.MARK))
            except UsageError as error:
                path, line, _ = item.location
                raise pytest.UsageError(f"{path}:{(line or 0) + 1}: {item.name}: {error}") from None
            if budget is not None:
                item.stash[BUDGET] = budget

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """Let the fixture ``benchmark`` tell of its call."""
        made = yield
        if fixturedef.argname == "benchmark" and questions.of(request.node) is None:
            from pytest_benchmark.fixture import BenchmarkFixture

            if isinstance(made, BenchmarkFixture) and not hasattr(made, "gradmeter_tell"):
                request.node.stash[FOUND] = Found()
                kind: Any = type(made)
                made.__class__ = _telling(kind)
                made.gradmeter_tell = partial(self._measure, request.node)  # type: ignore[attr-defined]
        return made

    def _measure(self, item: pytest.Item, benchmark: Any, call: Call) -> None:
        """Measure a call that just went well; the test never notices."""
        self._try_meters()
        if self.unavailable:
            return
        found = item.stash[FOUND]
        try:
            found.passes = measure(call)
            found.case = ordinary.case(item.nodeid, found.passes)
        except UnavailableError as error:
            self.unavailable = str(error)
            return
        except (Exception, *_OUTCOMES) as error:
            found.case = ordinary.failed(item.nodeid, error)
        benchmark.extra_info.update(ordinary.figures(found.case))

    def _try_meters(self) -> None:
        """Try the meter on known truth, once in a process."""
        if self.tests or self.unavailable:
            return
        self.tests = [SelfTest(**test) for test in selftest.run(selftest.EXACT)]
        wrong = [test for test in self.tests if not test.passed]
        if wrong:
            self.unavailable = wrong[0].problem or f"the meter fails its self-test, {wrong[0].name}"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Fail a test whose budget is broken, unless it fails for itself."""
        done = yield
        self._judge(item)
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Judge also what is called only now."""
        done = yield
        self._judge(item)
        return done

    def _judge(self, item: pytest.Item) -> None:
        """Fail a test that is over its budget, once."""
        budget = item.stash.get(BUDGET, None)
        if budget is None:
            return
        found = item.stash.setdefault(FOUND, Found())
        if found.budget not in ("", "no call"):
            return
        if found.case is None:
            found.budget = "not judged" if self.unavailable else "no call"
            return
        if not found.passes:
            assert found.case.failure is not None
            found.budget = "not judged"
            pytest.fail(
                "the budget cannot be judged: in the memory pass the call raised "
                f"{found.case.failure.kind}: {found.case.failure.message}",
                pytrace=False,
            )
        broken = budget.broken(found.passes)
        found.budget = "broken" if broken else "kept"
        if broken:
            pytest.fail("\n".join(broken), pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send with a test's report what is known by then."""
        report = yield
        found = item.stash.get(FOUND, None)
        if found is not None and (found.case or found.budget or self.unavailable):
            sent = Sent(
                case=found.case,
                self_tests=self.tests,
                budget=found.budget,
                unavailable=self.unavailable,
            )
            setattr(report, _LINE, msgspec.json.encode(sent).decode())
        return report

    # Where the session began.

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Make sure that the run file can be written, and that what is there is one."""
        if self.worker or session.config.option.collectonly:
            return
        try:
            ready(self.out)
        except UsageError as error:
            said = str(error).replace("--out", "--bench-out")
            raise pytest.UsageError(said) from None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a report brings, and write it down."""
        line = getattr(report, _LINE, None)
        if line is None or self.worker:
            return
        sent = msgspec.json.decode(line, type=Sent)
        self.unavailable = self.unavailable or sent.unavailable
        self.tests = self.tests or sent.self_tests
        if sent.budget:
            self.budgets[report.nodeid] = sent.budget
        if sent.case is not None and self.cases.get(report.nodeid) != sent.case:
            self.cases[report.nodeid] = sent.case
            self._write()

    @property
    def worker(self) -> bool:
        """Whether this is one of pytest-xdist's processes, which gather nothing."""
        return hasattr(self.config, "workerinput")

    def _write(self) -> None:
        """Write run.json, unless that would take too much of the session's time."""
        began = time.monotonic()
        if began < self._next:
            return
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
        said, failed = self._said()
        if not self.cases:
            return self.others(), said, failed
        found = self.run(finished=finished)
        try:
            write(found, self.out)
        except UsageError as error:
            said, failed = [*said, f"gradmeter: {error}"], True
        return found, said, failed

    def _said(self) -> tuple[list[str], bool]:
        """What is no figure, and whether a budget could not be judged for it."""
        said = []
        unjudged = sum(word == "not judged" for word in self.budgets.values())
        if self.unavailable:
            lost = f"; {unjudged} budgets are not judged" if unjudged else ""
            said.append(f"gradmeter: no memory figures, since {self.unavailable}{lost}")
        elif not self.cases:
            said.append("gradmeter: no test called benchmark, so there is nothing to show")
        idle = [plain(name) for name, word in self.budgets.items() if word == "no call"]
        said += [
            f"gradmeter: {name} has a budget and never calls benchmark: not judged"
            for name in idle[:MOST]
        ]
        if len(idle) > MOST:
            said.append(f"gradmeter: and {len(idle) - MOST} more such tests")
        return said, bool(self.unavailable and unjudged)
