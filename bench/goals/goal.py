"""A speed goal: two programs, timed alternately, and the largest ratio that meets it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

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


def ratios(goal: Goal) -> list[float]:
    """Time both programs alternately; return the ratio of each round, sorted."""

    def seconds(prepare: Prepare) -> float:
        work = prepare()
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

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
