"""Ratios and intervals: small pure functions that assume no distribution of the noise.

The data are one number for each set of fresh processes: the logarithm of candidate over
baseline. If both run the same code, the two processes of a set are exchangeable, so this
number is as likely to be x as -x: that is all that the intervals below assume. They do not
assume a normal distribution, a variance, or sets that are alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import accumulate
from statistics import NormalDist, median
from typing import Literal

EXACT = 256  # values up to which a distribution is counted out

Word = Literal["faster", "slower", "same", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """An estimate and the confidence interval around it; low <= estimate <= high."""

    estimate: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half the width."""
        return (self.high - self.low) / 2


def paired(candidate: Sequence[float], baseline: Sequence[float]) -> float | None:
    """Return the logarithm of candidate over baseline in one set: the median over its rounds.

    The rounds of a set were interleaved, so they are paired. Exchanging the two changes the
    sign and nothing else. None where no round has a duration on both sides.
    """
    pairs = zip(candidate, baseline, strict=False)
    logs = [math.log(a) - math.log(b) for a, b in pairs if a > 0 and b > 0]
    return median(logs) if logs else None


def ratio(log: float) -> float:
    """Return the ratio of a logarithm, limited to the range of a float."""
    return math.exp(min(max(log, -700.0), 700.0))


@cache
def left_out(n: int, alpha: float) -> int | None:
    """Count the sorted Walsh averages that lie outside the interval, at each end.

    The number is the largest c with P(W <= c) + P(W >= most - c) <= alpha for Wilcoxon's
    signed-rank statistic W of n values, whose distribution is exact: among 2^n equally
    likely choices of signs, the coefficients of prod(1 + x^k), k = 1..n, count those of
    each rank sum. See Hollander, Wolfe and Chicken, Nonparametric Statistical Methods,
    3rd edition, sections 3.1 and 3.3.

    Returns:
        c, or None where even W = 0 is too likely: n is too small for this alpha.
    """
    if n > EXACT:  # the normal approximation, with its correction for continuity; section 3.1
        deviation = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        outside = math.floor(n * (n + 1) / 4 + NormalDist().inv_cdf(alpha / 2) * deviation - 0.5)
        return outside if outside >= 0 else None
    ways = [1]
    for k in range(1, n + 1):
        longer = ways + [0] * k
        for i, count in enumerate(ways):
            longer[i + k] += count
        ways = longer
    allowed = math.floor(Fraction(alpha) / 2 * 2**n)
    outside = sum(1 for total in accumulate(ways) if total <= allowed) - 1
    return outside if outside >= 0 else None


def fewest(alpha: float) -> int:
    """Return the fewest values for which there is an interval at this level."""
    return math.ceil(1 - math.log2(alpha))


def interval(values: Sequence[float], alpha: float) -> Interval | None:
    """Compute the Hodges-Lehmann estimate of the centre of symmetry, with its exact interval.

    The estimate is the median of all averages of two values (Walsh averages, each value
    with itself included); the interval are the averages that the signed-rank test at
    ``alpha`` does not reject as the centre. Sources: Hodges and Lehmann, Annals of
    Mathematical Statistics 34 (1963), 598-611; see also `left_out`.

    Args:
        values: one for each set.
        alpha: the probability at most that the interval misses the centre.

    Returns:
        None where there are fewer than ``fewest(alpha)`` values.
    """
    outside = left_out(len(values), alpha)
    if outside is None:
        return None
    averages = walsh(values)
    return Interval(median(averages), averages[outside], averages[-1 - outside])


def walsh(values: Sequence[float]) -> list[float]:
    """Return the averages of every two values, each with itself included, sorted."""
    return sorted((a + b) / 2 for i, a in enumerate(values) for b in values[i:])


def judge(interval: Interval, effect: float) -> Word:
    """Return the verdict of an interval of log ratios.

    Args:
        effect: the smallest effect that matters, as a fraction: a ratio beyond
            1 + effect is slower, one below 1 / (1 + effect) is faster.
    """
    limit = math.log1p(effect)
    if interval.low > limit:
        return "slower"
    if interval.high < -limit:
        return "faster"
    if -limit <= interval.low and interval.high <= limit:
        return "same"
    return "inconclusive"


def more_values(interval: Interval, n: int, effect: float) -> int | None:
    """Predict how many more values would decide, if the estimate is right.

    An interval's width falls with the square root of n; the verdict is decided when the
    interval no longer contains the limit that is nearest to the estimate.

    Returns:
        None where the estimate is so near to a limit that it would take more than about a
        hundred times as many.
    """
    limit = math.log1p(effect)
    clear = abs(abs(interval.estimate) - limit)
    if interval.half > 10 * clear:
        return None
    return max(1, math.ceil(n * (interval.half / clear) ** 2) - n)


def looks(first: int, most: int, growth: float = 2.0) -> list[int]:
    """Return the numbers of sets after which an undecided comparison is judged.

    Each look may err with the whole probability divided by the number of looks
    (Bonferroni), so that several looks err no more often than a single one, whatever the noise
    does meanwhile. A spending function, which assumes how the looks depend on each other, saves
    less than 5% of the sets (tests/bench/test_statistics.py).
    """
    counts = [first]
    while counts[-1] < most:
        counts.append(min(most, max(counts[-1] + 1, math.ceil(counts[-1] * growth))))
    return counts
