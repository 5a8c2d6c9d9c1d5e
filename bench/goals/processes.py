"""Time the same computation in several processes, alternately, on the same cores.

Peers are timed in processes of their own: what one imports changes the time of another (glibc
raises its thresholds whenever a large block is freed). All have the same policy of the C
library's allocator, and each imports what it needs and nothing else.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.sets import Generation, Lane, SetRunner
from gradmeter.bench.runs.spec import Spec

LIMIT: Final = 300.0  # seconds for one answer; a compiler may take a minute
_SHUFFLE: Final = random.Random(0)


@dataclass(frozen=True)
class Times:
    """The rounds of one process, as seconds of a run.

    Attributes:
        forward: wall seconds of the forward.
        wall: those of forward, backward and step.
        cpu: processor seconds of the same.
        failure: why there are none; empty where there are.
    """

    forward: list[float]
    wall: list[float]
    cpu: list[float]
    failure: str = ""

    @classmethod
    def of(cls, lane: Lane) -> Times:
        """The times of a lane."""
        if lane.failure is not None:
            return cls([], [], [], lane.failure.message)
        wall = [r["forward"] + r["backward"] + r["step"] for r in lane.rounds]
        return cls([r["forward"] for r in lane.rounds], wall, [r["cpu"] for r in lane.rounds])


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
