"""Prepare a timeline for drawing: the bytes alive in each operation, and each array's life."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby

from gradmeter.bench.results.readings import ArrayLife, Timeline
from gradmeter.bench.timelines import explain

CATEGORIES = (
    explain.INPUT,
    explain.SAVED,
    explain.OUTPUT,
    explain.GRADIENT,
    explain.TEMPORARY,
    explain.OTHER,
)
# What they mean; a category says nothing of how long an array lives.
MEANINGS = {
    explain.INPUT: "made by no operation",
    explain.SAVED: "held by a graph for its backward, whatever made it",
    explain.OUTPUT: "made by an operation, and not saved at that moment",
    explain.GRADIENT: "made by a backward",
    explain.TEMPORARY: "memory inside of an operation",
    explain.OTHER: "memory of no array that an operation used",
}


@dataclass(frozen=True)
class Moment:
    """The peak of an operation, or of the code between two operations.

    Attributes:
        title: "square#2 backward".
        name: "square#2"; empty outside of operations.
        phase: "forward" or "backward"; empty outside of operations.
        peak: the most bytes alive in it.
        parts: those bytes by category, for all of CATEGORIES.
    """

    title: str
    name: str
    phase: str
    peak: int
    parts: dict[str, int]


@dataclass(frozen=True)
class Span:
    """An array's life, from the beginning of one moment to the beginning of another.

    ``category`` is one of CATEGORIES. ``held`` is the part of the life in which a graph keeps
    the array for its backward; None for no such part, and for inputs and gradients, whose
    category does not change.
    """

    life: ArrayLife
    category: str
    begin: int
    end: int
    held: tuple[int, int] | None


@dataclass(frozen=True)
class Drawing:
    """The moments of a timeline in order, and its arrays in the order of their births."""

    moments: list[Moment]
    spans: list[Span]

    @property
    def peak(self) -> Moment | None:
        """The first moment with the most bytes alive; None for an empty trace."""
        return max(self.moments, key=lambda moment: moment.peak, default=None)


def drawing(timeline: Timeline) -> Drawing:
    """Reduce a timeline to its moments and spans.

    The code between operations is a moment only if more is alive than in the moment before;
    otherwise each operation would appear twice.
    """
    moments: list[Moment] = []
    begins: list[int] = []  # for each interval, the first moment that is not before it
    ends: list[int] = []  # for each interval, the first moment that is after it
    places = explain.places(timeline)
    for operation, group in groupby(range(len(places)), key=lambda i: places[i][0]):
        intervals = list(group)
        top = max(intervals, key=lambda i: timeline.peaks[i])
        most = timeline.peaks[top]
        position = len(moments)
        if operation is not None or most > (moments[-1].peak if moments else 0):
            parts = Counter[str]()
            for part in explain.alive_at(timeline, top):
                parts[part.category] += part.bytes
            title = explain.when(timeline, top) if operation is None else explain.title(operation)
            phase = operation.phase if operation is not None else ""
            name = explain.numbered(operation) if operation is not None else ""
            moments.append(Moment(title, name, phase, most, {c: parts[c] for c in CATEGORIES}))
        begins += [position] * len(intervals)
        ends += [len(moments)] * len(intervals)
    spans = [_span(life, begins, ends) for life in timeline.arrays if life.born >= 0]
    return Drawing(moments, sorted(spans, key=lambda span: (span.begin, span.end)))


def _span(life: ArrayLife, begins: list[int], ends: list[int]) -> Span:
    last = ends[-1]
    end = last if life.died is None else (begins if life.early else ends)[life.died]
    held = None
    if life.saved is not None and life.kind not in (explain.INPUT, explain.GRADIENT):
        start = begins[min(life.saved + 1, len(begins) - 1)]
        stop = last if life.released is None else ends[min(life.released, len(ends) - 1)]
        held = (start, min(stop, end)) if start < min(stop, end) else None
    begin = begins[life.born]
    return Span(life, explain.category(life, life.born), begin, max(begin, end), held)
