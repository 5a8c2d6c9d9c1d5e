"""Measure the calls of a project's pytest-benchmark suite at its commits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from gradmeter.bench.cases.checkouts import Side, Wanted, sides
from gradmeter.bench.cases.head_tests import lay_tests_over, of_tests
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.filling.measurer import (
    CallError,
    Measured,
    UnmeasurableError,
    now,
    of_one_commit,
)
from gradmeter.bench.history.recording import Key, at_commit
from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.results.readings import Failure
from gradmeter.bench.results.run import CANNOT, ORDINARY, Case, Options, Run
from gradmeter.bench.runs import descendants
from gradmeter.bench.runs.call_bytes import exact
from gradmeter.bench.runs.call_bytes import lines as measure_lines
from gradmeter.bench.runs.suite_servers import SuiteServers
from gradmeter.bench.runs.suites import Collected, SuiteServer
from gradmeter.bench.verdicts import gate_checks
from gradmeter.bench.verdicts.gates import Gate

change = msgspec.structs.replace


@dataclass
class SuiteCommits:
    """Measures a suite's calls at commits; see `Measurer`.

    Attributes:
        wanted: how a commit is built, and the folders that hold packages.
        arguments: pytest's.
        start: the folder in which pytest starts.
        tell: called with a sentence at each step.
        layers: of memory besides array data.
        head: the commit whose tests are run at every one; empty where each has its own.
        gates: of which each has to match a call at the first commit that is measured.
        selects: which of the calls are measured.
    """

    wanted: Wanted
    arguments: Sequence[str]
    start: Path
    options: Options
    tell: Callable[[float, str], None]
    environment: Environment
    layers: Sequence[str] = ()
    head: str = ""
    gates: Sequence[Gate] = ()
    selects: Callable[[Key], bool] = lambda _: True
    keys: frozenset[Key] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _head: tuple[Side, list[str]] | None = None
    _checked: bool = False

    def __enter__(self) -> SuiteCommits:
        descendants.end_stale()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measure(
        self, commit: str, keys: Collection[Key] | None, known: Collection[Key], *, lines: bool
    ) -> Measured:
        """Measure calls at a commit, in the order in which pytest collects them."""
        with of_one_commit(), ExitStack() as stack:
            side = self._side(commit, stack)
            if self.head:
                head, files = self._head_tests()
                lay_tests_over(files, head, side)
            folder = stack.enter_context(temporary_folder())
            suites = SuiteServers(self.options, [side], None, self.arguments, folder)
            servers, found = stack.enter_context(suites.collected(0))
            collected = found[side.label]
            self._check(map(_key, collected.tests))
            there = {k: test for test in collected.tests if self.selects(k := _key(test))}
            if not collected.tests:
                raise UnmeasurableError(_none(collected, self.arguments))
            asked = frozenset(there) if keys is None else frozenset(keys)
            asked -= frozenset(known)
            cases = []
            for number, key in enumerate(key for key in there if key in asked):
                self.tell(number / len(asked), f"{there[key]}: exact memory")
                cases.append(self._case(there[key], side, suites, servers, lines=lines))
        run = Run(
            environment=now(self.environment),
            options=self.options,
            self_tests=[],
            comparisons=[],
            cases=cases,
            finished=True,
        )
        return Measured(at_commit(run, commit, asked), frozenset(there))

    def _check(self, keys: Iterable[Key]) -> None:
        """Refuse gates that match none of the first calls that were collected."""
        if self._checked:
            return
        self._checked = True
        try:
            gate_checks.check_terms(self.gates, keys)
        except UsageError as error:
            raise CallError(str(error)) from None

    def _side(self, commit: str, stack: ExitStack) -> Side:
        wanted = replace(self.wanted, revisions=(commit,))
        made = sides(wanted, self.start, lambda sentence: self.tell(0.0, sentence))
        [side] = stack.enter_context(made)
        return side

    def _head_tests(self) -> tuple[Side, list[str]]:
        """The checkout that has the tests of every commit, and the files to take from it."""
        if self._head is None:
            side = self._side(self.head, self._stack)
            with temporary_folder() as folder:
                suites = SuiteServers(self.options, [side], None, self.arguments, folder)
                with suites.collected(0) as (_, found):
                    collected = found[side.label]
            files = [file for file in collected.files if of_tests(file, side)]
            self._head = side, [*collected.tests.values(), *files]
        return self._head

    def _case(
        self,
        test: str,
        side: Side,
        suites: SuiteServers,
        servers: dict[str, SuiteServer],
        *,
        lines: bool,
    ) -> Case:
        empty = Case(
            workload=test,
            size=ORDINARY,
            variant="",
            collector=self.options.collector,
            allocator=self.options.allocator,
            array_bytes=1,
        )
        read = exact(empty, side, suites.worker(side, test, servers[side.label]), self.layers)
        case = read.case
        if read.note and case.failure is None:
            case = change(case, failure=Failure("memory", CANNOT, read.note))
        if lines and case.alive is not None:
            try:
                worker = suites.worker(side, test, servers[side.label])
                case = change(case, lines=measure_lines(side, worker))
            except WorkerError as error:
                self.tell(0.0, f"{test}: no lines: {error}")
        return case


def _key(test: str) -> Key:
    return (test, ORDINARY, "")


def _none(collected: Collected, arguments: Sequence[str]) -> str:
    """Why no test was collected."""
    if collected.problems:
        return collected.problems[0]
    return f"no test takes the fixture benchmark: pytest {' '.join(arguments)}"
