"""Where two timelines part, to the byte."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bench import explain
from bench.results import ArrayLife, Operation, Timeline

Key = tuple[str, str, int, int]  # name, kind, bytes, and which one of such it is


@dataclass(frozen=True)
class Difference:
    """Where two timelines part.

    Attributes:
        first: the position of the first operation that is another one, or whose bytes
            differ; None for none.
        only_a, only_b: arrays that one has and the other has not.
        moved: arrays of both that die elsewhere: as (in a, in b).
    """

    first: int | None
    only_a: list[ArrayLife]
    only_b: list[ArrayLife]
    moved: list[tuple[ArrayLife, ArrayLife]]


def difference(a: Timeline, b: Timeline) -> Difference:
    """Compare two timelines, to the byte."""
    pairs = [(_figures(x), _figures(y)) for x, y in zip(a.operations, b.operations, strict=False)]
    first = next((i for i, (x, y) in enumerate(pairs) if x != y), None)
    if first is None and len(a.operations) != len(b.operations):
        first = len(pairs)
    ours, theirs = _keyed(a), _keyed(b)
    ends, others = _deaths(a), _deaths(b)
    return Difference(
        first,
        [life for key, life in ours.items() if key not in theirs],
        [life for key, life in theirs.items() if key not in ours],
        [
            (life, theirs[key])
            for key, life in ours.items()
            if key in theirs and ends[key] != others[key]
        ],
    )


def _deaths(timeline: Timeline) -> dict[Key, str]:
    words = [explain.in_words(place) for place in explain.places(timeline)]
    return {
        key: "" if life.died is None else words[life.died] for key, life in _keyed(timeline).items()
    }


def _figures(o: Operation) -> tuple[str, str, int, int, int, int]:
    return (o.name, o.phase, o.number, o.before, o.peak, o.after)


def _keyed(timeline: Timeline) -> dict[Key, ArrayLife]:
    """Arrays by what tells them apart."""
    seen: Counter[tuple[str, str, int]] = Counter()
    found = {}
    for life in timeline.arrays:
        key = (life.name, life.kind, life.bytes)
        found[(*key, seen[key])] = life
        seen[key] += 1
    return found
