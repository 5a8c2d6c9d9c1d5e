"""Anybody's pytest-benchmark suite: the call of each ordinary test, measured after it was timed.

A pytest plugin that is there only where it was asked for. In the process that runs a test
it lets the fixture ``benchmark`` tell of its call, and sends the figures with the test's
report; in the process that began the session, with pytest-xdist another one, it gathers
them. What the figures are is the business of bench.meters.call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cache, partial
from typing import Any

import msgspec
import pytest

from bench import budgets, ordinary, questions
from bench.errors import UsageError
from bench.gathered import Gathered, Sent
from bench.meters import selftest
from bench.meters.allocations import UnavailableError, counting
from bench.meters.call import Call, Pass, measure
from bench.results import Case, SelfTest
from bench.session import ready

_LINE = "gradmeter"  # the attribute of a report that carries a Sent as JSON

# What ends a test without being an Exception.
_OUTCOMES = (pytest.fail.Exception, pytest.skip.Exception)


class Found:
    """What is known of a test while it runs."""

    def __init__(self) -> None:
        self.case: Case | None = None
        self.passes: list[Pass] = []
        self.budget = ""
        self.unavailable = ""


NOTHING = Found()
FOUND = pytest.StashKey[Found]()
BUDGET = pytest.StashKey[budgets.Budget]()
WRONG = pytest.StashKey[str]()


@cache
def _telling(kind: Any) -> Any:
    """A class of benchmark fixtures that tell of what they were called with.

    Its name is the other's, and nothing but its two public methods is changed.
    """

    class Telling(kind):  # type: ignore[misc]
        gradmeter_tell: Callable[[Any, Call], None]

        def __call__(self, function_to_benchmark: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True  # what the call raises is not ours
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
            __tracebackhide__ = True
            result = super().pedantic(target, args, kwargs, setup, teardown, *rest, **how)
            self.gradmeter_tell(self, Call(target, args, kwargs, setup, teardown))
            return result

    for name in ("__name__", "__qualname__", "__module__"):
        setattr(Telling, name, getattr(kind, name))
    return Telling


class Suite:
    """The hooks; what comes of them goes into ``gathered``."""

    def __init__(self, config: pytest.Config, gathered: Gathered) -> None:
        self.config = config
        self.gathered = gathered
        self.tests: list[SelfTest] = []

    # Where a test runs.

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read every budget before anything is run."""
        for item in session.items:
            try:
                budget = budgets.read(item.iter_markers(budgets.MARK))
            except UsageError as error:
                path, line, _ = item.location
                said = f"{path}:{(line or 0) + 1}: {item.name}: {error}"
                if not self.worker:
                    raise pytest.UsageError(said) from None
                item.stash[WRONG] = said  # who collects for pytest-xdist may not end by himself
                continue
            if budget is not None:
                item.stash[BUDGET] = budget

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail a test whose budget cannot be read."""
        if WRONG in item.stash:
            pytest.fail(item.stash[WRONG], pytrace=False)

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
        found = item.stash[FOUND]
        try:
            self._try_meters()
            found.passes = measure(call)
            found.case = ordinary.case(item.nodeid, found.passes)
        except UnavailableError as error:
            found.unavailable = str(error)
            return
        except pytest.exit.Exception:
            raise
        except (Exception, *_OUTCOMES) as error:
            found.case = ordinary.failed(item.nodeid, error)
        benchmark.extra_info.update(ordinary.figures(found.case))

    def _try_meters(self) -> None:
        """Try the meter on known truth, once in a process.

        Raises:
            UnavailableError: it fails, or there is none.
        """
        if not self.tests:
            with counting():
                pass
            self.tests = [SelfTest(**test) for test in selftest.run(selftest.EXACT)]
        for test in self.tests:
            if not test.passed:
                raise UnavailableError(
                    f"the meter fails its self-test, {test.name}"
                    + (f": {test.problem}" if test.problem else "")
                )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Fail a test whose budget is broken, unless it fails for itself."""
        try:
            done = yield
        except BaseException:
            if item.stash.get(FOUND, NOTHING).case is not None:
                _judge(item)
            raise
        _fail(_judge(item))
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Judge also what is called only now."""
        done = yield
        found = item.stash.get(FOUND, NOTHING)
        if found.case is not None and found.budget in ("", "no call"):
            _fail(_judge(item))
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send with a test's report what is known by then."""
        report = yield
        found = item.stash.get(FOUND, None)
        if found is not None and (found.case or found.budget or found.unavailable):
            sent = Sent(
                case=found.case,
                self_tests=self.tests,
                budget=found.budget,
                unavailable=found.unavailable,
            )
            setattr(report, _LINE, msgspec.json.encode(sent).decode())
        return report

    # Where the session began.

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Make sure that the run file can be written, and that what is there is one."""
        if self.worker or session.config.option.collectonly:
            return
        try:
            ready(self.gathered.out)
        except UsageError as error:
            said = str(error).replace("--out", "--bench-out")
            raise pytest.UsageError(said) from None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a report brings, and write it down."""
        line = getattr(report, _LINE, None)
        if line is None or self.worker:
            return
        self.gathered.take(report.nodeid, msgspec.json.decode(line, type=Sent))

    @property
    def worker(self) -> bool:
        """Whether this is one of pytest-xdist's processes, which gather nothing."""
        return hasattr(self.config, "workerinput")


def _judge(item: pytest.Item) -> list[str]:
    """What breaks a test's budget: sentences. What became of it is noted."""
    budget = item.stash.get(BUDGET, None)
    if budget is None:
        return []
    found = item.stash.setdefault(FOUND, Found())
    if found.case is None:
        found.budget = "not judged" if found.unavailable else "no call"
        return []
    if not found.passes:
        assert found.case.failure is not None
        found.budget = "not judged"
        return [
            "the budget cannot be judged: in the memory pass the call raised "
            f"{found.case.failure.kind}: {found.case.failure.message}"
        ]
    broken = budget.broken(found.passes)
    found.budget = "broken" if broken else "kept"
    return broken


def _fail(sentences: list[str]) -> None:
    if sentences:
        pytest.fail("\n".join(sentences), pytrace=False)
