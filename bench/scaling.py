"""How time and memory grow with size and depth: series of cases, and the slope of each."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.results import Case, Run

FEWEST = 2  # a line through two fits whatever they are, which is then said

Along = Literal["size", "depth"]


@dataclass(frozen=True)
class Series:
    """The cases of one variant that differ in nothing but their size or their depth.

    Attributes:
        name: what they have in common: "squares-30" along sizes, "squares x 10,000" along
            depths.
        points: (size or depth, case), ascending.
    """

    name: str
    variant: str
    along: Along
    points: tuple[tuple[int, Case], ...]

    @property
    def milliseconds(self) -> list[tuple[int, float]]:
        """The median duration at each point that was timed."""
        return [(x, 1000 * statistics.median(c.seconds)) for x, c in self.points if any(c.seconds)]

    @property
    def peaks(self) -> list[tuple[int, float]]:
        """The exact peak in bytes at each point that has one."""
        return [(x, float(c.memory.peak)) for x, c in self.points if c.memory is not None]


def slope(points: Sequence[tuple[int, float]]) -> float | None:
    """The exponent k of y = c x^k: a straight line through the logarithms, by least squares.

    Returns:
        None where there are fewer than FEWEST different x with y above 0.
    """
    points = [(x, y) for x, y in points if x > 0 and y > 0]
    if len({x for x, _ in points}) < FEWEST:
        return None
    x, y = np.log(np.array(points)).T
    return float(np.polyfit(x, y, 1)[0])


def family(workload: str) -> tuple[str, int | None]:
    """A workload's name without its depth, and its depth: squares-30 is squares at 30."""
    found = re.fullmatch(r"(.+)-([0-9]{1,9})", workload)
    return (found[1], int(found[2])) if found else (workload, None)


def series(run: Run) -> list[Series]:
    """Every series of at least FEWEST points."""
    found: defaultdict[tuple[str, str, Along], dict[int, Case]] = defaultdict(dict)
    for case in run.cases:
        found[case.workload, case.variant, "size"][case.size] = case
        name, depth = family(case.workload)
        if depth is not None:
            found[f"{name} x {case.size:,}", case.variant, "depth"][depth] = case
    return [
        Series(name, variant, along, tuple(sorted(points.items(), key=lambda point: point[0])))
        for (name, variant, along), points in found.items()
        if len(points) >= FEWEST
    ]
