"""The instructions of a case: its worker under callgrind, stepped through phase by phase."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from mmap import PAGESIZE as PAGE
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.meters import instructions as meter
from gradmeter.bench.results.readings import Instructions
from gradmeter.bench.results.run import Case
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.sets import readings
from gradmeter.bench.runs.spec import Spec
from gradmeter.bench.runs.workers import Workers

SLOWER = 30  # times: so much longer may a worker take under callgrind
# The second process of a case: its memory begins elsewhere and had many small holes. Of what was
# tried, nothing makes the counts of identical code differ more.
ELSEWHERE: Mapping[str, Any] = {"history": "small blocks freed", "place": 77 * PAGE}
MOST_FUNCTIONS = 1000


@dataclass(frozen=True)
class Counted:
    """What one process executed: a count for each round, by phase; and what they depend on."""

    rounds: Mapping[str, Sequence[meter.Count]]
    ground: dict[str, str]

    @property
    def plain(self) -> dict[str, list[int]]:
        """The instructions of each round, by phase."""
        return {name: [c.instructions for c in each] for name, each in self.rounds.items()}

    @property
    def totals(self) -> list[int]:
        """The instructions of each round, all phases."""
        return [sum(c.instructions for c in counts) for counts in _by_round(self.rounds)]


def _by_round(rounds: Mapping[str, Sequence[meter.Count]]) -> Iterable[tuple[meter.Count, ...]]:
    return zip(*rounds.values(), strict=True)


class Counting:
    """A process under callgrind that counts a program; ended when its block ends.

    Args:
        limit: seconds for an answer without valgrind.
        functions: whether each count has its functions.
    """

    def __init__(self, spec: Spec, limit: float, *, functions: bool = False) -> None:
        self.functions = functions
        self._folder = tempfile.TemporaryDirectory(prefix="gradmeter-")
        self.spec = replace(spec, counts=self._folder.name, collector="off")
        try:
            self.worker = Process(self.spec, limit * SLOWER)
        except WorkerError:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Counting:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.worker.close()
        finally:
            self._folder.cleanup()

    def count(self, program: str = "case", **numbers: int) -> Counted:
        """Wait until the case is built, and count a program of it: "case" or "operations".

        Args:
            numbers: warm-up and rounds, as of the meter.

        Raises:
            WorkerError: the worker or valgrind failed.
        """
        self.worker.ready()
        counters = meter.Counters(
            Path(self._folder.name), self.worker.child.pid, by_function=self.functions
        )
        with readings():
            rounds = meter.measure(self.worker, counters, program, **numbers)
            ground = msgspec.convert(self.worker.ask("ground"), dict[str, str])
        more = {"valgrind": meter.version(), "allocator": self.spec.allocator}
        return Counted(rounds, ground | more)


def count(
    workers: Workers,
    group: Group,
    variant: Variant,
    *,
    functions: bool = False,
    way: Mapping[str, Any] | None = None,
) -> Instructions:
    """Count the instructions of a case, in two processes of different histories.

    Args:
        way: what its specs have that the variant's other workers have not.

    Raises:
        WorkerError: the worker or valgrind failed.
    """
    limit = workers.options.limit
    cores = workers.cores
    spec, other = (
        replace(workers.spec(group, variant, core), **(way or {})) for core in (cores[0], cores[-1])
    )
    calls: dict[str, int] = {}
    if functions:
        with workers.worker(spec) as worker, readings():
            calls = msgspec.convert(worker.ask("python_calls"), dict[str, int])
    with ExitStack() as stack:  # half of the time is their start, so they start together
        first = stack.enter_context(Counting(spec, limit, functions=functions))
        second = stack.enter_context(Counting(replace(other, **ELSEWHERE), limit))
        return reading(first.count(), second.count().totals, calls)


def reading(counted: Counted, again: Sequence[int], calls: Mapping[str, int]) -> Instructions:
    """The counts in the form of the run file.

    Raises:
        WorkerError: they are no counts, as when nothing was executed.
    """
    with readings():
        return Instructions(
            valgrind=counted.ground["valgrind"],
            rounds=counted.plain,
            # What stepping alone misses, which is subtracted, may be a few more.
            misses={n: [max(0, c.misses) for c in each] for n, each in counted.rounds.items()},
            again=list(again),
            ground=counted.ground,
            functions=_functions(counted),
            calls=dict(calls),
        )


def _functions(counted: Counted) -> dict[str, int]:
    """The functions of the median round, all phases, the largest first."""
    totals = counted.totals
    middle = totals.index(sorted(totals)[(len(totals) - 1) // 2])
    sums: dict[str, int] = {}
    for counts in counted.rounds.values():
        for name, number in counts[middle].functions.items():
            sums[name] = sums.get(name, 0) + number
    ordered = sorted(sums.items(), key=lambda pair: -abs(pair[1]))
    return {name: number for name, number in ordered[:MOST_FUNCTIONS] if number}


def add(workers: Workers, group: Group, variant: Variant, case: Case, *, functions: bool) -> Case:
    """Return a case, which runs without valgrind, with its instructions or why it has none."""
    reason = variant.engine.uncounted
    if not reason:
        try:
            counted = count(workers, group, variant, functions=functions)
            return msgspec.structs.replace(case, instructions=counted)
        except WorkerError as error:
            reason = f"it runs, but not under valgrind: {error}"
            if "SIGILL" in str(error):
                reason = (
                    "its code is compiled for this CPU, with instructions that valgrind does not "
                    "know, such as those of AVX-512"
                )
    return msgspec.structs.replace(case, uncounted=reason)
