"""Measure the call of each pytest-benchmark test, after pytest-benchmark has timed it.

A pytest plugin that is registered with ``--bench-memory`` only. In the process that runs a
test, it hooks the fixture ``benchmark``, measures the call in forked processes, which the test
cannot see, and sends the figures with the test's report. In the process that began the session,
which with pytest-xdist is another one, it gathers them.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import forked
from gradmeter.bench.meters.call import Call, Pass
from gradmeter.bench.meters.call_in_fork import longest, measure_unseen
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.plugin import benchmark_fixture, budgets, call_cases, call_lines, numbered
from gradmeter.bench.plugin.cases import question_of
from gradmeter.bench.plugin.gathered import CallReport, Gathered
from gradmeter.bench.plugin.words import in_words_of_pytest
from gradmeter.bench.report import line_words
from gradmeter.bench.results.layers import ARRAYS, HEAP
from gradmeter.bench.results.readings import SelfTest
from gradmeter.bench.results.run import CANNOT, Case
from gradmeter.bench.session import ready

NO_ANSWER = "no answer"  # the kind of failure of a forked process that ended, or had to be ended
_ATTRIBUTE = "gradmeter"  # of a test's report: holds a CallReport as JSON


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


class Suite:
    """The hooks that measure calls and judge their budgets.

    Args:
        gathered: takes the results.
        layers: of memory, array data among them.
        lines: whether every call's lines are measured, and not only where a budget is broken.
        law: whether the parameters of tests are recorded, for laws of their calls.
    """

    def __init__(
        self,
        config: pytest.Config,
        gathered: Gathered,
        layers: Sequence[str],
        *,
        lines: bool,
        law: bool,
    ) -> None:
        self.config, self.lines, self.law = config, lines, law
        self.gathered = gathered
        self.layers = [layer for layer in layers if layer != ARRAYS]
        if HEAP in layers:  # once, and not in each forked process
            with suppress(ImportError):
                import memray  # noqa: F401
        self.tests: list[SelfTest] = []

    # Where a test runs.

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read every budget before anything is run."""
        for item in session.items:
            try:
                budget = budgets.read(item.iter_markers(budgets.MARK), budgets.parameters(item))
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
        item = request.node
        if (
            fixturedef.argname != "benchmark"
            or not isinstance(item, pytest.Item)  # of a wider scope: not pytest-benchmark's
            or question_of(item) is not None
            or not budgets.wanted(item.iter_markers(budgets.MARK))
        ):
            return fixture
        # A fixture of that name can stand on another one, which is measured already.
        if item.stash.get(CALL_FIGURES, None) is None:
            try:
                problem = benchmark_fixture.extend(fixture, partial(self._measure, item))
            except Exception as error:  # of a fixture that is no ordinary object
                problem = f"the fixture benchmark is closed: {type(error).__name__}: {error}"
            item.stash[CALL_FIGURES] = CallFigures()
            item.stash[CALL_FIGURES].unavailable = problem
        return fixture

    def _measure(self, item: pytest.Item, benchmark: Any, call: Call, seconds: float) -> None:
        """Measure a call that was timed without an error; the test's outcome stays as it was.

        Args:
            seconds: that the call took, at most.
        """
        figures = item.stash[CALL_FIGURES]
        try:
            reading = measure_unseen(call, longest(seconds), self.layers)
        except UnavailableError as error:
            figures.unavailable = str(error)
            return
        except forked.RaisedError as error:
            figures.case = call_cases.failed(item.nodeid, error.kind, error.message)
        except forked.VisibleActionError as error:
            figures.case = call_cases.visible(item.nodeid, str(error))
        except forked.NoAnswerError as error:
            figures.case = call_cases.failed(item.nodeid, NO_ANSWER, str(error))
        except Exception as error:  # ours, and no matter of the test's
            figures.case = call_cases.failed(item.nodeid, type(error).__name__, str(error))
        else:
            figures.passes = reading.passes
            figures.case = call_cases.measured(item.nodeid, reading)
            self.tests = self.tests or reading.self_tests
            self._explain(item, call, seconds)
            if self.law and (known := numbered.parameters(item)):
                figures.case = msgspec.structs.replace(
                    figures.case, template=numbered.template(item), parameters=known
                )
        benchmark.extra_info.update(call_cases.figures(figures.case))

    def _explain(self, item: pytest.Item, call: Call, seconds: float) -> None:
        """Measure the lines of a call whose budget is broken, to say where its bytes are."""
        budget, figures = item.stash.get(BUDGET, None), item.stash[CALL_FIGURES]
        if figures.case is None:
            return
        if self.lines or (budget is not None and budget.broken(figures.passes, figures.case)):
            with suppress(Exception):  # the budget is broken all the same
                reading = call_lines.measure(call, self.config.rootpath, longest(seconds))
                figures.case = msgspec.structs.replace(figures.case, lines=reading)

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
        option = session.config.option
        if self.worker or option.collectonly or option.bench_dry_run:
            return
        try:
            with in_words_of_pytest():
                ready(self.gathered.out)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather the figures that a test's report carries."""
        encoded = getattr(report, _ATTRIBUTE, None)
        if not self.worker:
            self.gathered.spend(report.nodeid, report.duration)
        if encoded is None or self.worker:
            return
        try:
            self.gathered.add(report.nodeid, msgspec.json.decode(encoded, type=CallReport))
        except Exception as error:  # ours, and no matter of the session's
            self.gathered.unavailable[report.nodeid] = f"{type(error).__name__}: {error}"

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
        failure = figures.case.failure
        assert failure is not None
        figures.budget = "not judged"
        if failure.kind in (CANNOT, NO_ANSWER):
            return [f"the budget cannot be judged: {failure.message}"]
        return [
            "the budget cannot be judged: in the memory pass the call raised "
            f"{failure.kind}: {failure.message}"
        ]
    broken, missing = budget.broken(figures.passes, figures.case), budget.missing(figures.case)
    figures.budget = "broken" if broken else "not judged" if missing else "kept"
    lines = figures.case.lines
    if broken and lines is not None and (text := line_words.peak_text(lines)):
        return [*broken, f"alive at the peak: {text}"]
    return broken


def _fail(sentences: list[str]) -> None:
    if sentences:
        pytest.fail("\n".join(sentences), pytrace=False)
