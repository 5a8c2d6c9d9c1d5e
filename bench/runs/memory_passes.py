"""Check a case's results, then measure its memory pass by pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, Protocol

import msgspec

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.lines.kept import MOMENTS, kept
from gradmeter.bench.meters.allocations import PASSES
from gradmeter.bench.results.lines import Lines, LineTimeline
from gradmeter.bench.results.readings import (
    Allocations,
    Allocator,
    Cycles,
    Failure,
    Heap,
    Residency,
    Timeline,
)
from gradmeter.bench.results.run import Case
from gradmeter.bench.runs.case_lines import Asked, ask
from gradmeter.bench.runs.check import compare
from gradmeter.bench.runs.saved_results import read
from gradmeter.bench.runs.sets import readings
from gradmeter.bench.runs.workers import Workers

SAMPLING_INTERVAL = 0.005
MOST_OPERATIONS = 200  # a longer timeline would make up most of the run file
MOST_EVENTS = 20_000  # of lines; a timeline takes time with the square of a program's length

change = msgspec.structs.replace
Computed = dict[str, Any]


class Sampler(Protocol):
    """Samples a worker's resident memory from outside until it is stopped."""

    def stop(self) -> list[tuple[float, int]]:
        """Stop, and return (time, bytes) samples."""


@dataclass(frozen=True)
class MemoryPasses:
    """The memory passes of a case; a pass that fails makes the case fail.

    Attributes:
        sample: starts a sampler on a worker.
        note: records a sentence about what the run leaves out.
        trusted: whether the self-tests of exact memory passed.
    """

    workers: Workers
    sample: Callable[[Any, float], Sampler]
    note: Callable[[str], None]
    trusted: bool

    def exact(
        self,
        group: Group,
        variant: Variant,
        case: Case,
        reference: Computed | None,
        path: Path,
    ) -> tuple[Case, Computed | None]:
        """Check the variant's results, then measure its exact bytes.

        Args:
            reference: the results to compare with; None for the first variant.
            path: the file to which the worker saves its results.

        Returns:
            The case, and the results to compare the next variant with.
        """
        workload = group.workload
        stage = "start"
        try:
            spec = self.workers.spec(group, variant)
            with self.workers.worker(spec, forked=variant.engine.forks) as worker, readings():
                stage = "check"
                seconds = float(worker.ask("check", path=str(path))["seconds"])
                if not 0 <= seconds < inf:
                    raise ValueError(f"{seconds} seconds")
                case = change(case, first_run=seconds)
                computed = read(path, group)
                checked, mismatch = compare(group, self.workers.options.seed, computed, reference)
                if mismatch:
                    return change(case, failure=Failure(stage, "wrong result", mismatch)), reference
                case = change(case, checked=checked)
                # The results with the most arrays check the most of the other variants.
                if reference is None or len(computed) > len(reference):
                    reference = computed
                if not case.array_data or not self.trusted:
                    return case, reference
                stage = "exact memory"
                passes = worker.ask("allocations")["passes"]
                allocations = msgspec.convert(passes, list[Allocations])
                if len(allocations) != PASSES:
                    raise ValueError(f"{len(allocations)} passes instead of {PASSES}")
                case = change(case, allocations=allocations)
                stage = "cycles"
                cycles = msgspec.convert(worker.ask("cycles"), Cycles)
                case = change(case, cycles=cycles)
                if variant.engine.observed:
                    stage = "timeline"
                    timeline = worker.ask("timeline", most=MOST_OPERATIONS)["timeline"]
                    case = change(case, timeline=msgspec.convert(timeline, Timeline | None))
                if self._by_lines(group):
                    stage = "lines"
                    case = self._lines(worker, group, variant, case)
                if workload.iterations > 1:
                    stage = "memory with the collector on"
                    case = change(case, collected_peak=int(worker.ask("collected")["peak"]))
        except WorkerError as error:
            case = change(case, failure=Failure(stage, error.kind, str(error)))
        return case, reference

    def _by_lines(self, group: Group) -> bool:
        """Whether lines are measured: where not every engine reports its operations."""
        engines = [v.engine for v in group.variants if v.engine.memory == "arrays"]
        return self.workers.options.lines or not all(engine.observed for engine in engines)

    def _lines(self, worker: Asked, group: Group, variant: Variant, case: Case) -> Case:
        index = group.variants.index(variant)
        reading, reason = ask(worker, group, index, Lines)
        if reading is None:
            self.note(f"{case.title}: lines are left out, since {reason}")
            return case
        case = change(case, lines=kept(reading))
        if variant.engine.observed or reading.events > MOST_EVENTS:
            return case
        timeline, _ = ask(worker, group, index, LineTimeline, most=MOMENTS)
        return change(case, line_timeline=timeline)

    def lines(self, group: Group, variant: Variant, case: Case) -> Case:
        """Measure the lines of a case in a worker of its own; what fails is noted."""
        try:
            spec = self.workers.spec(group, variant)
            with self.workers.worker(spec, forked=variant.engine.forks) as worker, readings():
                return self._lines(worker, group, variant, case)
        except WorkerError as error:
            self.note(f"{case.title}: lines are left out, since {error}")
            return case

    def heap(self, group: Group, variant: Variant, case: Case) -> Case:
        """Measure the whole heap in a process of its own."""
        try:
            spec = replace(
                self.workers.spec(group, variant),
                objects=True,
                allocator=variant.memory or "system",
                environment=tuple(variant.engine.uncached.items()),
            )
            with self.workers.worker(spec) as worker, readings():
                reading = worker.ask("heap")
                passes = msgspec.convert(reading["passes"], list[Heap])
                if passes and min(p.held for p in passes) < int(reading["least"]):
                    self.note(
                        f"{case.title}: memray counts {passes[-1].held:,} bytes held, fewer than "
                        f"the {reading['least']:,} of inputs, result and gradients; its heap is "
                        "left out"
                    )
                    return case
                return change(case, heap=passes)  # empty where memray is not installed
        except WorkerError as error:
            return change(case, failure=Failure("heap", error.kind, str(error)))

    def resident(self, group: Group, variant: Variant, case: Case) -> Case:
        """Measure resident memory in a fresh process, while a sampler samples it from outside."""
        spec = self.workers.spec(group, variant)
        # Under the run's policy, what is kept for later would count.
        policy: Allocator = variant.memory or "system"
        spec = replace(
            spec,
            small_pages=True,
            allocator=policy,
            environment=tuple(variant.engine.uncached.items()),
        )
        try:
            with self.workers.worker(spec) as worker, readings():
                sampler = self.sample(worker, SAMPLING_INTERVAL)
                try:
                    reading = worker.ask("residency")
                finally:
                    samples = sampler.stop()
                inside = [b for t, b in samples if reading["started"] <= t <= reading["stopped"]]
                reset = reading["method"].startswith("reset peak")
                return change(
                    case,
                    residency=Residency(
                        method=str(reading["method"]),
                        bytes=int(reading["bytes"]),
                        before=int(reading["before"]),
                        left=None if reading["left"] is None else int(reading["left"]),
                        allocator=policy,
                        sampled=max(inside) - int(reading["before"]) if inside and reset else None,
                        samples=len(inside),
                        interval=SAMPLING_INTERVAL,
                    ),
                )
        except WorkerError as error:
            return change(case, failure=Failure("resident memory", error.kind, str(error)))
