"""The timeline meter: the memory before, in and after every operation, and every array's life.

The engine reports the beginning and the end of each operation. These moments, in order, are
the ticks 0, 1, 2, ...; interval i lies before tick i, and the last interval after the last
tick. At each tick the meter reads the bytes alive and the most bytes alive in the interval
before it: exact, and the same in every run.

The trace keeps no array alive: it identifies an array by a number, from the first operation
that uses it to its finalizer. A view counts as the array whose memory it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any

from gradmeter.bench.cases.program import END, Program
from gradmeter.bench.meters import loops
from gradmeter.bench.meters.allocations import Count, counting
from gradmeter.bench.meters.births import find_births
from gradmeter.bench.meters.cycles import collector_off
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.meters.watch import Watch, traceback_of
from gradmeter.engine.observer import observe


@dataclass(frozen=True)
class Operation:
    """One operation in one phase.

    Attributes:
        name: "square"; "store" is the end of a sweep, which hands over the gradients.
        phase: "forward" or "backward".
        number: from 1 in the order of the forward operations, the same in both phases; 0 for
            an operation from before the trace, and for "store".
        begin, end: its ticks; operations that ran inside it lie between.
        before, peak, after: bytes alive when it began, at most, and when it ended.
        raised: an exception ended it; ``end`` is the tick at which the trace noticed.
    """

    name: str
    phase: str
    number: int
    begin: int
    end: int
    before: int
    peak: int
    after: int
    raised: bool


@dataclass(frozen=True)
class ArrayLife:
    """One array, from its first byte to its last.

    Attributes:
        name: that of its variable if it has one, else that of the operation that made it.
        kind: "input" (made by no operation), "output", "gradient", or "saved" (made only
            to be saved).
        bytes: of the memory that it owns.
        born: the interval; -1: not counted, allocated before the trace or not by NumPy.
        died: the interval; None: alive at the end.
        early: it died before the interval reached its peak.
        used: the last tick at which an operation used it.
        saved: the tick from which a graph holds it for its backward; None for never.
        released: the tick at which the last operation that saved it released it.
        retained: the tick at which backward no longer needed it, though it stayed alive: a
            saved array for retain_graph, a gradient for retain_grad.
    """

    name: str
    kind: str
    bytes: int
    born: int
    died: int | None
    early: bool
    used: int
    saved: int | None
    released: int | None
    retained: int | None


@dataclass(frozen=True)
class Timeline:
    """The operations and arrays of a traced program.

    Attributes:
        operations: in the order in which they began.
        arrays: in the order in which operations first used them.
        levels: bytes alive at each tick, and at the end of the trace.
        peaks: the most bytes alive in each interval; one more than there are ticks.
        dropped: bytes alive when every name was dropped.
        leaked: bytes still alive when the collector had run after that.
        loop: the shortest reference cycle that kept bytes alive; empty for none.
    """

    operations: tuple[Operation, ...]
    arrays: tuple[ArrayLife, ...]
    levels: tuple[int, ...]
    peaks: tuple[int, ...]
    dropped: int
    leaked: int
    loop: tuple[str, ...]


@contextmanager
def watching() -> Iterator[tuple[Watch, Count]]:
    """Trace the operations of the block, in all threads, until it ends or `Watch.stop`.

    Raises:
        UnavailableError: array data cannot be counted here.
        engine.ObserverError: the program made the trace fail.
    """
    if traceback_of is None:
        raise UnavailableError("this Python does not report which memory tracemalloc traces")
    with counting() as count:
        watch = Watch(count)
        try:
            with observe(watch):
                yield watch, count
        finally:
            watch.stop()


def measure(make: Callable[[], Program]) -> Timeline:
    """Trace a program once with the collector off; then drop it and look for cycles."""
    with collector_off(), watching() as (watch, count):
        phases = make()
        for phase in phases:
            if phase == END:
                break
        watch.stop()
        phases.close()
        dropped, loop = count.live, loops.collect()
        return timeline(watch, dropped, count.live, loop)


def timeline(watch: Watch, dropped: int, leaked: int, loop: tuple[str, ...]) -> Timeline:
    """Build the timeline of a stopped watch; see `Timeline` for the other arguments."""
    levels, peaks = zip(*watch.readings, strict=True)
    counted = [a for a in watch.arrays if a.counted]
    end = len(levels)
    births = iter(
        find_births(
            levels, [(a.first_used, end if a.died is None else a.died, a.bytes) for a in counted]
        )
    )
    arrays = [
        ArrayLife(
            name=a.name,
            kind=a.kind,
            bytes=a.bytes,
            born=next(births) if a.counted else -1,
            died=a.died,
            early=a.died is not None and peaks[a.died] > a.peak_at_death,
            used=a.used,
            saved=a.saved,
            released=a.released,
            retained=a.retained,
        )
        for a in watch.arrays
    ]
    operations = [
        Operation(
            name=o.name,
            phase=o.phase,
            number=o.number,
            begin=o.begin,
            end=o.end,
            before=o.before,
            peak=o.peak,
            after=o.after,
            raised=o.raised,
        )
        for o in watch.operations
    ]
    return Timeline(tuple(operations), tuple(arrays), levels, peaks, dropped, leaked, loop)


def as_plain(trace: Timeline) -> dict[str, Any]:
    """Convert a timeline to the dictionary and lists that gradmeter.bench.results.run reads."""
    return {
        **{name: getattr(trace, name) for name in Timeline.__dataclass_fields__},
        "operations": [astuple(operation) for operation in trace.operations],
        "arrays": [astuple(life) for life in trace.arrays],
    }
