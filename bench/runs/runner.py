"""Schedule a run: group after group, first their memory passes, then their sets.

A group is a workload at a size with all its variants. Its cases are first checked (they
must compute the same), then their memory is measured, pass by pass, and last their time:
in several sets of processes, a few for each variant. The set is the unit that is repeated,
since a process has the same bias for its whole life.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.cases.plan import Group, new_case
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.results.readings import Failure
from gradmeter.bench.results.run import CANNOT, Case, Options, Run
from gradmeter.bench.runs.estimate import EXACT, INSTRUCTIONS, RESIDENT, START_SECONDS, TIME
from gradmeter.bench.runs.instruction_passes import add
from gradmeter.bench.runs.memory_passes import Computed, MemoryPasses, Sampler
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.self_tests import passed, self_test
from gradmeter.bench.runs.sets import Serve, Start
from gradmeter.bench.runs.timing import NOISE_PAIRS, Timing
from gradmeter.bench.runs.workers import Workers

change = msgspec.structs.replace


@dataclass
class Runner:
    """The schedule of a run. Workers, clock and sampler are arguments, so that tests replace them.

    Attributes:
        start: starts a worker.
        clock: seconds, as ``time.perf_counter``.
        sample: starts a sampler on a worker.
        record: the run in progress.
        cores: the cores that workers are pinned to, one after the other.
        ways: for a variant's label, the spec fields that only its workers have.
        noise_pairs: the pairs of workers of one variant that a run times for its noise; each
            group has at least one.
        serve: starts a process that the workers of a set are forked from; None for fresh
            processes only.
    """

    start: Start
    clock: Callable[[], float]
    sample: Callable[[Any, float], Sampler]
    record: Record
    cores: Sequence[int | None]
    options: Options
    ways: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    noise_pairs: int = NOISE_PAIRS
    serve: Serve | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.options.seed)
        self._workers = Workers(self.start, self.options, self.cores, self.ways, self.serve)

    @property
    def run(self) -> Run:
        """The current state of the run."""
        return self.record.run

    def measure(self, groups: Sequence[Group]) -> Run:
        """Measure every group that is not finished yet, and return the run."""
        groups = [group for group in groups if not self.record.finished(group)]
        options, variants = self.options, sum(len(group.variants) for group in groups)
        amounts = {
            EXACT: variants,
            RESIDENT: variants * (not options.exact),
            INSTRUCTIONS: variants * options.instructions,
            TIME: variants * options.sets,
        }
        self.record.begin(amounts, time=START_SECONDS + options.budget / max(1, options.sets))
        self.record.write(finished=False)
        if groups:
            self.test(groups)
        try:
            for group in groups:
                self.measure_group(group)
        finally:
            self.close()
        self.record.write(finished=True)
        return self.run

    def test(self, groups: Sequence[Group]) -> None:
        """Test the meters under the interpreters of groups, where that is not done."""
        self.record.add_self_tests(self_test(self._workers, groups, self.run.self_tests))

    def close(self) -> None:
        """End the processes that workers are forked from."""
        self._workers.close()

    def compare_times(self, group: Group) -> Run:
        """Add a group's cases, measure nothing but their time, and return the run."""
        self.record.begin({TIME: self.options.sets * len(group.variants)})
        self.record.put(*[self._new_case(group, v) for v in group.variants])
        self._time(group)
        return self.run

    def measure_group(self, group: Group) -> None:
        """Measure a group, whose meters are tested."""
        began = self.clock()
        with temporary_folder() as folder:
            self._workers.scratch = {
                variant: str(folder / str(i)) for i, variant in enumerate(group.variants)
            }
            self._memory(group)
            self._time(group)
        self._workers.scratch = {}
        self.record.spend(group.title, self.clock() - began)
        # All at once: a group is resumed whole or not at all.
        self.record.put(
            *[change(self.record.case(group, v), finished=True) for v in group.variants]
        )

    def _memory(self, group: Group) -> None:
        record, tests = self.record, self.run.self_tests
        passes = MemoryPasses(
            self._workers, self.sample, record.note, trusted=passed(tests, resident=False)
        )
        # Where a variant's arrays are not NumPy's, only the heap is comparable between all.
        mixed = any(variant.engine.memory == "own" for variant in group.variants)
        reference: Computed | None = None
        for variant in group.variants:
            case = self._new_case(group, variant)
            record.put(case)
            record.step(f"{case.title}: exact memory", EXACT)
            reason = variant.engine.reason(group.workload.name, dict(variant.of_engine))
            if reason:
                record.put(change(case, failure=Failure("engine", CANNOT, reason)))
                continue
            scratch = Path(self._workers.scratch[variant])
            scratch.mkdir()
            path = scratch / "computed.npz"
            case, reference = passes.exact(group, variant, case, reference, path)
            if case.failure is None and mixed:
                case = passes.heap(group, variant, case)
            record.put(case)
            if not self.options.exact:
                record.step(f"{case.title}: resident memory", RESIDENT)
                if case.failure is None and passed(tests, resident=True):
                    case = passes.resident(group, variant, case)
                    record.put(case)
            if case.failure is None and self.options.instructions:
                record.step(f"{case.title}: instructions", INSTRUCTIONS)
                functions = self.options.functions
                record.put(add(self._workers, group, variant, case, functions=functions))
        self._refuse_common_lack(group)
        if self.options.differing_lines:
            for variant in self._differing(group):
                case = record.case(group, variant)
                record.put(passes.lines(group, variant, case))

    def _differing(self, group: Group) -> list[Variant]:
        """The variants without lines whose bytes differ in a comparison, and its baseline."""
        cases = {str(variant): self.record.case(group, variant) for variant in group.variants}
        alive = {name: case.alive for name, case in cases.items() if case.alive is not None}
        names: set[str] = set()
        for compared in self.run.comparisons:
            if (compared.workload, compared.size) != (group.workload.name, group.size):
                continue
            before = alive.get(compared.baseline)
            other = {n for n in compared.candidates if n in alive and alive[n] != before}
            if before is not None and other:
                names |= {compared.baseline, *other}
        return [v for v in group.variants if str(v) in names and cases[str(v)].lines is None]

    def _refuse_common_lack(self, group: Group) -> None:
        """Let cases fail where no engine of the group has what the workload uses: a misspelling."""
        cases = [self.record.case(group, variant) for variant in group.variants]
        failures = [case.failure for case in cases]
        if all(f is not None and (f.stage, f.kind) == ("check", CANNOT) for f in failures):
            self.record.put(
                *[
                    change(case, failure=change(case.failure, kind="raised"))
                    for case in cases
                    if case.failure is not None
                ]
            )

    def _new_case(self, group: Group, variant: Variant) -> Case:
        return new_case(group, variant, self.options.collector, self.options.allocator)

    def _time(self, group: Group) -> None:
        Timing(
            self.record, self._workers, self.clock, self._random, self.noise_pairs, group
        ).measure()
