"""Verdicts on the figures of a run: faster or slower, more or less, and how sure that is."""

from __future__ import annotations

import statistics as averages
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gradmeter.bench import statistics
from gradmeter.bench.results import layers
from gradmeter.bench.results.readings import TimeSet
from gradmeter.bench.results.run import Case, Comparison, Options, Run
from gradmeter.bench.statistics import Word

WAITING = 0.01  # of a duration: above it, a program waits even in its best round
PARALLEL = 0.05
TELLING = ("peak", "held", "cycle", "heap peak", "heap held")


@dataclass(frozen=True)
class Time:
    """The verdict on a candidate's time against its baseline's.

    Attributes:
        word: the verdict.
        ratio: of seconds, over all sets; below 1 is faster.
        low, high: the ends of the confidence interval; where ``sure`` is False, there are
            too few sets for one, and these are the smallest and the largest ratio of a set.
        sets: how many there are.
        more: how many more sets would probably decide; None where that is not known, or it
            is decided.
        clock: the clock that was compared: seconds of the "processor", or of the "wall" where a
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
        compared: whether the case has a baseline.
        same_code: whether both run the same code, so that their times are not compared.
    """

    case: Case
    baseline: Case
    time: Time | None
    compared: bool = True
    same_code: bool = False

    @property
    def is_baseline(self) -> bool:
        """Whether this is the baseline itself."""
        return self.case.key == self.baseline.key

    @property
    def exact(self) -> bool:
        """Whether both cases have exact bytes of array data."""
        return self.case.figures is not None and self.baseline.figures is not None

    @property
    def changes(self) -> list[Change] | None:
        """The figures that differ from the baseline's; None where none are of the same kind."""
        return changes(*beside(self.case, self.baseline))

    @property
    def layer_changes(self) -> list[Change]:
        """The counts, the growth, and the figures of other layers that differ, of a test's call."""
        if not self.case.ordinary:
            return []
        return changes(layers.figures(self.case), layers.figures(self.baseline)) or []

    @property
    def effect(self) -> float:
        """The largest difference in memory from the baseline, in arrays: the key for sorting."""
        differences = [c for c in self.changes or [] if c.figure in TELLING]
        most = max((abs(c.difference) for c in differences), default=0)
        return most / self.case.array_bytes


@dataclass(frozen=True)
class Noise:
    """The noise of a run: the baseline against itself, over pairs of fresh processes.

    Attributes:
        low, high: the interval of the ratio, whose true value is 1; with ``sure`` False the
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
    """Return the figures of two cases that were measured in the same way; None for each if none.

    Both are bytes of array data where both cases have these, else bytes of the whole heap;
    the two kinds are never compared with each other.
    """
    for kind in ("figures", "heap_figures"):
        figures, baseline_figures = getattr(case, kind), getattr(baseline, kind)
        if figures is not None and baseline_figures is not None:
            return figures, baseline_figures
    return None, None


def changes(after: dict[str, int] | None, before: dict[str, int] | None) -> list[Change] | None:
    """Return the figures that differ, in the order of the figures; None if either is missing."""
    if after is None or before is None:
        return None
    pairs = [(name, before[name], count) for name, count in after.items() if name in before]
    return [Change(name, b, a) for name, b, a in pairs if a != b]


def _clock(sets: Sequence[TimeSet]) -> Literal["processor", "wall"]:
    """Choose which clock to compare.

    Processor seconds leave out the time in which other processes run, which is much of the
    noise of a busy machine. But they also leave out the time in which a program waits, and
    count several cores several times. A program that never waits has rounds in which the
    two clocks agree.
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
    """Return the logarithm of the ratio in each set that both cases have."""

    def seconds(times: TimeSet) -> list[float]:
        return times.cpu if clock == "processor" else times.total

    baseline_seconds = {times.number: seconds(times) for times in baseline}
    logs = [
        statistics.paired(seconds(times), baseline_seconds[times.number])
        for times in candidate
        if times.number in baseline_seconds
    ]
    return [log for log in logs if log is not None]


