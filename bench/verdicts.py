"""What the numbers of a run mean: faster or slower, more or less, and how sure that is."""

from __future__ import annotations

import statistics as averages
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench import statistics
from bench.results import Case, Comparison, Options, Run, TimeSet
from bench.statistics import Word

WAITING = 0.01  # of a duration: what is not computing even in a program's best round
PARALLEL = 0.05
TELLING = ("peak", "held", "cycle", "heap peak", "heap held")


@dataclass(frozen=True)
class Time:
    """How a candidate's time stands to its baseline's.

    Attributes:
        word: the verdict.
        ratio: of seconds, over all sets; below 1 is faster.
        low, high: the ends of the confidence interval; where ``sure`` is False, there are
            too few sets for one, and these are the smallest and the largest ratio of a set.
        sets: how many there are.
        more: how many more would probably decide; None where nothing is known of that, or
            it is decided.
        clock: what was compared: seconds of the "processor", or of the "wall" where a
            program waits or computes on several cores.
    """

    word: Word
    ratio: float
    low: float
    high: float
    sure: bool
    sets: int
    more: int | None
    clock: Literal["processor", "wall"]

    def beyond(self, effect: float) -> bool:
        """Whether the estimate, if not the interval, lies beyond the smallest effect."""
        return not 1 / (1 + effect) <= self.ratio <= 1 + effect


@dataclass(frozen=True)
class Change:
    """An exact figure that differs: bytes before and after."""

    figure: str
    before: int
    after: int

    @property
    def difference(self) -> int:
        """Bytes more; negative for less."""
        return self.after - self.before


@dataclass(frozen=True)
class Row:
    """One case of a comparison, beside its baseline.

    Attributes:
        baseline: the case it is compared with; itself for the baseline.
        time: None where either has no times, and for the baseline.
        compared: whether there is anything beside it.
    """

    case: Case
    baseline: Case
    time: Time | None
    compared: bool = True

    @property
    def is_baseline(self) -> bool:
        """Whether this is the baseline itself."""
        return self.case.key == self.baseline.key

    @property
    def exact(self) -> bool:
        """Whether both have exact bytes of array data."""
        return self.case.figures is not None and self.baseline.figures is not None

    @property
    def changes(self) -> list[Change] | None:
        """The figures that differ from the baseline's; None where none are of the same kind."""
        return changes(*beside(self.case, self.baseline))

    @property
    def effect(self) -> float:
        """How far memory is from the baseline's, in arrays: for putting the largest first."""
        telling = [c for c in self.changes or [] if c.figure in TELLING]
        most = max((abs(c.difference) for c in telling), default=0)
        return most / self.case.array_bytes


@dataclass(frozen=True)
class Noise:
    """What the baseline against itself shows, over the pairs of fresh processes of a run.

    Attributes:
        low, high: the interval of the ratio, which is 1 in truth; with ``sure`` False the
            smallest and the largest ratio.
        scatter: by what fraction one pair's ratio is typically off (a standard deviation, robust).
    """

    ratio: float
    low: float
    high: float
    sure: bool
    scatter: float
    pairs: int


def beside(case: Case, baseline: Case) -> tuple[dict[str, int] | None, dict[str, int] | None]:
    """The figures of two cases that were come by in the same way; None for each where none were.

    Bytes of array data where both have them, else those of the whole heap; never one beside
    the other.
    """
    for kind in ("figures", "heap_figures"):
        ours, others = getattr(case, kind), getattr(baseline, kind)
        if ours is not None and others is not None:
            return ours, others
    return None, None


def changes(after: dict[str, int] | None, before: dict[str, int] | None) -> list[Change] | None:
    """The figures that differ, the most telling first; None where either is missing."""
    if after is None or before is None:
        return None
    pairs = [(name, before[name], count) for name, count in after.items() if name in before]
    return [Change(name, b, a) for name, b, a in pairs if a != b]


def _clock(sets: Sequence[TimeSet]) -> Literal["processor", "wall"]:
    """Which seconds to compare.

    Those of the processor leave out the time in which others had it, which is much of the
    noise of a busy machine. But they also leave out what a program waits for, and count
    several cores several times. A program that never waits has rounds in which both agree.
    """
    idle = [
        (wall - cpu) / wall
        for times in sets
        for wall, cpu in zip(times.total, times.cpu, strict=True)
        if wall > 0
    ]
    if not idle or min(idle) > WAITING or averages.median(idle) < -PARALLEL:
        return "wall"
    return "processor"


