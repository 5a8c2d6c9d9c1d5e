"""A fake world for the runner: workers that answer by script, a clock that only they move."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.meters.selftest import RESIDENCY
from gradmeter.bench.results import environment
from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.run import Options, Run
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.runner import Runner
from gradmeter.bench.runs.spec import Spec

PASSES = [{"forward": 4, "backward": 5, "peak": 5, "held": 3}] * 3
CYCLES = {"dropped": 0, "bytes": 0, "objects": 0, "types": {}, "leaked": 0}
TIMELINE = {
    "operations": [("square", "forward", 1, 0, 1, 2, 4, 4, False)],
    "arrays": [("x", "input", 2, 0, None, False, 1, 1, None, None)],
    "levels": (2, 4, 4), "peaks": (2, 4, 4), "dropped": 0, "leaked": 0, "loop": (),
}  # fmt: skip
RESIDENT = {
    "method": "reset peak",
    "bytes": 100,
    "before": 1000,
    "left": 50,
    "started": 1.0,
    "stopped": 2.0,
}


def self_test(name: str = "an array", *, passes: bool = True) -> dict[str, Any]:
    measured = 10 if passes else 11
    return {"name": name, "expected": 10, "measured": measured, "tolerance": 0, "problem": ""}


def exact(spec: Spec) -> dict[str, Any]:
    """What an honest worker computes."""
    workload = workloads.get(spec.workload)
    inputs = workloads.arrays(workload, spec.size, spec.seed)
    gradients = workload.exact(**inputs) if workload.exact else {}
    return {
        "result": np.zeros(spec.size),
        **{f"gradient of {name}": value for name, value in gradients.items()},
    }


@dataclass
class World:
    """Starts fake workers and keeps a log of (what, spec, meter) in order.

    Attributes:
        seconds: what one run of a program takes.
        answer: replaces or refuses an answer: called with (spec, meter, request), returns
            None for the honest one, or raises.
        at: called with the number of every event, from 1.
    """

    seconds: float = 0.001
    answer: Any = lambda spec, meter, request: None
    at: Any = lambda number: None
    now: float = 0.0
    log: list[tuple[str, Spec, str]] = field(default_factory=list)
    open: int = 0
    samplers: int = 0
    saved: list[Run] = field(default_factory=list)
    told: list[tuple[float, str]] = field(default_factory=list)
    events: int = 0

    def event(self) -> None:
        self.events += 1
        self.at(self.events)

    def start(self, spec: Spec, limit: float) -> Fake:
        self.event()
        self.answer(spec, "start", {})
        self.log.append(("start", spec, ""))
        self.open += 1
        return Fake(self, spec)

    def sample(self, worker: Fake, interval: float) -> World:
        self.event()
        self.samplers += 1
        return self

    def stop(self) -> list[tuple[float, int]]:
        self.samplers -= 1
        return [(0.5, 9000), (1.5, 1050), (1.6, 1040), (2.5, 9000)]

    def save(self, run: Run) -> None:
        self.event()
        self.saved.append(run)

    def tell(self, fraction: float, sentence: str) -> None:
        self.event()
        self.told.append((fraction, sentence))

    def runner(self, *, run: Run | None = None, cores: tuple = (0, 1), **changed: Any) -> Runner:
        options = {
            "collector": "on", "seed": 0, "sets": 2, "budget": 0.0, "min_rounds": 2, "limit": 9.0,
        }  # fmt: skip
        options = Options(**{**options, **changed})
        return Runner(
            start=self.start,
            clock=lambda: self.now,
            sample=self.sample,
            record=Record(run or empty(options), self.save, self.tell),
            cores=cores,
            options=options,
        )

    def meters(self, meter: str) -> list[Spec]:
        return [spec for _, spec, asked in self.log if asked == meter]


@dataclass
class Fake:
    """A worker that answers at once; timing moves the world's clock."""

    world: World
    spec: Spec
    closed: bool = False

    def ready(self) -> dict[str, Any]:
        self.world.event()
        self.world.answer(self.spec, "ready", {})
        return {}

    def ask(self, meter: str, **request: Any) -> dict[str, Any]:
        assert not self.closed
        world = self.world
        world.event()
        world.log.append(("ask", self.spec, meter))
        other = world.answer(self.spec, meter, request)
        if other is not None:
            return other
        if meter == "check":
            np.savez(request["path"], **exact(self.spec))
            return {"names": [], "seconds": self.world.seconds}
        if meter == "time":
            world.now += world.seconds * request["loops"]
            return {"forward": world.seconds, "backward": 0.0, "step": 0.0, "cpu": world.seconds}
        return {
            "selftest": {"tests": [self_test(), self_test(RESIDENCY)]},
            "allocations": {"passes": PASSES},
            "cycles": CYCLES,
            "timeline": {"timeline": TIMELINE},
            "collected": {"peak": 7},
            "lines": {"reading": None, "reason": "nobody ran it"},
            "residency": RESIDENT,
        }[meter]

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.world.open -= 1
            self.world.log.append(("close", self.spec, ""))


@cache
def _environment() -> Environment:
    return environment.describe()


def empty(options: Options) -> Run:
    return Run(
        environment=_environment(),
        options=options,
        self_tests=[],
        comparisons=[],
        cases=[],
        finished=False,
    )


def named(spec: Spec) -> str:
    return str(Variant(engines.get(spec.engine), spec.settings))


def failing(variant: str, meter: str, error: BaseException | None = None, nth: int = 1):
    """An `answer` that lets the nth request of this kind to this variant fail."""
    seen = [0]

    def answer(spec: Spec, asked: str, request: dict[str, Any]) -> None:
        if asked == meter and named(spec) == variant:
            seen[0] += 1
            if seen[0] == nth:
                raise error or WorkerError("crashed", "it fell over")

    return answer
