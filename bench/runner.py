"""Which worker runs when: groups, passes, sets, budgets and failures.

A group is a workload at a size with all its variants. Its cases are first checked (they
must compute the same), then their memory is measured, pass by pass, and last their time:
in several sets of fresh processes, one per variant. The set is the unit that is repeated,
since a process keeps a bias for its life.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bench import engines, results, verdicts, workloads
from bench.check import compare, read
from bench.errors import WorkerError
from bench.launcher import Spec, spec_of
from bench.meters.allocations import PASSES
from bench.meters.selftest import RESIDENCY
from bench.plan import Group, new_case
from bench.results import CANNOT, Case, Failure, Options, Run, SelfTest
from bench.sets import Start, Turns, Worker, readings
from bench.variants import Variant

SAMPLING_INTERVAL = 0.005
LIKELY = 4  # times the seconds are spent where an effect is likely
NOISE_PAIRS = 8  # the fewest that make a 99% interval
MOST_OPERATIONS = 200  # a longer timeline would make up most of the run file

change = msgspec.structs.replace


class Sampler(Protocol):
    """Somebody who watches a worker's resident memory from outside, until stopped."""

    def stop(self) -> list[tuple[float, int]]:
        """Stop, and return (time, bytes) samples."""


@dataclass
class Runner:
    """The schedule; the outside world is handed in, so that it can be tried without one.

    Attributes:
        start: starts a worker.
        clock: seconds, as ``time.perf_counter``.
        sample: starts a sampler on a worker.
        save: called with the run after every step that has a result.
        tell: called with each step's (fraction of the run done, sentence).
        cores: what workers are pinned to, in turn.
        ways: for a variant's label, what its workers' specs have that others have not.
        noise_pairs: of processes of the same variant in a run; one in each group there is anyway.
    """

    start: Start
    clock: Callable[[], float]
    sample: Callable[[Any, float], Sampler]
    save: Callable[[Run], None]
    tell: Callable[[float, str], None]
    cores: Sequence[int | None]
    options: Options
    run: Run
    ways: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    noise_pairs: int = NOISE_PAIRS
    _cases: dict[tuple[str, int, str], Case] = field(default_factory=dict)
    _done: float = 0.0
    _steps: float = 1.0
    _loops: int | None = None
    _scratch: dict[Variant, str] = field(default_factory=dict)  # of the group at work

    def __post_init__(self) -> None:
        self._cases = {case.key: case for case in self.run.cases}
        self._random = random.Random(self.options.seed)

    def measure(self, groups: Sequence[Group]) -> Run:
        """Measure every group that is not finished yet, and return the run."""
        groups = [g for g in groups if not self._finished(g)]
        self._steps = sum(len(g.variants) * 2 + self.options.sets for g in groups) or 1
        self._done = 0.0
        self._save(finished=False)
        if groups and not self.run.self_tests:
            self._self_test(groups)
        for group in groups:
            self._measure_group(group)
        self._save(finished=True)
        return self.run

    def compare_times(self, group: Group) -> Run:
        """Only time a group, whose cases need not be there yet, and return the run."""
        self._steps, self._done = self.options.sets, 0.0
        for variant in group.variants:
            self._put(new_case(group, variant, self.options.collector))
        self._times(group)
        return self.run

    def _finished(self, group: Group) -> bool:
        cases = [self._cases.get((group.workload, group.size, str(v))) for v in group.variants]
        return all(case is not None and case.finished for case in cases)

    def _step(self, sentence: str) -> None:
        self.tell(self._done / self._steps, sentence)
        self._done += 1

    def _case(self, group: Group, variant: Variant) -> Case:
        return self._cases[(group.workload, group.size, str(variant))]

    def _put(self, case: Case) -> Case:
        self._cases[case.key] = case
        self._save(finished=False)
        return case

    def _save(self, finished: bool) -> None:
        self.run = change(self.run, cases=list(self._cases.values()), finished=finished)
        self.save(self.run)

    def _note(self, sentence: str) -> None:
        self.run = change(self.run, notes=[*self.run.notes, sentence])

    def _self_test(self, groups: Sequence[Group]) -> None:
        """Try the meters under every interpreter of the run, with our own engine."""
        known = Variant("engine")
        pythons = dict.fromkeys(v.python for group in groups for v in group.variants)
        found: list[SelfTest] = []
        for python in pythons:
            where = f" under {python}" if python else ""
            spec = self._spec(groups[0], known)
            spec = replace(spec, interpreter=python or spec.interpreter, small_pages=True)
            try:
                with self._worker(spec) as worker, readings():
                    tests = msgspec.convert(worker.ask("selftest")["tests"], list[SelfTest])
                    if not tests:
                        raise ValueError("there is no self-test")
            except WorkerError as error:
                problem = f"the self-test did not run: {error}"
                tests = [
                    SelfTest(name="self-test", expected=0, measured=0, tolerance=0, problem=problem)
                ]
            found += [change(test, name=test.name + where) for test in tests]
        self.run = change(self.run, self_tests=found)

    def _believed(self, *, resident: bool) -> bool:
        """Whether the self-tests let exact memory be shown; with ``resident``, that too."""
        return all(
            test.passed
            for test in self.run.self_tests
            if resident or not test.name.startswith(RESIDENCY)
        )

    def _spec(self, group: Group, variant: Variant, core: int | None = None) -> Spec:
        return spec_of(
            group.workload,
            group.size,
            variant,
            collector=self.options.collector,
            seed=self.options.seed,
            core=core if core is not None else self.cores[0],
            scratch=self._scratch.get(variant, ""),
            **self.ways.get(variant.label, {}),
        )

    @contextmanager
    def _worker(self, spec: Spec) -> Iterator[Worker]:
        worker = self.start(spec, self.options.limit)
        try:
            worker.ready()
            yield worker
        finally:
            worker.close()

    def _measure_group(self, group: Group) -> None:
        with tempfile.TemporaryDirectory(prefix="gradmeter-") as folder:
            self._scratch = {v: str(Path(folder) / str(i)) for i, v in enumerate(group.variants)}
            reference: dict[str, Any] | None = None
            for variant in group.variants:
                case = self._put(new_case(group, variant, self.options.collector))
                self._step(f"{case.title}: exact memory")
                reason = engines.get(variant.engine).reason(group.workload, dict(variant.of_engine))
                if reason:
                    self._put(change(case, failure=Failure("engine", CANNOT, reason)))
                    continue
                Path(self._scratch[variant]).mkdir()
                path = Path(self._scratch[variant]) / "computed.npz"
                case, reference = self._memory(group, variant, case, reference, path)
                if case.failure is None and _mixed(group):
                    case = self._heap(group, variant, case)
                self._put(case)
                self._step(f"{case.title}: resident memory")
                if case.failure is None and self._believed(resident=True):
                    self._put(self._resident(group, variant, case))
            self._times(group)
        self._scratch = {}
        for variant in group.variants:  # all at once: a group is resumed whole or not at all
            case = change(self._case(group, variant), finished=True)
            self._cases[case.key] = case
        self._save(finished=False)

    def _memory(
        self,
        group: Group,
        variant: Variant,
        case: Case,
        reference: dict[str, Any] | None,
        path: Path,
    ) -> tuple[Case, dict[str, Any] | None]:
        """Check what the variant computes, then measure its exact bytes."""
        workload = workloads.get(group.workload)
        stage = "start"
        try:
            with self._worker(self._spec(group, variant)) as worker, readings():
                stage = "check"
                seconds = float(worker.ask("check", path=str(path))["seconds"])
                case = change(case, first_run=seconds)
                computed = read(path)
                checked, wrong = compare(workload, group, self.options.seed, computed, reference)
                if wrong:
                    return change(case, failure=Failure(stage, "wrong result", wrong)), reference
                case = change(case, checked=checked)
                # The richest result is what the others are held against.
                if reference is None or len(computed) > len(reference):
                    reference = computed
                if not case.array_data or not self._believed(resident=False):
                    return case, reference
                stage = "exact memory"
                passes = worker.ask("allocations")["passes"]
                allocations = msgspec.convert(passes, list[results.Allocations])
                if len(allocations) != PASSES:
                    raise ValueError(f"{len(allocations)} passes instead of {PASSES}")
                case = change(case, allocations=allocations)
                stage = "cycles"
                cycles = msgspec.convert(worker.ask("cycles"), results.Cycles)
                case = change(case, cycles=cycles)
                if engines.get(variant.engine).observed:
                    stage = "timeline"
                    found = worker.ask("timeline", most=MOST_OPERATIONS)["timeline"]
                    case = change(case, timeline=msgspec.convert(found, results.Timeline | None))
                if workload.iterations > 1:
                    stage = "memory with the collector on"
                    case = change(case, collected_peak=int(worker.ask("collected")["peak"]))
        except WorkerError as error:
            case = change(case, failure=Failure(stage, error.kind, str(error)))
        return case, reference

    def _heap(self, group: Group, variant: Variant, case: Case) -> Case:
        """Measure the whole heap in a process of its own."""
        try:
            spec = replace(self._spec(group, variant), objects=True, environment=_uncached(variant))
            with self._worker(spec) as worker, readings():
                found = worker.ask("heap")
                passes = msgspec.convert(found["passes"], list[results.Heap])
                if passes and min(p.held for p in passes) < int(found["least"]):
                    self._note(
                        f"{case.title}: memray saw {passes[-1].held:,} bytes held where inputs, "
                        f"result and gradients have {found['least']:,}, so its heap is left out"
                    )
                    return case
                return change(case, heap=passes)  # none, where there is no memray
        except WorkerError as error:
            return change(case, failure=Failure("heap", error.kind, str(error)))

    def _resident(self, group: Group, variant: Variant, case: Case) -> Case:
        """Measure resident memory in a fresh process, while a sampler watches."""
        spec = self._spec(group, variant)
        spec = replace(spec, small_pages=True, environment=_uncached(variant))
        try:
            with self._worker(spec) as worker, readings():
                sampler = self.sample(worker, SAMPLING_INTERVAL)
                try:
                    found = worker.ask("residency")
                finally:
                    samples = sampler.stop()
                inside = [b for t, b in samples if found["started"] <= t <= found["stopped"]]
                reset = found["method"].startswith("reset peak")
                return change(
                    case,
                    residency=results.Residency(
                        method=str(found["method"]),
                        bytes=int(found["bytes"]),
                        before=int(found["before"]),
                        sampled=max(inside) - int(found["before"]) if inside and reset else None,
                        samples=len(inside),
                        interval=SAMPLING_INTERVAL,
                    ),
                )
        except WorkerError as error:
            return change(case, failure=Failure("resident memory", error.kind, str(error)))

    def _times(self, group: Group) -> None:
        """Time the group's cases in sets, then those that are compared and undecided in more."""
        options = self.options
        began = self.clock()
        compared = self._compared(group)
        self._loops = None
        variants: Sequence[Variant] = group.variants
        patience = options.seconds * len(compared)
        number = 0
        for look in options.looks:
            while number < look:
                if number >= options.sets and self.clock() - began >= patience:
                    return
                self._set(group, variants, number, compared)
                number += 1
            # Only here, not after every set: each look may err, and their number is planned.
            undecided = self._undecided(group, compared)
            if not undecided:
                return
            variants = list(dict.fromkeys(v for pair, _ in undecided for v in reversed(pair)))
            likely = any(found.beyond(options.effect) for _, found in undecided)
            patience = options.seconds * len(compared) * (LIKELY if likely else 1)

    def _compared(self, group: Group) -> list[tuple[Variant, Variant]]:
        """The pairs of a candidate and its baseline that the run compares in this group."""
        named = {str(v): v for v in group.variants}
        return [
            (named[candidate], named[c.baseline])
            for c in self.run.comparisons
            if (c.workload, c.size) == (group.workload, group.size) and c.baseline in named
            for candidate in c.candidates
            if candidate in named
        ]

    def _undecided(
        self, group: Group, compared: Sequence[tuple[Variant, Variant]]
    ) -> list[tuple[tuple[Variant, Variant], verdicts.Time]]:
        """The pairs of a candidate and its baseline without a verdict, and what is known."""
        wanted = []
        for pair in compared:
            candidate, baseline = (self._case(group, variant) for variant in pair)
            if candidate.failure or baseline.failure:
                continue
            found = verdicts.time(candidate, baseline, self.options)
            if found is not None and found.word == "inconclusive":
                wanted.append((pair, found))
        return wanted

    def _set(
        self,
        group: Group,
        variants: Sequence[Variant],
        number: int,
        compared: Sequence[tuple[Variant, Variant]],
    ) -> None:
        """Time these variants in one set; one that fails is left out of what follows."""
        options = self.options
        alive = [v for v in variants if self._case(group, v).failure is None]
        self._steps += number >= options.sets
        self._step(
            f"{group.workload} x {group.size:,}: time, set {number + 1}"
            + (f" of {options.sets}" if number < options.sets else " (undecided so far)")
        )
        if not alive:
            return
        # The first baseline a second time, now and then: what the machine's noise is.
        twin = [compared[0][1]] if compared and compared[0][1] in alive else []
        if number and sum(len(c.again) for c in self._cases.values()) >= self.noise_pairs:
            twin = []
        turns = Turns(
            start=self.start,
            clock=self.clock,
            shuffle=self._random,
            least=math.ceil(options.min_rounds / options.sets),
            budget=options.budget / options.sets * len(alive + twin),
            limit=options.limit,
        )
        core = self.cores[number % len(self.cores)]
        specs = [self._spec(group, v, core) for v in alive + twin]
        lanes, self._loops = turns.take(specs, self._loops)
        for variant, lane in zip(alive, lanes, strict=False):
            case = self._case(group, variant)
            if lane.failure:
                # Its earlier sets go too: what cannot be finished is not shown.
                case = change(case, failure=lane.failure, times=[], again=[])
            else:
                case = change(case, times=[*case.times, lane.times(number, self._loops)])
            self._cases[case.key] = case
        for variant, lane in zip(twin, lanes[len(alive) :], strict=True):
            case = self._case(group, variant)
            if not lane.failure and not case.failure:
                times = lane.times(number, self._loops)
                self._cases[case.key] = change(case, again=[*case.again, times])
        self._save(finished=False)


def _mixed(group: Group) -> bool:
    """Whether some variant's arrays are not NumPy's, so that only the heap compares them all."""
    return any(engines.get(v.engine).memory == "own" for v in group.variants)


def _uncached(variant: Variant) -> tuple[tuple[str, str], ...]:
    return tuple(engines.get(variant.engine).uncached.items())
