"""Run one set: fresh workers on one core, timed in random order, round by round."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from mmap import PAGESIZE as PAGE
from typing import Any, Protocol

import msgspec

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.results.readings import Failure, TimeSet
from gradmeter.bench.runs.launcher import Spec
from gradmeter.bench.runs.layout import HUGE

ROUND_SECONDS = 0.005  # shorter runs are timed several at once
LONG_SECONDS = 0.05  # longer runs warm up with one run
MOST_ROUNDS = 40  # more rounds repeat the bias of the process
PHASES = ("forward", "backward", "step", "cpu")


class Worker(Protocol):
    """The interface of a worker; gradmeter.bench.runs.launcher.Process implements it."""

    def ready(self) -> None:
        """Wait until the case is built."""

    def ask(self, meter: str, **request: Any) -> dict[str, Any]:
        """Apply a meter once."""

    def close(self) -> None:
        """End the worker."""


Start = Callable[[Spec, float], Worker]


@dataclass
class Lane:
    """One worker of a set: its spec, its rounds and its failure."""

    spec: Spec
    rounds: list[dict[str, float]] = field(default_factory=list)
    failure: Failure | None = None
    worker: Worker | None = None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Record an error of the block as this lane's failure."""
        try:
            with readings():
                yield
        except WorkerError as error:
            self.failure = Failure("time", error.kind, str(error))

    def round(self, loops: int) -> dict[str, float]:
        """Time ``loops`` runs of the program; seconds per run, by phase."""
        assert self.worker is not None
        reading = self.worker.ask("time", loops=loops)
        seconds = {name: float(reading[name]) for name in PHASES}
        if not all(math.isfinite(s) and s >= 0 for s in seconds.values()):
            raise ValueError(f"{reading} has values that are not seconds")
        return seconds

    def times(self, number: int, loops: int) -> TimeSet:
        """The rounds in the form of the run file."""
        phases = {name: [seconds[name] for seconds in self.rounds] for name in PHASES}
        return TimeSet(number=number, core=self.spec.core, loops=loops, **phases)


@contextmanager
def readings() -> Iterator[None]:
    """Raise a WorkerError where an answer is not a valid reading.

    Raises:
        WorkerError: of kind "rubbish".
    """
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
        msgspec.MsgspecError,
    ) as error:
        raise WorkerError("rubbish", f"the worker's answer is not a reading: {error!r}") from None


@dataclass(frozen=True)
class SetRunner:
    """Runs sets, all with the same limits.

    Attributes:
        shuffle: draws the order of the workers, and the place of their memory.
        least: the fewest rounds.
        budget: seconds after which no further round begins.
        limit: the most seconds that one answer of a worker may take.
    """

    start: Start
    clock: Callable[[], float]
    shuffle: random.Random
    least: int
    budget: float
    limit: float

    def run(self, specs: Sequence[Spec], loops: int | None) -> tuple[list[Lane], int]:
        """Run one set.

        A worker that fails runs no further round; the others continue.

        Args:
            loops: runs that are timed together in a round; None to choose from the first runs.

        Returns:
            A lane for each spec, and ``loops``.
        """
        place = self.shuffle.randrange(0, HUGE, PAGE)
        lanes = [Lane(replace(spec, place=place)) for spec in specs]
        with ExitStack() as stack:
            # Starting in random order too makes workers of the same code exchangeable.
            for lane in self.shuffle.sample(lanes, len(lanes)):
                with lane.attempt():
                    lane.worker = self.start(lane.spec, self.limit)
                    stack.callback(lane.worker.close)
            for lane in _alive(lanes):
                with lane.attempt():
                    assert lane.worker is not None
                    lane.worker.ready()
            # The first run warms up; where it is short, the second one is timed instead.
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
        """Time every lane once, in random order; return the shortest seconds per run."""
        order = _alive(lanes)
        self.shuffle.shuffle(order)
        shortest = math.inf
        for lane in order:
            with lane.attempt():
                seconds = lane.round(loops)
                shortest = min(shortest, sum(seconds.values()) - seconds["cpu"])
                if keep:
                    lane.rounds.append(seconds)
        return shortest


def _alive(lanes: Sequence[Lane]) -> list[Lane]:
    return [lane for lane in lanes if lane.failure is None]
