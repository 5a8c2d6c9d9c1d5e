"""Memory planning: the place of each buffer in one arena, from its lifetime.

Greedy by size, as in Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
Inference" (2020): the largest buffer first, each at the lowest offset where it overlaps no
buffer that lives at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64  # bytes: a cache line


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A buffer's size in bytes, and the first and the last step that need it."""

    bytes: int
    birth: int
    death: int

    def meets(self, other: Lifetime) -> bool:
        """Whether some step needs both buffers."""
        return self.birth <= other.death and other.birth <= self.death


def offsets(lifetimes: Sequence[Lifetime]) -> tuple[tuple[int, ...], int]:
    """Return where each buffer begins, and the bytes of the arena that holds them all.

    Buffers that live at the same time do not overlap; every offset is aligned.
    """
    placed: list[int] = []
    starts = [0] * len(lifetimes)
    for i in sorted(range(len(lifetimes)), key=lambda i: -lifetimes[i].bytes):
        occupied_ranges = sorted(
            (starts[j], starts[j] + lifetimes[j].bytes)
            for j in placed
            if lifetimes[j].meets(lifetimes[i])
        )
        start = 0
        for low, high in occupied_ranges:
            if start + lifetimes[i].bytes <= low:
                break
            start = max(start, -(-high // ALIGNMENT) * ALIGNMENT)
        starts[i] = start
        placed.append(i)
    total = max((starts[i] + life.bytes for i, life in enumerate(lifetimes)), default=0)
    return tuple(starts), total
