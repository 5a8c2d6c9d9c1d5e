"""Measure the call of each pytest-benchmark test, after pytest-benchmark has timed it.

A pytest plugin that is registered with ``--bench-memory`` only. In the process that runs a
test, it hooks the fixture ``benchmark``, measures the call with gradmeter.bench.meters.call
and sends the figures with the test's report. In the process that began the session, which
with pytest-xdist is another one, it gathers them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cache, partial
from typing import Any

import msgspec
import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import selftest
from gradmeter.bench.meters.allocations import UnavailableError, counting
from gradmeter.bench.meters.call import Call, Pass, measure
from gradmeter.bench.plugin import budgets, call_cases
from gradmeter.bench.plugin.cases import question_of
from gradmeter.bench.plugin.gathered import CallReport, Gathered
from gradmeter.bench.results.readings import SelfTest
from gradmeter.bench.results.run import Case
from gradmeter.bench.session import ready

_ATTRIBUTE = "gradmeter"  # of a test's report: holds a CallReport as JSON

# They end a test and are no subclasses of Exception.
_OUTCOMES = (pytest.fail.Exception, pytest.skip.Exception)


class CallFigures:
    """The figures of one test's call, filled in while the test runs.

    Attributes:
        case: None until the call is measured.
        passes: of the measured call.
        budget: "kept", "broken", "not judged" or "no call"; empty until it is judged.
        unavailable: why the call could not be measured; empty where it could.
    """

    def __init__(self) -> None:
        self.case: Case | None = None
        self.passes: list[Pass] = []
        self.budget = ""
        self.unavailable = ""


NO_FIGURES = CallFigures()
CALL_FIGURES = pytest.StashKey[CallFigures]()
BUDGET = pytest.StashKey[budgets.Budget]()
BUDGET_ERROR = pytest.StashKey[str]()


@cache
def _measuring(kind: Any) -> Any:
    """Derive a class of benchmark fixtures that measure each call once it has been timed.

    The class keeps the name of ``kind``, and overrides nothing but its two public methods.
    """

    class MeasuringFixture(kind):  # type: ignore[misc]
        gradmeter_measure: Callable[[Any, Call], None]

        def __call__(self, function_to_benchmark: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True  # a traceback of the user's call shows no frame of ours
            result = super().__call__(function_to_benchmark, *args, **kwargs)
            self.gradmeter_measure(self, Call(function_to_benchmark, args, kwargs))
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
            self.gradmeter_measure(self, Call(target, args, kwargs, setup, teardown))
            return result

    for name in ("__name__", "__qualname__", "__module__"):
        setattr(MeasuringFixture, name, getattr(kind, name))
    return MeasuringFixture


class Suite:
    """The hooks that measure calls and judge their budgets; ``gathered`` takes the results."""

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
                message = f"{path}:{(line or 0) + 1}: {item.name}: {error}"
                if not self.worker:
                    raise pytest.UsageError(message) from None
                item.stash[BUDGET_ERROR] = message  # an error here would end pytest-xdist's worker
                continue
            if budget is not None:
                item.stash[BUDGET] = budget

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail a test whose budget cannot be read."""
        if BUDGET_ERROR in item.stash:
            pytest.fail(item.stash[BUDGET_ERROR], pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """Have the fixture ``benchmark`` measure its call."""
        fixture = yield
        if fixturedef.argname == "benchmark" and question_of(request.node) is None:
            from pytest_benchmark.fixture import BenchmarkFixture

            if isinstance(fixture, BenchmarkFixture) and not hasattr(fixture, "gradmeter_measure"):
                request.node.stash[CALL_FIGURES] = CallFigures()
                kind: Any = type(fixture)
                fixture.__class__ = _measuring(kind)
                fixture.gradmeter_measure = partial(self._measure, request.node)  # type: ignore[attr-defined]
        return fixture

    def _measure(self, item: pytest.Item, benchmark: Any, call: Call) -> None:
        """Measure a call that was timed without an error; the test's outcome stays as it was."""
        figures = item.stash[CALL_FIGURES]
        try:
            self._try_meters()
            figures.passes = measure(call)
            figures.case = call_cases.case(item.nodeid, figures.passes)
        except UnavailableError as error:
            figures.unavailable = str(error)
            return
        except pytest.exit.Exception:
            raise
        except (Exception, *_OUTCOMES) as error:
            figures.case = call_cases.failed(item.nodeid, error)
        benchmark.extra_info.update(call_cases.figures(figures.case))

    def _try_meters(self) -> None:
        """Run the meter's self-tests, once in a process.

        Raises:
            UnavailableError: a self-test fails, or array data cannot be counted.
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
        """Fail a test whose budget is broken, unless it fails for a reason of its own."""
        try:
            result = yield
        except BaseException:
            if item.stash.get(CALL_FIGURES, NO_FIGURES).case is not None:
                _judge(item)
            raise
        _fail(_judge(item))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Judge the budget of a test that calls ``benchmark`` in its teardown."""
        result = yield
        figures = item.stash.get(CALL_FIGURES, NO_FIGURES)
        if figures.case is not None and figures.budget in ("", "no call"):
            _fail(_judge(item))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the figures of the call to the test's report."""
        report = yield
        figures = item.stash.get(CALL_FIGURES, None)
        if figures is not None and (figures.case or figures.budget or figures.unavailable):
            call_report = CallReport(
                case=figures.case,
                self_tests=self.tests,
                budget=figures.budget,
                unavailable=figures.unavailable,
            )
            setattr(report, _ATTRIBUTE, msgspec.json.encode(call_report).decode())
        return report

    # Where the session began.

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Refuse a folder that cannot be written, or whose run.json is no run file."""
        if self.worker or session.config.option.collectonly:
            return
        try:
            ready(self.gathered.out)
        except UsageError as error:
            message = str(error).replace("--out", "--bench-out")
            raise pytest.UsageError(message) from None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather the figures that a test's report carries."""
        encoded = getattr(report, _ATTRIBUTE, None)
        if encoded is None or self.worker:
            return
        self.gathered.add(report.nodeid, msgspec.json.decode(encoded, type=CallReport))

    @property
    def worker(self) -> bool:
        """Whether this process is a worker of pytest-xdist; only the first process gathers."""
        return hasattr(self.config, "workerinput")


def _judge(item: pytest.Item) -> list[str]:
    """Judge a test's budget and note the outcome; return a sentence for each figure over it."""
    budget = item.stash.get(BUDGET, None)
    if budget is None:
        return []
    figures = item.stash.setdefault(CALL_FIGURES, CallFigures())
    if figures.case is None:
        figures.budget = "not judged" if figures.unavailable else "no call"
        return []
    if not figures.passes:
        assert figures.case.failure is not None
        figures.budget = "not judged"
        return [
            "the budget cannot be judged: in the memory pass the call raised "
            f"{figures.case.failure.kind}: {figures.case.failure.message}"
        ]
    broken = budget.broken(figures.passes)
    figures.budget = "broken" if broken else "kept"
    return broken


def _fail(sentences: list[str]) -> None:
    if sentences:
        pytest.fail("\n".join(sentences), pytrace=False)
