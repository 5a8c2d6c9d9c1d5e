"""The growth of time with size and depth: series of cases, and their slopes."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gradmeter.bench.laws.names import family
from gradmeter.bench.results.run import Case, Run

FEWEST = 2  # a line fits any two points, which the report then says

Along = Literal["size", "depth"]


@dataclass(frozen=True)
class Series:
    """The cases of one variant on one machine that differ in nothing but their size or depth.

    Attributes:
        name: of the workload: "squares-30" along sizes, "squares x 10,000" along
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


def slope(points: Sequence[tuple[int, float]]) -> float | None:
    """Fit the exponent k of y = c x^k: a straight line through the logarithms, by least squares.

    Returns:
        None where there are fewer than FEWEST different x with y above 0.
    """
    points = [(x, y) for x, y in points if x > 0 and y > 0]
    if len({x for x, _ in points}) < FEWEST:
        return None
    x, y = np.log(np.array(points)).T
    return float(np.polyfit(x, y, 1)[0])


def series(run: Run) -> list[Series]:
    """Return every series of at least FEWEST points."""
    points_of: defaultdict[tuple[str, str, Along], dict[int, Case]] = defaultdict(dict)
    for case in run.cases:
        on = f" on {case.machine}" if case.machine else ""
        points_of[f"{case.workload}{on}", case.variant, "size"][case.size] = case
        name, depth = family(case.workload)
        if depth is not None:
            points_of[f"{name} x {case.size:,}{on}", case.variant, "depth"][depth] = case
    return [
        Series(name, variant, along, tuple(sorted(points.items(), key=lambda point: point[0])))
        for (name, variant, along), points in points_of.items()
        if len(points) >= FEWEST
    ]
