"""The timeline meter: what every operation does to memory, and when every array lives.

The engine tells of each operation when it begins and when it ends. These moments, in the
order in which they come, are the ticks 0, 1, 2, ...; interval i lies before tick i, and
the last one after the last tick. At each tick the bytes alive are read, and the most that
were alive in the interval before it: exact, and the same in every run.

No array is kept: an array is known by a number from the first operation that has to do
with it to its finalizer. Views count as the array whose memory they show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any

from bench.meters import loops
from bench.meters.allocations import Count, UnavailableError, counting
from bench.meters.births import find_births
from bench.meters.cycles import collector_off
from bench.meters.watch import Watch, traceback_of
from bench.program import END, Program
from engine.observer import observe


@dataclass(frozen=True)
class Operation:
    """One operation in one phase.

    Attributes:
        name: "square"; "store" is the end of a sweep, which hands over the gradients.
        phase: "forward" or "backward".
        number: from 1 in the order of the calls, the same in both phases; 0 for what was
            called before the trace, and for "store".
        begin, end: its ticks; what ran inside of it lies between.
        before, peak, after: bytes alive when it began, at most, and when it ended.
        raised: it did not come to its end; ``end`` is where that was noticed.
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
        name: its variable's where that has one, else the operation's that made it.
        kind: "input" (made by no operation), "output", "gradient", or "saved" (made only
            to be saved).
        bytes: of the memory that it owns.
        born: the interval; -1: before the trace, or not by NumPy, and so not counted.
        died: the interval; None: alive at the end.
        early: it died before the interval's peak was reached.
        used: the last tick at which an operation had to do with it.
        saved: the tick from which a graph holds it for its backward; None for never.
        released: the tick at which the last operation that saved it gave it up.
        retained: the tick at which a backward was done with it, and it was kept all the
            same: something saved by retain_graph, a gradient by retain_grad.
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
    """What was traced.

    Attributes:
        operations: in the order in which they began.
        arrays: in the order in which operations met them.
        levels: bytes alive at each tick, and at the end of the trace.
        peaks: the most bytes alive in each interval; one more than there are ticks.
        dropped: bytes alive when every name was dropped.
        leaked: bytes alive when the collector had run then.
        loop: the shortest chain of references that had kept bytes alive; empty for none.
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
    """Trace what the block runs, in all threads, until it ends or `Watch.stop`.

    Raises:
        UnavailableError: array data cannot be counted here.
        engine.ObserverError: the program kept the trace from going on.
    """
    if traceback_of is None:
        raise UnavailableError("this Python does not tell which memory tracemalloc knows")
    with counting() as count:
        watch = Watch(count)
        try:
            with observe(watch):
                yield watch, count
        finally:
            watch.stop()


def measure(make: Callable[[], Program]) -> Timeline:
    """Trace a program, once, with the collector off; then drop it and look for cycles."""
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
    """What a stopped watch has seen; see `Timeline` for the other arguments."""
    levels, peaks = zip(*watch.readings, strict=True)
    counted = [a for a in watch.arrays if a.counted]
    end = len(levels)
    births = iter(
        find_births(levels, [(a.met, end if a.died is None else a.died, a.bytes) for a in counted])
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
            name=c.name,
            phase=c.phase,
            number=c.number,
            begin=c.begin,
            end=c.end,
            before=c.before,
            peak=c.peak,
            after=c.after,
            raised=c.raised,
        )
        for c in watch.calls
    ]
    return Timeline(tuple(operations), tuple(arrays), levels, peaks, dropped, leaked, loop)


def as_plain(found: Timeline) -> dict[str, Any]:
    """A timeline as lists and a dictionary, as bench.results reads them."""
    return {
        **{name: getattr(found, name) for name in Timeline.__dataclass_fields__},
        "operations": [astuple(operation) for operation in found.operations],
        "arrays": [astuple(life) for life in found.arrays],
    }
