"""Time the same computation in several processes, alternately, on one core.

Peers are timed in processes of their own: what one imports changes the time of another (glibc
raises its thresholds whenever a large block is freed). All have the same policy of the C
library's allocator, and each imports what it needs and nothing else.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.sets import Generation, Lane, SetRunner
from gradmeter.bench.runs.spec import Spec

LIMIT = 300.0  # seconds for one answer; a compiler may take a minute
_SHUFFLE = random.Random(0)


@dataclass(frozen=True)
class Times:
    """The rounds of one process.

    Attributes:
        forward: processor seconds would mix phases, so these are wall seconds of each round.
        whole: processor seconds of forward, backward and step in each round.
        failure: why there are none; empty where there are.
    """

    forward: list[float]
    whole: list[float]
    failure: str = ""

    @classmethod
    def of(cls, lane: Lane) -> Times:
        """The times of a lane."""
        if lane.failure is not None:
            return cls([], [], lane.failure.message)
        return cls([r["forward"] for r in lane.rounds], [r["cpu"] for r in lane.rounds])


def timed(specs: Sequence[Spec], least: int, budget: float) -> list[Times]:
    """Time a process for each spec, round by round in random order.

    Args:
        least: the fewest rounds.
        budget: seconds after which no further round begins.
    """
    generation = Generation(time.perf_counter, _SHUFFLE)
    runner = SetRunner(Process, None, generation, least, budget, LIMIT)
    lanes, _ = runner.run(specs, None)
    return [Times.of(lane) for lane in lanes]
