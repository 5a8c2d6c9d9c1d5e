"""Memory planning: the place of each buffer in one arena or in a result, from its lifetime.

Greedy by size, as in Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
Inference" (2020): the largest buffer first, each at the lowest offset where it overlaps no
buffer that lives at the same time. The memory of a result is free until its value is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64  # bytes: a cache line


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A buffer's size in bytes, and the first and the last step that need it.

    Its address is a multiple of the alignment, in bytes.
    """

    bytes: int
    birth: int
    death: int
    alignment: int = 1

    def meets(self, other: Lifetime) -> bool:
        """Whether some step needs both buffers."""
        return self.birth <= other.death and other.birth <= self.death

    def holds(self, other: Lifetime) -> bool:
        """Whether this buffer is large enough for another one that dies before it is born."""
        return (
            other.death < self.birth
            and other.bytes <= self.bytes
            and self.alignment % other.alignment == 0
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a buffer begins, in bytes: in the arena, or else in the result of this index."""

    start: int
    result: int | None = None


def places(
    lifetimes: Sequence[Lifetime], results: Sequence[Lifetime] = ()
) -> tuple[tuple[Place, ...], int]:
    """Return the place of each buffer, and the bytes of the arena.

    Buffers that live at the same time do not overlap, and none overlaps a result that is born;
    every start is aligned.

    Args:
        results: the buffers that there are all the time, each needed from its birth on.
    """
    placed: dict[int, Place] = {}
    smallest_first = sorted(range(len(results)), key=lambda r: results[r].bytes)
    total = 0
    for i in sorted(range(len(lifetimes)), key=lambda i: -lifetimes[i].bytes):
        life = lifetimes[i]
        for r in smallest_first:
            if results[r].holds(life):
                start = _lowest_start(life, lifetimes, placed, r)
                if start + life.bytes <= results[r].bytes:
                    placed[i] = Place(start, r)
                    break
        else:
            placed[i] = Place(_lowest_start(life, lifetimes, placed, None))
            total = max(total, placed[i].start + life.bytes)
    return tuple([placed[i] for i in range(len(lifetimes))]), total


def offsets(lifetimes: Sequence[Lifetime]) -> tuple[tuple[int, ...], int]:
    """Return where each buffer begins in an arena, and the bytes of the arena."""
    placed, total = places(lifetimes)
    return tuple([place.start for place in placed]), total


def _lowest_start(
    life: Lifetime, lifetimes: Sequence[Lifetime], placed: dict[int, Place], result: int | None
) -> int:
    occupied_ranges = sorted(
        (place.start, place.start + lifetimes[j].bytes)
        for j, place in placed.items()
        if place.result == result and lifetimes[j].meets(life)
    )
    start = 0
    for low, high in occupied_ranges:
        if start + life.bytes <= low:
            break
        start = max(start, -(-high // ALIGNMENT) * ALIGNMENT)
    return start
