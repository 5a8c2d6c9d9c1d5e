"""One set: fresh processes on one core that take turns, in random order, round by round."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from mmap import PAGESIZE as PAGE
from typing import Any, Protocol

import msgspec

from bench.errors import WorkerError
from bench.launcher import Spec
from bench.layout import HUGE
from bench.results import Failure, TimeSet

ROUND_SECONDS = 0.005  # shorter runs are timed several at once
LONG_SECONDS = 0.05  # longer runs have warmed up after one
MOST_ROUNDS = 40  # more say more about the process than about the engine
PHASES = ("forward", "backward", "step", "cpu")


class Worker(Protocol):
    """What a schedule needs of a worker; bench.launcher.Process is the real one."""

    def ready(self) -> None:
        """Wait until the case is built."""

    def ask(self, meter: str, **request: Any) -> dict[str, Any]:
        """Apply a meter once."""

    def close(self) -> None:
        """End the worker."""


Start = Callable[[Spec, float], Worker]


@dataclass
class Lane:
    """One process of a set: what it is to run, and what came of it."""

    spec: Spec
    rounds: list[dict[str, float]] = field(default_factory=list)
    failure: Failure | None = None
    worker: Worker | None = None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Turn what goes wrong in the block into this lane's failure."""
        try:
            with readings():
                yield
        except WorkerError as error:
            self.failure = Failure("time", error.kind, str(error))

    def round(self, loops: int) -> dict[str, float]:
        """Time ``loops`` runs of the program; seconds per run, by phase."""
        assert self.worker is not None
        found = self.worker.ask("time", loops=loops)
        seconds = {name: float(found[name]) for name in PHASES}
        if not all(math.isfinite(s) and s >= 0 for s in seconds.values()):
            raise ValueError(f"{found} are no seconds")
        return seconds

    def times(self, number: int, loops: int) -> TimeSet:
        """The rounds as they stand in the run file."""
        phases = {name: [seconds[name] for seconds in self.rounds] for name in PHASES}
        return TimeSet(number=number, core=self.spec.core, loops=loops, **phases)


@contextmanager
def readings() -> Iterator[None]:
    """Turn a reading that does not read as one into a WorkerError.

    Raises:
        WorkerError: of kind "rubbish".
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise WorkerError("rubbish", f"the worker's answer is no reading: {error!r}") from None


@dataclass(frozen=True)
class Turns:
    """How a set takes its turns.

    Attributes:
        least: rounds that there are at least.
        budget: seconds after which no further round is begun.
        limit: seconds that a worker may take for one answer.
    """

    start: Start
    clock: Callable[[], float]
    shuffle: random.Random
    least: int
    budget: float
    limit: float

    def take(self, specs: Sequence[Spec], loops: int | None) -> tuple[list[Lane], int]:
        """Run one set.

        A process that fails is left out of what follows; the others go on.

        Args:
            loops: runs that are timed together in a round; None to find out.

        Returns:
            A lane for each spec, and loops.
        """
        place = self.shuffle.randrange(0, HUGE, PAGE)
        lanes = [Lane(replace(spec, place=place)) for spec in specs]
        with ExitStack() as stack:
            # In random order from the start on: who runs the same code is exchangeable.
            for lane in self.shuffle.sample(lanes, len(lanes)):
                with lane.attempt():
                    lane.worker = self.start(lane.spec, self.limit)
                    stack.callback(lane.worker.close)
            for lane in _alive(lanes):
                with lane.attempt():
                    assert lane.worker is not None
                    lane.worker.ready()
            # The first run warms up; where that was most of it, the second tells how long one is.
            for _ in range(2):
                shortest = self._round(lanes, 1, keep=False)
                if shortest > LONG_SECONDS:
                    break
            if loops is None:
                loops = max(1, math.ceil(ROUND_SECONDS / max(shortest, 1e-7)))
            began = self.clock()
            rounds = 0
            while _alive(lanes) and (
                rounds < self.least or (rounds < MOST_ROUNDS and self.clock() - began < self.budget)
            ):
                self._round(lanes, loops, keep=True)
                rounds += 1
        for lane in lanes:
            lane.worker = None
        return lanes, loops

    def _round(self, lanes: Sequence[Lane], loops: int, *, keep: bool) -> float:
        """Let every lane run once, in random order; return the shortest seconds per run."""
        turn = _alive(lanes)
        self.shuffle.shuffle(turn)
        shortest = math.inf
        for lane in turn:
            with lane.attempt():
                seconds = lane.round(loops)
                shortest = min(shortest, sum(seconds.values()) - seconds["cpu"])
                if keep:
                    lane.rounds.append(seconds)
        return shortest


def _alive(lanes: Sequence[Lane]) -> list[Lane]:
    return [lane for lane in lanes if lane.failure is None]