def _logs(candidate: Sequence[TimeSet], baseline: Sequence[TimeSet], clock: str) -> list[float]:
    """The logarithm of the ratio in each set that both have."""

    def seconds(times: TimeSet) -> list[float]:
        return times.cpu if clock == "processor" else times.total

    others = {times.number: seconds(times) for times in baseline}
    found = [
        statistics.paired(seconds(times), others[times.number])
        for times in candidate
        if times.number in others
    ]
    return [log for log in found if log is not None]


def time(candidate: Case, baseline: Case, options: Options) -> Time | None:
    """The verdict on a candidate's time; None where there is no set with times of both."""
    clock = max((_clock(candidate.times), _clock(baseline.times)))  # "wall" if either
    logs = _logs(candidate.times, baseline.times, clock)
    if not logs:
        return None
    n = len(logs)
    found = statistics.interval(logs, options.alpha)
    if found is None:
        centre = averages.median(statistics.walsh(logs))
        ends = statistics.ratio(min(logs)), statistics.ratio(max(logs))
        missing = statistics.fewest(options.alpha) - n
        return Time("inconclusive", statistics.ratio(centre), *ends, False, n, missing, clock)
    word = statistics.judge(found, options.effect)
    more = None
    if word == "inconclusive":
        more = statistics.more_values(found, n, options.effect)
    ends = statistics.ratio(found.low), statistics.ratio(found.high)
    return Time(word, statistics.ratio(found.estimate), *ends, True, n, more, clock)


def noise(run: Run) -> Noise | None:
    """The run's own noise floor; None where nothing was timed twice."""
    twice = [case for case in run.cases if case.again and not case.failure]
    logs = [
        log
        for case in twice
        for log in _logs(case.again, case.times, _clock([*case.times, *case.again]))
    ]
    if not logs:
        return None
    found = statistics.interval(logs, 1 - run.options.confidence)
    # The median absolute deviation from 1, scaled to a normal distribution's standard deviation.
    scatter = 1.4826 * averages.median(map(abs, logs))
    if found is None:
        centre, low, high = averages.median(logs), min(logs), max(logs)
    else:
        centre, low, high = found.estimate, found.low, found.high
    ends = statistics.ratio(low), statistics.ratio(high)
    return Noise(
        statistics.ratio(centre), *ends, found is not None, statistics.ratio(scatter) - 1, len(logs)
    )


def rows(run: Run, comparison: Comparison) -> list[Row]:
    """The baseline's row and its candidates', the largest effect on exact memory first."""
    baseline = run.case(comparison.workload, comparison.size, comparison.baseline)
    if baseline is None:
        return []
    found = [Row(baseline, baseline, None)]
    for variant in comparison.candidates:
        case = run.case(comparison.workload, comparison.size, variant)
        if case is not None and case.key != baseline.key:
            found.append(Row(case, baseline, time(case, baseline, run.options)))
    # What is counted in another way is not ranked among the others.
    return sorted(found, key=lambda row: (not row.is_baseline, not row.exact, -row.effect))


def ordered(run: Run) -> list[tuple[Comparison, list[Row]]]:
    """Every comparison with its rows, those with the largest effect on memory first."""
    pairs = [(c, rows(run, c)) for c in run.comparisons]
    return sorted(
        [(c, found) for c, found in pairs if found],
        key=lambda pair: -max(row.effect for row in pair[1]),
    )


def candidates(run: Run) -> list[Row]:
    """Every candidate beside its baseline, in the order of `ordered`."""
    return [row for _, found in ordered(run) for row in found if not row.is_baseline]


def lone(run: Run) -> list[Case]:
    """Cases that no comparison shows, without ordinary tests."""
    return [case for case in _not_compared(run) if not case.ordinary]


def calls(run: Run) -> list[Case]:
    """The ordinary tests that no comparison shows."""
    return [case for case in _not_compared(run) if case.ordinary]


def _not_compared(run: Run) -> list[Case]:
    shown = {row.case.key for comparison in run.comparisons for row in rows(run, comparison)}
    return [case for case in run.cases if case.key not in shown]


def alone(case: Case) -> Row:
    """A case with nothing beside it."""
    return Row(case, case, None, compared=False)
