"""Compare the calls of a benchmark suite at several revisions of its project.

Each call is measured at every revision: its bytes in forks that are not timed, and its time in
sets. A set starts one process per revision, which collects the suite; its forks run one test
each, to the call, and take turns round by round. The processes of a set are fresh, so what is
peculiar to one of them is averaged over sets, as for engines.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gradmeter.bench.cases.checkouts import Side
from gradmeter.bench.cases.data_files import differing
from gradmeter.bench.cases.large_files import pointers
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.results.readings import Failure
from gradmeter.bench.results.run import ORDINARY, Case, Comparison, Options
from gradmeter.bench.runs.call_bytes import exact, lines, new_at_head
from gradmeter.bench.runs.estimate import EXACT, LINES, START_SECONDS, TIME
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.sets import Generation, Lane
from gradmeter.bench.runs.suite_servers import SuiteServers, selected
from gradmeter.bench.runs.suites import ParkedCall, SuiteServer
from gradmeter.bench.runs.timing import LIKELY
from gradmeter.bench.verdicts import gate_checks, gates, verdicts

change = msgspec.structs.replace
GENERATIONS = 2  # of forks in a set
_NAMED = 3  # files that a note names; the others are counted


@dataclass
class CallComparison:
    """The comparison of a suite's calls between the first side and each other one.

    Attributes:
        sides: the baseline first.
        broken: those that could not be built.
        criteria: gates, of which each has to match a selected test.
        suites: starts the processes that have collected the suite.
        whole: time also calls that run the same code at every side, in all sets.
        layers: of memory besides array data.
        share: of the selected tests that is measured; None for all.
    """

    record: Record
    options: Options
    sides: Sequence[Side]
    suites: SuiteServers
    cores: Sequence[int | None]
    clock: Callable[[], float]
    shuffle: random.Random
    whole: bool = False
    layers: Sequence[str] = ()
    broken: Sequence[Side] = ()
    criteria: Sequence[gates.Gate] = ()
    share: Share | None = None
    _same: set[str] = field(default_factory=set)
    _spent: dict[str, float] = field(default_factory=dict)
    _loops: dict[str, int] = field(default_factory=dict)
    _imported: bool = False

    def measure(self) -> None:
        """Collect, measure bytes, then time; the run is saved after every step.

        Raises:
            UsageError: nothing is selected, a gate matches none of it, a side cannot be
                collected, or a side's packages are imported from elsewhere.
        """
        with self.suites.collected(0) as (servers, found):
            last = self.sides[-1]
            own = self.suites.head is None
            tests, notes = selected(found, last.label, self.suites.arguments, own=own)
            for side in self.sides:
                if side.missing:
                    notes.append(
                        f"at {side.label}, submodules are empty: {', '.join(side.missing)}; their "
                        "commits are not here (git submodule update --init)"
                    )
            data = differing([(side, found[side.label].tests.values()) for side in self.sides])
            if data and not self.whole:
                notes.append(
                    "not the same at every revision, so no call is taken to run the same code: "
                    f"{_listed(data)}"
                )
                self.whole = True
            for note in notes:
                self.record.note(note)
            self._check_criteria(tests)
            if self.share is not None:
                tests = self._shard(tests, self.share)
            self._add(tests)
            self.record.begin(
                {EXACT: len(tests) * len(self.sides), TIME: len(tests) * self.options.sets},
                time=START_SECONDS + self.options.budget / max(1, self.options.sets),
            )
            for test in tests:
                self._memory(test, servers)
            self._note_pointers(tests)
        if tests and not self._imported:
            self.record.note(self._nothing_imported(last, own=own))
        self._time(tests)
        self.record.write(finished=True)

    def _nothing_imported(self, last: Side, *, own: bool) -> str:
        """What it means that no test imports a module of the project, and what would be right."""
        names = _listed(sorted(last.layout.names)) or "none"
        none = (
            "no test imports a module of the project (its packages: "
            f"{names}, in {', '.join(last.layout.roots)})"
        )
        path = "name the folder that holds the packages with --bench-path"
        if own or len({side.top for side in self.sides}) == 1:
            return f"{none}, so only the tests themselves are compared; {path}"
        return (
            f"{none}, and all ran {last.label}'s tests: --bench-tests own compares each side's; or "
            f"{path}"
        )

    def _check_criteria(self, tests: Sequence[str]) -> None:
        """Refuse a gate that matches none of the selected tests, of whatever shard."""
        others = [side.label for side in (*self.sides[1:], *self.broken)]
        keys = [(test, ORDINARY, name) for test in tests for name in others]
        gate_checks.check_terms(self.criteria, keys)

    def _shard(self, tests: Sequence[str], share: Share) -> list[str]:
        """The tests of this shard, which the run records."""
        settings = f"layers {','.join(self.layers) or 'of arrays'}; all code timed: {self.whole}"
        shard = share.of({test: test for test in tests}, tests, settings)
        self.record.run = change(self.record.run, shard=shard)
        return [test for test in tests if test in shard.places]

    def _add(self, tests: Sequence[str]) -> None:
        base, *others = [side.label for side in self.sides]
        others += [side.label for side in self.broken]
        comparisons = [
            Comparison(workload=test, size=ORDINARY, baseline=base, candidates=others)
            for test in tests
        ]
        self.record.run = change(self.record.run, comparisons=comparisons)
        self.record.put(*[self._case(test, side) for test in tests for side in self.sides])
        for side in self.broken:
            failure = Failure("build", "failed", " / ".join(str(side.problem).split("\n")))
            self.record.put(*[self._case(test, side, failure=failure) for test in tests])

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
        found = []
        began = self.clock()
        for side in self.sides:
            self.record.step(f"{test} at {side.label}: exact memory", EXACT)
            start = self.suites.worker(side, test, servers[side.label])
            found.append(each := exact(self._case(test, side), side, start, self.layers))
            self._imported = self._imported or each.imported
            if each.note:
                self.record.note(f"{test} at {side.label}: no bytes: {each.note}")
            if each.self_tests and not self.record.run.self_tests:
                self.record.add_self_tests(list(each.self_tests))
        cases = self._with_lines(new_at_head([each.case for each in found]), servers)
        self.record.spend(test, self.clock() - began)
        self.record.put(*cases)
        digests = [each.digests for each in found]
        if not self.whole and digests[0] and all(each == digests[0] for each in digests):
            self._same.add(test)
            run = self.record.run
            comparisons = [
                change(c, same_code=True) if c.workload == test else c for c in run.comparisons
            ]
            self.record.run = change(run, comparisons=comparisons)

    def _with_lines(self, cases: list[Case], servers: Mapping[str, SuiteServer]) -> list[Case]:
        """The cases of one call, with their lines where peak or held differ; else as they are."""
        if len({case.alive for case in cases} - {None}) < 2:
            return cases
        found = []
        for case, side in zip(cases, self.sides, strict=True):
            measured = case
            if case.alive is not None:
                self.record.step(f"{case.workload} at {side.label}: lines", LINES)
                start = self.suites.worker(side, case.workload, servers[side.label])
                try:
                    measured = change(case, lines=lines(side, start))
                except WorkerError as error:
                    self.record.note(f"{case.workload} at {side.label}: no lines: {error}")
            found.append(measured)
        return found

    def _note_pointers(self, tests: Sequence[str]) -> None:
        """Say which files are pointers of Git LFS, where a test fails that may have read one."""
        for side in self.sides:
            failures = [self._at(test, side).failure for test in tests]
            failed = any(f is not None and f.stage in ("test", "call") for f in failures)
            if failed and (found := pointers(side.top)):
                self.record.note(
                    f"at {side.label}, files are Git LFS pointers and not the data: "
                    f"{_listed(found)}; a test that reads one fails there: git lfs install, "
                    "then git lfs fetch --all and git lfs checkout"
                )

    # Time.

    def _time(self, tests: Sequence[str]) -> None:
        """Time the calls in sets, and those that are undecided in more sets."""
        options = self.options
        number = 0
        # Calls of the same code are timed once.
        self.record.expect(TIME, -len(self._same) * max(0, options.sets - 1))
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
        if number >= options.sets:
            self.record.expect(TIME, len(tests))
        self.record.step(
            f"{len(tests)} call{'s' * (len(tests) > 1)}: time, set {number + 1}"
            + (f" of {options.sets}" if number < options.sets else ""),
            TIME,
            len(tests),
        )
        with self.suites.collected(generation.place()) as (servers, _):
            for test in tests:
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
                    return self.suites.start(side, test, servers[side.label], core, place, stack)

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
        seconds = self.clock() - began
        self._spent[test] = self._spent.get(test, 0.0) + seconds
        self.record.spend(test, seconds)
        self.record.put(*cases)


def _listed(files: Sequence[str]) -> str:
    """The first of some files, and how many more there are."""
    more = f" and {len(files) - _NAMED} more" * (len(files) > _NAMED)
    return f"{', '.join(files[:_NAMED])}{more}"
