"""Time a group in sets, and in more sets where a comparison is inconclusive."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.results.run import Case
from gradmeter.bench.runs.estimate import TIME
from gradmeter.bench.runs.forks import may_share
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.sets import Generation, SetRunner
from gradmeter.bench.runs.workers import Workers
from gradmeter.bench.verdicts import verdicts

LIKELY = 4  # the factor on the seconds to spend where an effect is likely
NOISE_PAIRS = 8  # the fewest pairs that give a 99% interval

Pair = tuple[Variant, Variant]  # a candidate and its baseline

change = msgspec.structs.replace


@dataclass
class Timing:
    """The sets of one group.

    Attributes:
        clock: seconds, as ``time.perf_counter``.
        shuffle: draws the order of workers.
        noise_pairs: the pairs of workers of one variant that a run times for its noise; each
            group has at least one.
    """

    record: Record
    workers: Workers
    clock: Callable[[], float]
    shuffle: random.Random
    noise_pairs: int
    group: Group
    _loops: int | None = None

    def measure(self) -> None:
        """Time the group's cases in sets, then those of inconclusive comparisons in more sets."""
        options = self.workers.options
        began = self.clock()
        compared = self._compared()
        variants: Sequence[Variant] = self.group.variants
        patience = options.seconds * len(compared)
        number = 0
        for look in options.looks:
            while number < look:
                if number >= options.sets and self.clock() - began >= patience:
                    return
                self._set(variants, number, compared)
                number += 1
            # Verdicts are looked at here only: each look may err, so their number is planned.
            undecided = self._undecided(compared)
            if not undecided:
                return
            variants = list(dict.fromkeys(v for pair, _ in undecided for v in reversed(pair)))
            likely = any(time.beyond(options.effect) for _, time in undecided)
            patience = options.seconds * len(compared) * (LIKELY if likely else 1)

    def _compared(self) -> list[Pair]:
        """The pairs of a candidate and its baseline that the run compares in this group."""
        named = {str(v): v for v in self.group.variants}
        return [
            (named[candidate], named[c.baseline])
            for c in self.record.run.comparisons
            if (c.workload, c.size) == (self.group.workload.name, self.group.size)
            and c.baseline in named
            for candidate in c.candidates
            if candidate in named
        ]

    def _undecided(self, compared: Sequence[Pair]) -> list[tuple[Pair, verdicts.Time]]:
        """The pairs of a candidate and its baseline whose verdict is inconclusive, with it."""
        undecided = []
        for pair in compared:
            candidate, baseline = (self.record.case(self.group, variant) for variant in pair)
            if candidate.failure or baseline.failure:
                continue
            time = verdicts.time(candidate, baseline, self.workers.options)
            if time is not None and time.word == "inconclusive":
                undecided.append((pair, time))
        return undecided

    def _set(
        self,
        variants: Sequence[Variant],
        number: int,
        compared: Sequence[Pair],
    ) -> None:
        """Time the variants in one set; later sets leave out a variant that fails."""
        options = self.workers.options
        alive = [v for v in variants if self.record.case(self.group, v).failure is None]
        if number >= options.sets:
            self.record.expect(TIME, len(variants))
        self.record.step(
            f"{self.group.title}: time, set {number + 1}"
            + (f" of {options.sets}" if number < options.sets else " (inconclusive so far)"),
            TIME,
            len(variants),
        )
        if not alive:
            return
        # Some sets time the first baseline twice: the ratio of the two is the machine's noise.
        twin = [compared[0][1]] if compared and compared[0][1] in alive else []
        if number and sum(len(c.again) for c in self.record.cases) >= self.noise_pairs:
            twin = []
        core = self.workers.cores[number % len(self.workers.cores)]
        specs = [self.workers.spec(self.group, v, core) for v in alive + twin]
        # Engines with an allocator of their own have threads of their own, too.
        forks = all(v.engine.memory != "own" for v in alive) and may_share(specs)
        set_runner = SetRunner(
            start=self.workers.start,
            serve=self.workers.serve if forks else None,
            generation=Generation(self.clock, self.shuffle),
            least=math.ceil(options.min_rounds / options.sets),
            budget=options.budget / options.sets * len(alive + twin),
            limit=options.limit,
        )
        lanes, self._loops = set_runner.run(specs, self._loops)
        measured: dict[tuple[str, int, str], Case] = {}
        for variant, lane in zip(alive, lanes, strict=False):
            case = self.record.case(self.group, variant)
            if lane.failure:
                # Its earlier sets are dropped too: an unfinished case shows no times.
                case = change(case, failure=lane.failure, times=[], again=[])
            else:
                case = change(case, times=[*case.times, lane.times(number, self._loops)])
            measured[case.key] = case
        for variant, lane in zip(twin, lanes[len(alive) :], strict=True):
            case = measured[self.group.key(variant)]
            if not lane.failure and not case.failure:
                times = lane.times(number, self._loops)
                measured[case.key] = change(case, again=[*case.again, times])
        self.record.put(*measured.values())
