"""Memory planning: which arrays share memory, and the place of each buffer in one arena.

Places are greedy by size, as in Pisarchyk and Lee, "Efficient Memory Management for Deep Neural
Net Inference" (2020): the largest buffer first, each at the lowest offset where it overlaps no
buffer that lives at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory that one array after the other lies in.

    Attributes:
        nodes: the arrays, in the order of time.
        life: from the birth of the first to the death of the last.
        output: the result that it is; None for none.
        start: where it begins in the arena of a workspace, which has no results.
    """

    nodes: tuple[int, ...]
    life: Lifetime
    output: int | None
    start: int


def share(
    lifetimes: Mapping[int, Lifetime], taken: Mapping[int, int], outputs: Mapping[int, int]
) -> tuple[tuple[Buffer, ...], int]:
    """Return the buffers of arrays, and the bytes of the arena of those that are no results.

    Args:
        lifetimes: of the arrays, by node.
        taken: by array, the one whose memory it takes over, in the order of time.
        outputs: by array, the result that it is.
    """
    chains = {n: [n] for n in lifetimes if n not in taken}
    first = {n: n for n in chains}
    for n, old in taken.items():
        first[n] = first[old]
        chains[first[n]].append(n)
    lives = [
        Lifetime(lifetimes[n].bytes, lifetimes[n].birth, lifetimes[nodes[-1]].death)
        for n, nodes in chains.items()
    ]
    inside = [i for i, nodes in enumerate(chains.values()) if nodes[-1] not in outputs]
    placed, total = offsets([lives[i] for i in inside])
    starts = dict(zip(inside, placed, strict=True))
    buffers = [
        Buffer(tuple(nodes), life, outputs.get(nodes[-1]), starts.get(i, 0))
        for i, (nodes, life) in enumerate(zip(chains.values(), lives, strict=True))
    ]
    return tuple(buffers), total


def peak(lifetimes: Iterable[Lifetime], besides: Mapping[int, int]) -> int:
    """Return the most bytes that a step needs.

    Args:
        besides: what else a step needs, in bytes.
    """
    lives = [*lifetimes]
    steps = {*besides, *[life.birth for life in lives]}
    return max(
        [
            besides.get(i, 0) + sum([x.bytes for x in lives if x.birth <= i <= x.death])
            for i in steps
        ],
        default=0,
    )


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
