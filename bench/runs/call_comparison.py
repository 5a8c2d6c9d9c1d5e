"""Compare the calls of a benchmark suite at several revisions of its project.

Each call is measured at every revision: its bytes in forks that are not timed, and its time in
sets. A set starts one process per revision, which collects the suite; its forks run one test
each, to the call, and take turns round by round. The processes of a set are fresh, so what is
peculiar to one of them is averaged over sets, as for engines.
"""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.cases.checkouts import Side, lay_tests_over
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.results.readings import Failure, SelfTest
from gradmeter.bench.results.run import ORDINARY, Case, Comparison, Options
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.sets import Generation, Lane, readings
from gradmeter.bench.runs.suites import Collected, ParkedCall, SuiteServer, prove_origin
from gradmeter.bench.runs.timing import LIKELY
from gradmeter.bench.verdicts import verdicts

change = msgspec.structs.replace
GENERATIONS = 2  # of forks in a set
NAMED = 5  # tests that a note names; the others are counted


@dataclass
class CallComparison:
    """The comparison of a suite's calls between the first side and each other one.

    Attributes:
        head: the side whose tests are run at every side; None where each has its own.
        arguments: pytest's.
        folder: for the tests' temporary folders.
        whole: time also calls that run the same code at every side, in all sets.
    """

    record: Record
    options: Options
    sides: Sequence[Side]
    head: Side | None
    arguments: Sequence[str]
    folder: Path
    cores: Sequence[int | None]
    clock: Callable[[], float]
    shuffle: random.Random
    whole: bool = False
    _threads: dict[str, int] = field(default_factory=dict)
    _same: set[str] = field(default_factory=set)
    _spent: dict[str, float] = field(default_factory=dict)
    _loops: dict[str, int] = field(default_factory=dict)
    _servers: int = 0

    def measure(self) -> None:
        """Collect, measure bytes, then time; the run is saved after every step.

        Raises:
            UsageError: nothing is selected, a side cannot be collected, or a side's packages are
                imported from elsewhere.
        """
        with self._collected(0) as (servers, found):
            tests = self._tests(found)
            self._add(tests)
            self.record.begin(len(tests) * len(self.sides) + self.options.sets)
            for test in tests:
                self._memory(test, servers)
        self._time(tests)
        self.record.write(finished=True)

    # Collecting.

    @contextmanager
    def _collected(
        self, place: int
    ) -> Iterator[tuple[dict[str, SuiteServer], dict[str, Collected]]]:
        """Start a process for each side, and wait until it has collected the suite."""
        with ExitStack() as stack:
            servers: dict[str, SuiteServer] = {}

            def serve(side: Side) -> None:
                servers[side.label] = self._serve(side, place, stack)

            found: dict[str, Collected] = {}
            first = self.head if self.head is not None and not self._threads else None
            if first is not None:  # whose tests have to be known before the others collect
                serve(first)
                found[first.label] = self._wait(servers[first.label])
                for side in self.sides:
                    if side is not first:
                        lay_tests_over(list(found[first.label].tests.values()), first, side)
            for side in self.sides:
                if side.label not in servers:
                    serve(side)
            for side in self.sides:
                if side.label not in found:
                    found[side.label] = self._wait(servers[side.label])
            yield servers, found

    def _serve(self, side: Side, place: int, stack: ExitStack) -> SuiteServer:
        self._servers += 1
        scratch = self.folder / str(self._servers)
        server = SuiteServer(
            side, self.arguments, scratch, place, self.options.allocator, self.options.limit
        )
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        stack.callback(server.close)
        return server

    def _wait(self, server: SuiteServer) -> Collected:
        try:
            found = server.collected()
        except WorkerError as error:
            raise UsageError(
                f"the suite cannot be collected at {server.side.label}: {error}"
            ) from None
        prove_origin(server.side, found.modules)
        self._threads[server.side.label] = found.threads
        return found

    def _tests(self, found: Mapping[str, Collected]) -> list[str]:
        """The tests that every side has; notes say which are on one side only."""
        everywhere = [
            test
            for test in found[self.sides[-1].label].tests
            if all(test in each.tests for each in found.values())
        ]
        for label, each in found.items():
            for problem in each.problems[:NAMED]:
                self.record.note(f"at {label}, a module cannot be collected: {problem}")
            only = [test for test in each.tests if test not in everywhere]
            if only:
                named = ", ".join(only[:NAMED]) + (
                    f" and {len(only) - NAMED} more" * (len(only) > NAMED)
                )
                self.record.note(f"not at every revision, but at {label}: {named}")
        if not everywhere:
            said = [problem for each in found.values() for problem in each.problems]
            why = said[0] if said else f"pytest {' '.join(self.arguments)}"
            if "ModuleNotFoundError" in why:
                why += "; a project that has to be built is installed with --bench-install"
            raise UsageError(f"no selected test calls benchmark at every revision: {why}")
        return everywhere

    def _add(self, tests: Sequence[str]) -> None:
        base, *others = [side.label for side in self.sides]
        comparisons = [
            Comparison(workload=test, size=ORDINARY, baseline=base, candidates=others)
            for test in tests
        ]
        self.record.run = change(self.record.run, comparisons=comparisons)
        self.record.put(*[self._case(test, side) for test in tests for side in self.sides])

    def _case(self, test: str, side: Side, **readings: Any) -> Case:
        return Case(
            workload=test,
            size=ORDINARY,
            variant=side.label,
            collector=self.options.collector,
            allocator=self.options.allocator,
            array_bytes=1,
            **readings,
        )

    # Bytes.

    def _memory(self, test: str, servers: Mapping[str, SuiteServer]) -> None:
        """Measure a call's bytes at every side, and see whether all run the same code."""
        digests = []
        for side in self.sides:
            self.record.step(f"{test} at {side.label}: exact memory")
            case, digest = self._exact(test, side, servers[side.label])
            digests.append(digest)
            self.record.put(case)
        if not self.whole and digests[0] and all(each == digests[0] for each in digests):
            self._same.add(test)
            run = self.record.run
            comparisons = [
                change(c, same_code=True) if c.workload == test else c for c in run.comparisons
            ]
            self.record.run = change(run, comparisons=comparisons)

    def _exact(self, test: str, side: Side, server: SuiteServer) -> tuple[Case, Any]:
        stage = "test"
        try:
            with self._worker(side, test, server, None) as worker, readings():
                prove_origin(side, worker.ready()["origins"])
                stage = "call"
                seconds = float(worker.ask("time", loops=1, collector="on")["forward"])
                found = worker.ask("memory", test=test, seconds=seconds)
                stage = "test"
                outcome, why = worker.finish()
                if outcome != "passed":
                    raise WorkerError(outcome, f"it {outcome} after its call, {why}")
                if "unavailable" in found:
                    self.record.note(f"{test} at {side.label}: no bytes: {found['unavailable']}")
                    return self._case(test, side), found["digests"]
                case = msgspec.convert(found["case"], Case)
                if not self.record.run.self_tests:
                    self.record.add_self_tests(msgspec.convert(found["self_tests"], list[SelfTest]))
                return change(
                    case,
                    variant=side.label,
                    collector=self.options.collector,
                    allocator=self.options.allocator,
                    # A call whose bytes have no figure is timed all the same.
                    failure=None,
                    finished=False,
                ), found["digests"]
        except WorkerError as error:
            return self._case(test, side, failure=Failure(stage, error.kind, str(error))), None

    @contextmanager
    def _worker(
        self, side: Side, test: str, server: SuiteServer, core: int | None
    ) -> Iterator[ParkedCall]:
        with ExitStack() as stack:
            worker = self._start(side, test, server, core, 0, stack)
            stack.callback(worker.close)
            yield worker

    def _start(
        self,
        side: Side,
        test: str,
        server: SuiteServer,
        core: int | None,
        place: int,
        stack: ExitStack,
    ) -> ParkedCall:
        """Start a worker on a call: a fork; where that would lose threads, a process of its own."""
        if self._threads[side.label] == 1:
            return server.start(test, core, place, self.options.limit)
        alone = self._serve(side, place, stack)
        alone.collected()
        return alone.become(test, core, place)

    # Time.

    def _time(self, tests: Sequence[str]) -> None:
        """Time the calls in sets, and those that are undecided in more sets."""
        options = self.options
        number = 0
        for look in options.looks if options.sets else ():
            rows = [test for test in tests if self._open(test, number)]
            while number < look:
                rows = [test for test in rows if number < options.sets or self._patient(test)]
                if number:
                    rows = [test for test in rows if test not in self._same]
                if not rows:
                    return
                self._set(rows, number)
                number += 1
            tests = [test for test in rows if self._verdict(test) in (None, "inconclusive")]

    def _open(self, test: str, number: int) -> bool:
        """Whether a call is to be timed: it did not fail, and its verdict is open."""
        if any(self._at(test, side).failure for side in self.sides):
            return False
        return not number or self._verdict(test) in (None, "inconclusive")

    def _at(self, test: str, side: Side) -> Case:
        return self.record.at((test, ORDINARY, side.label))

    def _times(self, test: str) -> list[verdicts.Time | None]:
        base, *others = self.sides
        return [
            verdicts.time(self._at(test, side), self._at(test, base), self.options)
            for side in others
        ]

    def _verdict(self, test: str) -> str | None:
        """The verdict on a call that is furthest from decided."""
        words = [time.word if time is not None else None for time in self._times(test)]
        return "inconclusive" if "inconclusive" in words else words[0]

    def _patient(self, test: str) -> bool:
        """Whether more seconds may be spent on a call."""
        likely = any(t is not None and t.beyond(self.options.effect) for t in self._times(test))
        most = self.options.seconds * (len(self.sides) - 1) * (LIKELY if likely else 1)
        return self._spent.get(test, 0.0) < most

    def _set(self, tests: Sequence[str], number: int) -> None:
        """Time calls in one set."""
        options = self.options
        generation = Generation(self.clock, self.shuffle)
        core = self.cores[number % len(self.cores)]
        self.record.steps += number >= options.sets
        with self._collected(generation.place()) as (servers, _):
            for position, test in enumerate(tests):
                if not position:
                    self.record.step(
                        f"{len(tests)} call{'s' * (len(tests) > 1)}: time, set {number + 1}"
                        + (f" of {options.sets}" if number < options.sets else "")
                    )
                self._time_call(test, number, core, servers, generation)

    def _time_call(
        self,
        test: str,
        number: int,
        core: int | None,
        servers: Mapping[str, SuiteServer],
        generation: Generation,
    ) -> None:
        options = self.options
        began = self.clock()
        with ExitStack() as stack:

            def lane(side: Side) -> Lane:
                def start(place: int) -> ParkedCall:
                    return self._start(side, test, servers[side.label], core, place, stack)

                return Lane(start, core)

            lanes = [lane(side) for side in self.sides]
            share = options.sets * GENERATIONS
            for _ in range(GENERATIONS):
                self._loops[test] = generation.time(
                    lanes,
                    self._loops.get(test),
                    math.ceil(options.min_rounds / share),
                    options.budget / share * len(lanes),
                )
        cases = []
        for side, each in zip(self.sides, lanes, strict=True):
            case = self._at(test, side)
            if each.failure:
                case = change(case, failure=each.failure, times=[])
            else:
                times = each.times(number, self._loops[test])
                case = change(case, times=[*case.times, times])
            cases.append(case)
        self._spent[test] = self._spent.get(test, 0.0) + self.clock() - began
        self.record.put(*cases)