def time(candidate: Case, baseline: Case, options: Options) -> Time | None:
    """Return the verdict on a candidate's time; None where no set has times of both.

    Times of two machines are never compared.
    """
    if candidate.machine != baseline.machine:
        return None
    clock = max((_clock(candidate.times), _clock(baseline.times)))  # "wall" if either
    logs = _logs(candidate.times, baseline.times, clock)
    if not logs:
        return None
    n = len(logs)
    interval = statistics.interval(logs, options.alpha)
    if interval is None:
        centre = averages.median(statistics.walsh(logs))
        ends = statistics.ratio(min(logs)), statistics.ratio(max(logs))
        missing = statistics.fewest(options.alpha) - n
        return Time("inconclusive", statistics.ratio(centre), *ends, False, n, missing, clock)
    word = statistics.judge(interval, options.effect)
    more = None
    if word == "inconclusive":
        more = statistics.more_values(interval, n, options.effect)
    ends = statistics.ratio(interval.low), statistics.ratio(interval.high)
    return Time(word, statistics.ratio(interval.estimate), *ends, True, n, more, clock)


def noise(run: Run, machine: str = "") -> Noise | None:
    """Estimate the noise of a run on one of its machines; None where nothing was timed twice."""
    timed_twice = [
        case for case in run.cases if case.again and not case.failure and case.machine == machine
    ]
    logs = [
        log
        for case in timed_twice
        for log in _logs(case.again, case.times, _clock([*case.times, *case.again]))
    ]
    if not logs:
        return None
    interval = statistics.interval(logs, 1 - run.options.confidence)
    # The median absolute deviation from 1, scaled to a normal distribution's standard deviation.
    scatter = 1.4826 * averages.median(map(abs, logs))
    if interval is None:
        centre, low, high = averages.median(logs), min(logs), max(logs)
    else:
        centre, low, high = interval.estimate, interval.low, interval.high
    ends = statistics.ratio(low), statistics.ratio(high)
    return Noise(
        statistics.ratio(centre),
        *ends,
        interval is not None,
        statistics.ratio(scatter) - 1,
        len(logs),
    )


def rows(run: Run, comparison: Comparison) -> list[Row]:
    """Return the rows of the baseline and its candidates, these in the order that was given."""
    baseline = run.case(comparison.workload, comparison.size, comparison.baseline)
    if baseline is None:
        return []
    table = [Row(baseline, baseline, None)]
    for variant in comparison.candidates:
        case = run.case(comparison.workload, comparison.size, variant)
        if case is not None and case.key != baseline.key:
            same = comparison.same_code
            ratio = None if same else time(case, baseline, run.options)
            table.append(Row(case, baseline, ratio, same_code=same))
    return table


def by_effect(rows: Sequence[Row]) -> list[Row]:
    """Return the baseline, then its candidates, the largest effect on memory first."""
    # Figures that are not exact cannot be ranked among those that are.
    return sorted(rows, key=lambda row: (not row.is_baseline, not row.exact, -row.effect))


def ordered(run: Run) -> list[tuple[Comparison, list[Row]]]:
    """Return every comparison with its rows, that of the largest effect on memory first."""
    pairs = [(c, rows(run, c)) for c in run.comparisons]
    return sorted(
        [(c, table) for c, table in pairs if table],
        key=lambda pair: -max(row.effect for row in pair[1]),
    )


def candidates(run: Run) -> list[Row]:
    """Return the row of every candidate, in the order of `ordered`."""
    return [row for _, table in ordered(run) for row in table if not row.is_baseline]


def lone(run: Run) -> list[Case]:
    """Return the cases of workloads that are in no comparison."""
    return [case for case in _not_compared(run) if not case.ordinary]


def calls(run: Run) -> list[Case]:
    """Return the cases of tests' calls that are in no comparison."""
    return [case for case in _not_compared(run) if case.ordinary]


def _not_compared(run: Run) -> list[Case]:
    shown = set()
    for c in run.comparisons:
        if run.case(c.workload, c.size, c.baseline) is not None:
            shown |= {(c.workload, c.size, name) for name in (c.baseline, *c.candidates)}
    return [case for case in run.cases if case.key not in shown]


def alone(case: Case) -> Row:
    """Make the row of a case that is in no comparison."""
    return Row(case, case, None, compared=False)
