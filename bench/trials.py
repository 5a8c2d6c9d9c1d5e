"""The verdicts themselves, tried: how often they are wrong, and what they cost.

A variant is compared with itself, where any effect is a false alarm, and with itself made
slower by a known fraction, where no effect is a miss; in turn, as users compare.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import comb
from statistics import mean

import msgspec

from bench import environment, verdicts
from bench.launcher import Process
from bench.plan import Group
from bench.results import Comparison, Options, Run
from bench.runner import NOISE_PAIRS, Runner
from bench.sampler import Sampler
from bench.variants import Variant

AGAIN, SLOWED = "again", "slowed"


@dataclass
class Tally:
    """The verdicts on one kind of comparison, and the seconds that each took."""

    words: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    sets: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many comparisons there were."""
        return self.words.total()

    @property
    def mean_seconds(self) -> float:
        """Seconds per comparison."""
        return mean(self.seconds)


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """The largest probability that is compatible with so few events (Clopper and Pearson).

    The probability at which this many events or fewer come up in one of 1/(1-confidence)
    repetitions; see Biometrika 26 (1934), 404-413. Found by bisection.
    """
    if events >= trials:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        tail = sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(events + 1))
        low, high = (p, high) if tail > 1 - confidence else (low, p)
    return high


def alternate(
    variant: Variant,
    cases: Sequence[tuple[str, int]],
    slower: float,
    count: int,
    options: Options,
    tell: Callable[[float, str], None],
) -> Iterator[dict[str, Tally]]:
    """Compare in turn, ``count`` times of each kind; yield the tallies after each pair.

    Args:
        cases: workloads and sizes, taken in turn.
        slower: the known effect, as a fraction.
    """
    tallies = {AGAIN: Tally(), SLOWED: Tally()}
    for number in range(count):
        workload, size = cases[number % len(cases)]
        for kind, tally in tallies.items():
            tell(number / count, f"{workload} x {size:,} against itself {kind}, {number + 1}")
            candidate = replace(variant, label=kind)
            comparison = Comparison(
                workload=workload, size=size, baseline=str(variant), candidates=[str(candidate)]
            )
            run = Run(
                environment=environment.describe(),
                options=_reseeded(options, number),
                self_tests=[],
                comparisons=[comparison],
                cases=[],
                finished=False,
            )
            runner = Runner(
                start=Process,
                clock=time.perf_counter,
                sample=Sampler,
                save=_ignore,
                tell=_ignore,
                cores=environment.cores(),
                options=run.options,
                run=run,
                ways={SLOWED: {"slower": slower}},
                noise_pairs=0 if number else NOISE_PAIRS,  # as in a run of many comparisons
            )
            began = time.perf_counter()
            done = runner.compare_times(Group(workload, size, (variant, candidate)))
            tally.seconds.append(time.perf_counter() - began)
            base, other = done.cases
            found = verdicts.time(other, base, run.options)
            tally.words[found.word if found is not None else "failed"] += 1
            tally.sets.append(found.sets if found is not None else 0)
        yield tallies


def _ignore(*_: object) -> None:
    """Nobody keeps the run of one trial."""


def _reseeded(options: Options, number: int) -> Options:
    """The same options with another order of turns."""
    return msgspec.structs.replace(options, seed=options.seed + number)
