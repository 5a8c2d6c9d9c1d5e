"""A speed goal: two programs, timed alternately, and the largest ratio that meets it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]
Prepare = Callable[[], Work]  # sets up, untimed, and returns the work that is timed


@dataclass(frozen=True)
class Goal:
    """Two programs and the largest ratio of their times that meets the goal.

    Attributes:
        scale: a divisor of the ratio of the times: the ratio of the operation counts, where
            these differ.
    """

    name: str
    limit: float
    ours: Prepare
    other: Prepare
    rounds: int
    scale: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What was measured of a goal.

    Attributes:
        figures: of each round, sorted: ratios, or what the name says.
        bound: the ratio that a program would reach that only moves the bytes that must move,
            at the bandwidth measured in the same run; None where it is not known.
        reason: how the bound comes about.
    """

    name: str
    limit: float
    figures: Sequence[float]
    bound: float | None = None
    reason: str = ""

    @property
    def met(self) -> bool:
        """Whether the median is within the limit."""
        return median(self.figures) <= self.limit


def outcome(goal: Goal) -> Outcome:
    """Time a goal's two programs."""
    return Outcome(goal.name, goal.limit, ratios(goal))


def ratios(goal: Goal) -> list[float]:
    """Time both programs alternately; return the ratio of each round, sorted."""

    def seconds(prepare: Prepare) -> float:
        work = prepare()
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    gc.collect()
    gc.freeze()  # the collector visits what the programs make, not what imports left
    seconds(goal.ours), seconds(goal.other)
    pairs = []
    for round_ in range(goal.rounds):
        if round_ % 2:  # the order alternates, too, so that it favours neither
            ours, other = seconds(goal.ours), seconds(goal.other)
        else:
            other, ours = seconds(goal.other), seconds(goal.ours)
        pairs.append(ours / other / goal.scale)
    return sorted(pairs)


def without_setup(work: Work) -> Prepare:
    """Make a goal's program of work that needs no setup: all of it is timed."""
    return lambda: work
