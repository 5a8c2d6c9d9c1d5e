"""Measure the verdicts on instructions: a variant against itself, and computing more operations.

Each process has its memory elsewhere, as other code would have it. The processes of the baseline
have it at one place, so that their counts should be the same to the instruction.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from mmap import PAGESIZE as PAGE
from random import Random

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.results import environment
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.results.run import Options
from gradmeter.bench.runs.instruction_passes import count
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.layout import HUGE
from gradmeter.bench.runs.trials import AGAIN, SLOWED
from gradmeter.bench.runs.workers import Workers
from gradmeter.bench.verdicts import instructions


@dataclass
class CountTally:
    """The verdicts on one kind of comparison: words, ratios, tolerances and seconds of each."""

    words: Counter[str] = field(default_factory=Counter)
    ratios: list[float] = field(default_factory=list)
    tolerances: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@dataclass
class Trials:
    """What was found so far.

    Attributes:
        kinds: a tally of the variant against itself, and of itself computing more.
        same_place: for each workload, the median of every process of the baseline.
    """

    kinds: Mapping[str, CountTally]
    same_place: dict[str, list[int]] = field(default_factory=dict)

    @property
    def largest_in_place(self) -> float:
        """By what fraction processes of the same code and place differ at most."""
        return max(max(each) / min(each) - 1 for each in self.same_place.values())

    @property
    def largest_elsewhere(self) -> float:
        """By what fraction those of the same code and other places differ from them at most."""
        return max(abs(ratio - 1) for ratio in self.kinds[AGAIN].ratios)


def alternate_counts(
    groups: Sequence[Group],
    more: int,
    count: int,
    options: Options,
    tell: Callable[[float, str], None],
) -> Iterator[Trials]:
    """Run ``count`` comparisons of each kind; yield what was found after each pair.

    Args:
        groups: of the one variant that is compared with itself; used one after the other.
        more: the operations that the other side computes beyond the workload's.

    Raises:
        UsageError: the variant cannot be counted.
    """
    trials = Trials({AGAIN: CountTally(), SLOWED: CountTally()})
    places = Random(options.seed)
    with temporary_folder() as folder:
        variant = groups[0].variants[0]
        workers = Workers(Process, options, environment.cores(), {}, scratch={variant: str(folder)})
        for number in range(count):
            group = groups[number % len(groups)]
            tell(number / count, f"{group.title}: instructions, {number + 1} of {count}")
            try:
                _pair(trials, workers, group, more, places)
            except WorkerError as error:
                raise UsageError(f"{variant} cannot be counted under valgrind: {error}") from None
            yield trials


def _pair(trials: Trials, workers: Workers, group: Group, more: int, places: Random) -> None:
    """Compare the variant with itself, and with itself computing more; both with one baseline."""
    (variant,) = group.variants
    began = time.perf_counter()
    baseline = count(workers, group, variant)
    shared = time.perf_counter() - began
    middle = instructions.median(baseline.totals)
    trials.same_place.setdefault(group.title, []).append(middle)
    for (_, tally), operations in zip(trials.kinds.items(), (0, more), strict=True):
        began = time.perf_counter()
        way = {"more": operations, "place": places.randrange(0, HUGE, PAGE)}
        other = count(workers, group, variant, way=way)
        compared = instructions.between(other, baseline)
        tally.words[compared.word] += 1
        tally.ratios.append(compared.ratio)
        tally.tolerances.append(compared.tolerance)
        tally.seconds.append(shared + time.perf_counter() - began)
