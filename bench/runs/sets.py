"""Run one set: workers on one core, timed in random order, round by round.

The workers of a set are forks of one fresh process where they may be, else fresh processes
themselves. A fork is started in milliseconds, so a set times several generations of them: what
is peculiar to one process, such as the physical pages that it got, is averaged within the set.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from mmap import PAGESIZE as PAGE
from typing import Any, Protocol

import msgspec

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.results.readings import Failure, TimeSet
from gradmeter.bench.runs.layout import HUGE
from gradmeter.bench.runs.spec import Spec

# Shorter runs are timed several at once. On a busy machine twice as many rounds of half the
# length scatter less, since what disturbs one round leaves the median of all alone.
ROUND_SECONDS = 0.002
LONG_SECONDS = 0.05  # longer runs warm up with one run
MOST_ROUNDS = 40  # more rounds repeat the bias of the process
GENERATIONS = 3  # of forks in a set, at most
SHARE = 0.035  # seconds of timing for each worker, for which starting one more pays
PHASES = ("forward", "backward", "step", "cpu")


class Worker(Protocol):
    """The interface of a worker; gradmeter.bench.runs.dialogue.Dialogue implements it."""

    def ready(self) -> Mapping[str, Any]:
        """Wait until the case is built; in what it returns, "most" limits the runs in a round."""

    def ask(self, meter: str, **request: Any) -> dict[str, Any]:
        """Apply a meter once."""

    def close(self) -> None:
        """End the worker."""


Start = Callable[[Spec, float], Worker]


class Server(Protocol):
    """The interface of a process that workers are forked from; see forks.py."""

    def start(self, spec: Spec, limit: float) -> Worker:
        """Fork a worker."""

    def close(self) -> None:
        """End the process and all its workers."""


Serve = Callable[[Spec, float], Server]


@dataclass
class Lane:
    """A variant in a set: its workers, their rounds and their failure.

    Attributes:
        start: starts a worker, at a place within a huge page; see layout.py.
        core: the first that they are pinned to.
        workers: how many were started.
        most: the most runs in a round; None for any number.
    """

    start: Callable[[int], Worker]
    core: int | None
    workers: int = 0
    most: int | None = None
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
        return TimeSet(number=number, core=self.core, processes=self.workers, loops=loops, **phases)


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
class Generation:
    """Times workers that were started together, round by round.

    Attributes:
        clock: seconds, as ``time.perf_counter``.
        shuffle: draws the order of the workers, and the place of their memory.
    """

    clock: Callable[[], float]
    shuffle: random.Random

    def time(self, lanes: Sequence[Lane], loops: int | None, least: int, budget: float) -> int:
        """Start a worker for each lane, time them round by round, and end them.

        Args:
            loops: as for `run`.
            least: the fewest rounds.
            budget: seconds after which no further round begins.

        Returns:
            ``loops``.
        """
        place = self.place()
        with ExitStack() as stack:
            # Starting in random order too makes workers of the same code exchangeable.
            for lane in self.shuffle.sample(alive := _alive(lanes), len(alive)):
                with lane.attempt():
                    lane.workers += 1
                    lane.worker = lane.start(place)
                    stack.callback(lane.worker.close)
            for lane in _alive(lanes):
                with lane.attempt():
                    assert lane.worker is not None
                    most = lane.worker.ready().get("most")
                    # One of them warms up.
                    lane.most = None if most is None else max(1, int(most) - 1)
            # The first run warms up; where it is short, the second one is timed instead.
            for _ in range(2):
                shortest = self._round(lanes, 1, keep=False)
                if shortest > LONG_SECONDS:
                    break
            if loops is None:
                loops = max(1, math.ceil(ROUND_SECONDS / max(shortest, 1e-7)))
            loops = min([loops, *(lane.most for lane in lanes if lane.most is not None)])
            began = self.clock()
            rounds = 0
            while _alive(lanes) and (
                rounds < least or (rounds < MOST_ROUNDS and self.clock() - began < budget)
            ):
                self._round(lanes, loops, keep=True)
                rounds += 1
        for lane in lanes:
            lane.worker = None
        return loops

    def place(self) -> int:
        """Draw where in a huge page the memory of workers begins, see layout.py."""
        return self.shuffle.randrange(0, HUGE, PAGE)

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


@dataclass(frozen=True)
class SetRunner:
    """Runs sets, all with the same limits.

    Attributes:
        start: starts a worker in a fresh process.
        serve: starts the process whose forks become the workers of a set; None where they may
            not be forks of one process.
        generation: times the workers.
        least: the fewest rounds.
        budget: seconds of timing after which no further round begins.
        limit: the most seconds that one answer of a worker may take.
    """

    start: Start
    serve: Serve | None
    generation: Generation
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
        if self.serve is None:
            lanes = _lanes(specs, self.start, self.limit)
            return lanes, self.generation.time(lanes, loops, self.least, self.budget)
        count = max(1, min(GENERATIONS, int(self.budget / len(specs) / SHARE)))
        least, budget = math.ceil(self.least / count), self.budget / count
        spec = replace(specs[0], place=self.generation.place())
        with closing(self.serve(spec, self.limit)) as server:
            lanes = _lanes(specs, server.start, self.limit)
            loops = self.generation.time(lanes, loops, least, budget)
            for _ in range(count - 1):
                self.generation.time(lanes, loops, least, budget)
        return lanes, loops


def _lanes(specs: Sequence[Spec], start: Start, limit: float) -> list[Lane]:
    def begin(spec: Spec, place: int) -> Worker:
        return start(replace(spec, place=place), limit)

    return [Lane(partial(begin, spec), spec.core) for spec in specs]


def _alive(lanes: Sequence[Lane]) -> list[Lane]:
    return [lane for lane in lanes if lane.failure is None]
