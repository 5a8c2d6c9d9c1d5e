"""The speed goals against PyTorch and JAX, at several sizes, each engine in its own process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from gradmeter.bench import workloads
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.goals.bounds import bandwidth, compiled_bytes, eager_bytes
from gradmeter.bench.goals.goal import Outcome
from gradmeter.bench.goals.processes import LIMIT, Times, timed
from gradmeter.bench.numbers import bytes_text, seconds_text, where_text
from gradmeter.bench.results.environment import cores
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.spec import Spec, spec_of
from gradmeter.bench.workloads import Workload

WORKLOADS: Final = {"squares-30": 32, "goldstein_price": 15, "training_step": 16}  # arrays alive
SIZES: Final = (10**4, 10**5, 10**6, 10**7)
EAGER, COMPILED = "engine:memory=kept", "engine:memory=kept,execution=compiled"
PEERS: Final[Mapping[str, str]] = {
    "torch": "PyTorch eager",
    "torch:execution=compiled": "torch.compile",
    "jax": "jax.jit",
}
OF_EAGER, OF_COMPILED, OF_TRAINING = 0.8, 0.7, 0.8
BUDGET: Final = 10.0  # seconds of timing for a workload at a size, besides the fewest rounds
ROUNDS, LARGE_ROUNDS = 7, 5  # at least; of the largest size a round takes half a minute


def goals(most: int) -> Iterator[Outcome]:
    """Measure every goal at sizes up to ``most``, on one thread, and one of them on two."""
    for size in SIZES:
        for name in WORKLOADS:
            if size <= most:
                yield from _measured(name, size)
    if most >= SIZES[-1] and len(cores()) > 1:
        yield from _measured("goldstein_price", SIZES[-1], threads=2)


def _specs(workload: Workload, size: int, scratch: str, threads: int) -> dict[str, Spec]:
    specs = {}
    for text in (EAGER, COMPILED, *PEERS):
        variant = parse(text + (f"{',' if ':' in text else ':'}threads={threads}" * (threads > 1)))
        if variant.engine.version is None:
            print(f"{PEERS[text]} is not compared; {variant.engine.command}", file=sys.stderr)
        elif threads == 1 or text not in (EAGER, "torch"):
            specs[text] = spec_of(
                workload, size, variant, collector="on", seed=0, allocator="kept",
                core=cores()[0 if threads > 1 else -1], scratch=scratch,
            )  # fmt: skip
    return specs


def _measured(name: str, size: int, threads: int = 1) -> Iterator[Outcome]:
    workload = workloads.get(name)
    least = LARGE_ROUNDS if size == SIZES[-1] else ROUNDS
    with temporary_folder() as folder:
        specs = _specs(workload, size, str(folder), threads)
        results = dict(zip(specs, timed(list(specs.values()), least, BUDGET), strict=True))
    where = where_text(name, size) + f", {threads} threads" * (threads > 1)
    for text, times in results.items():
        if times.failure:
            print(f"{where}: {text} was not timed: {times.failure}", file=sys.stderr)
    results = {text: times for text, times in results.items() if not times.failure}
    compared = Compared(workload, size, where, results, threads)
    if EAGER in results and "torch" in results:
        yield compared.outcome("eager", EAGER, "torch", OF_EAGER)
    others = [text for text in PEERS if text in results]
    if COMPILED in results and others:
        best = min(others, key=lambda text: median(compared.seconds(text)))
        yield compared.outcome("compiled", COMPILED, best, OF_COMPILED)
    if name == "training_step" and {EAGER, COMPILED} <= results.keys():
        yield compared.outcome("compiled", COMPILED, EAGER, OF_TRAINING)
        if size == SIZES[-1]:  # the law of the smaller sizes holds for it, too
            return
        peaks = [_peak(specs[text]) for text in (COMPILED, EAGER)]
        ratio = [peaks[0] / peaks[1]] * 2
        yield Outcome(f"{where}: compiled, peak bytes against our eager", 1.0, ratio)


@dataclass(frozen=True)
class Compared:
    """What was timed of a workload at a size, by variant."""

    workload: Workload
    size: int
    where: str
    results: Mapping[str, Times]
    threads: int

    def seconds(self, text: str) -> Sequence[float]:
        """Processor seconds of each round; with several threads, wall seconds."""
        return self.results[text].cpu if self.threads == 1 else self.results[text].wall

    def outcome(self, what: str, ours: str, other: str, limit: float) -> Outcome:
        """Compare one of ours with another, and derive the bound."""
        pairs = zip(self.seconds(ours), self.seconds(other), strict=True)
        if other in PEERS:
            version = parse(other).engine.version
            against = f"{PEERS[other]} {version}"
        else:
            against = "our eager"
        return Outcome(
            f"{self.where}: {what}, against {against}",
            limit,
            sorted(a / b for a, b in pairs),
            *self._bound(ours, median(self.seconds(other))),
        )

    def _bound(self, ours: str, seconds: float) -> tuple[float | None, str]:
        """The ratio of a program that only moves its bytes, and a sentence on it."""
        if self.threads > 1:
            return None, ""
        eager = ours == EAGER
        moved = (eager_bytes if eager else compiled_bytes)(self.workload, self.size)
        speed = bandwidth(self.size, WORKLOADS[self.workload.name] if eager else 5)
        least = moved / speed
        return least / seconds, (
            f"{bytes_text(moved)} must move, at {speed / 1e9:.1f} GB/s in "
            f"{seconds_text(least, 2)}; the other takes {seconds_text(seconds, 2)}"
        )


def _peak(spec: Spec) -> int:
    """The exact peak of array data in bytes.

    Raises:
        WorkerError: the worker fails.
    """
    worker = Process(spec, LIMIT)
    try:
        worker.ready()
        worker.ask("time", loops=1)  # compiles
        passes = worker.ask("allocations")["passes"]
        return int(passes[-1]["peak"])
    except (KeyError, IndexError) as error:
        raise WorkerError("rubbish", f"no peak: {error!r}") from None
    finally:
        worker.close()
