"""Measure the verdicts themselves: how often they are wrong, and how long they take.

A variant is compared with itself, where any effect is a false alarm, and with itself made
slower by a known fraction, or computing more operations, where no effect is a miss. The two kinds
alternate.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import comb
from statistics import mean
from typing import Any

import msgspec

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.results import environment
from gradmeter.bench.results.run import Comparison, Options, Run
from gradmeter.bench.runs.forks import ForkServer
from gradmeter.bench.runs.histories import HISTORIES
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.record import Record
from gradmeter.bench.runs.runner import Runner
from gradmeter.bench.runs.sampler import Sampler
from gradmeter.bench.runs.timing import NOISE_PAIRS
from gradmeter.bench.verdicts import verdicts

AGAIN, SLOWED = "again", "slowed"


@dataclass
class Tally:
    """The verdicts on one kind of comparison, and the seconds that each took."""

    words: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    sets: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of comparisons."""
        return self.words.total()

    @property
    def mean_seconds(self) -> float:
        """Seconds per comparison."""
        return mean(self.seconds)


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """The upper confidence bound of a probability, from events in trials (Clopper and Pearson).

    It is the probability at which this many events or fewer occur in a fraction
    1 - confidence of repetitions; see Biometrika 26 (1934), 404-413. Found by bisection.
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
    groups: Sequence[Group],
    way: Mapping[str, Any],
    count: int,
    options: Options,
    tell: Callable[[float, str], None],
) -> Iterator[dict[str, Tally]]:
    """Run ``count`` comparisons of each kind, alternately; yield the tallies after each pair.

    Args:
        groups: of the one variant that is compared with itself; used one after the other.
        way: what the specs of the slowed workers have that the others' have not.
    """
    tallies = {AGAIN: Tally(), SLOWED: Tally()}
    ways: dict[str, Mapping[str, Any]] = {AGAIN: {}, SLOWED: way}
    for number in range(count):
        group = groups[number % len(groups)]
        for kind, tally in tallies.items():
            tell(number / count, f"{group.title} against itself {kind}, {number + 1}")
            trial = compare_with_itself(group, kind, ways[kind], _reseeded(options, number), number)
            tally.seconds.append(trial.seconds)
            tally.words[trial.verdict.word if trial.verdict is not None else "failed"] += 1
            tally.sets.append(trial.verdict.sets if trial.verdict is not None else 0)
        yield tallies


@dataclass(frozen=True)
class Trial:
    """One comparison of identical code: its verdict, None where it failed, and its seconds."""

    verdict: verdicts.Time | None
    seconds: float


def histories(
    groups: Sequence[Group], options: Options, tell: Callable[[float, str], None]
) -> Iterator[tuple[Group, str, Trial]]:
    """Compare each group's variant with itself under every history; yield each trial."""
    number, count = 0, len(groups) * len(HISTORIES)
    for group in groups:
        for name, history in HISTORIES.items():
            tell(number / count, f"{group.title} after: {history.meaning}")
            way = {"history": name, "environment": history.environment}
            trial = compare_with_itself(group, "history", way, _reseeded(options, number), number)
            yield group, name, trial
            number += 1


def compare_with_itself(
    group: Group, label: str, way: Mapping[str, Any], options: Options, number: int
) -> Trial:
    """Compare the times of a group's one variant with those of itself, started in another way.

    Args:
        label: of the variant that is started so.
        way: what its workers' specs have that the others' have not.
        number: of the trial; the first measures the machine's noise, as a run does.
    """
    (variant,) = group.variants
    candidate = replace(variant, label=label)
    comparison = Comparison(
        workload=group.workload.name,
        size=group.size,
        baseline=str(variant),
        candidates=[str(candidate)],
    )
    run = Run(
        environment=environment.describe(),
        options=options,
        self_tests=[],
        comparisons=[comparison],
        cases=[],
        finished=False,
    )
    runner = Runner(
        start=Process,
        serve=ForkServer,
        clock=time.perf_counter,
        sample=Sampler,
        record=Record(run, _ignore, _ignore),
        cores=environment.cores(),
        options=run.options,
        ways={label: way},
        noise_pairs=0 if number else NOISE_PAIRS,  # as in a run of many comparisons
    )
    began = time.perf_counter()
    done = runner.compare_times(replace(group, variants=(variant, candidate)))
    seconds = time.perf_counter() - began
    baseline, other = done.cases
    return Trial(verdicts.time(other, baseline, options), seconds)


def _ignore(*_: object) -> None:
    """Do nothing: the run of one trial is not saved."""


def _reseeded(options: Options, number: int) -> Options:
    """The same options with another random order of workers."""
    return msgspec.structs.replace(options, seed=options.seed + number)
