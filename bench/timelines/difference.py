"""Compare two timelines, to the byte."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gradmeter.bench.results.readings import ArrayLife, Operation, Timeline
from gradmeter.bench.timelines import explain

Key = tuple[str, str, int, int]  # name, kind, bytes, and a number among equal ones


@dataclass(frozen=True)
class Difference:
    """The differences between two timelines a and b.

    Attributes:
        first: the position of the first operation that differs, itself or in its bytes;
            None for none.
        only_a, only_b: the arrays that only one of them has.
        moved: (array in a, array in b) for arrays that die in different places.
    """

    first: int | None
    only_a: list[ArrayLife]
    only_b: list[ArrayLife]
    moved: list[tuple[ArrayLife, ArrayLife]]


def difference(a: Timeline, b: Timeline) -> Difference:
    """Find the operations and arrays in which two timelines differ, to the byte."""
    pairs = [(_figures(x), _figures(y)) for x, y in zip(a.operations, b.operations, strict=False)]
    first = next((i for i, (x, y) in enumerate(pairs) if x != y), None)
    if first is None and len(a.operations) != len(b.operations):
        first = len(pairs)
    arrays_a, arrays_b = _by_key(a), _by_key(b)
    deaths_a, deaths_b = _deaths(a), _deaths(b)
    return Difference(
        first,
        [life for key, life in arrays_a.items() if key not in arrays_b],
        [life for key, life in arrays_b.items() if key not in arrays_a],
        [
            (life, arrays_b[key])
            for key, life in arrays_a.items()
            if key in arrays_b and deaths_a[key] != deaths_b[key]
        ],
    )


def _deaths(timeline: Timeline) -> dict[Key, str]:
    """Where each array dies, in words; "" for alive at the end."""
    words = [explain.in_words(place) for place in explain.places(timeline)]
    return {
        key: "" if life.died is None else words[life.died]
        for key, life in _by_key(timeline).items()
    }


def _figures(o: Operation) -> tuple[str, str, int, int, int, int]:
    return (o.name, o.phase, o.number, o.before, o.peak, o.after)


def _by_key(timeline: Timeline) -> dict[Key, ArrayLife]:
    """The arrays of a timeline by key."""
    seen: Counter[tuple[str, str, int]] = Counter()
    arrays = {}
    for life in timeline.arrays:
        key = (life.name, life.kind, life.bytes)
        arrays[(*key, seen[key])] = life
        seen[key] += 1
    return arrays
