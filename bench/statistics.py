"""Ratios and intervals: small pure functions, each with its source.

The unit is the set: fresh processes of both variants that took turns on one core. If both
run the same code, the two processes of a set are exchangeable, so the logarithm of their
ratio is as likely to be +d as -d, whatever the noise is: drifting, heavy-tailed, or a bias
that a process keeps for its life. The interval below needs no more than that, and that
sets are independent of one another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median


@dataclass(frozen=True)
class Interval:
    """An estimate of a ratio, and the bounds it lies in with the stated confidence."""

    estimate: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval's width, on the logarithmic scale."""
        return (math.log(self.high) - math.log(self.low)) / 2


@cache
def signed_rank_counts(n: int) -> tuple[int, ...]:
    """How many of the 2**n choices of signs give each value of Wilcoxon's signed-rank sum.

    Source: F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1
    (1945); the counts are the coefficients of the product of (1 + x**k), k = 1..n.
    """
    counts = [1]
    for rank in range(1, n + 1):
        grown = counts + [0] * rank
        for value, count in enumerate(counts):
            grown[value + rank] += count
        counts = grown
    return tuple(counts)


def fewest_sets(alpha: float) -> int:
    """The least number of sets for which an interval of confidence 1 - alpha exists."""
    return math.ceil(1 - math.log2(alpha))


@cache
def _left_out(n: int, alpha: float) -> int:
    """How many Walsh averages an interval of confidence 1 - alpha leaves out at each end.

    The largest c with P(W <= c) <= alpha / 2, where W is the signed-rank sum; -1 if none.
    """
    most = alpha / 2 * 2**n
    total = 0
    for value, count in enumerate(signed_rank_counts(n)):
        total += count
        if total > most:
            return value - 1
    return n * (n + 1) // 2


def interval(ratios: Sequence[float], alpha: float) -> Interval | None:
    """Return the interval of confidence 1 - alpha for the centre of these ratios.

    Hodges and Lehmann's estimate (the median of all averages of pairs) and Tukey's
    interval between two of these averages, whose ranks follow from the distribution of
    Wilcoxon's signed-rank sum; all on logarithms. Exact for every symmetric distribution,
    and at worst 0.864 as efficient as Student's (0.955 for the normal distribution).
    Source: J. L. Hodges and E. L. Lehmann, "Estimates of location based on rank tests",
    Annals of Mathematical Statistics 34 (1963); M. Hollander, D. A. Wolfe and E. Chicken,
    "Nonparametric Statistical Methods", 3rd edition (2014), sections 3.2 and 3.3.

    Args:
        ratios: one for each set, positive.

    Returns:
        None where there are too few ratios for this confidence.
    """
    n = len(ratios)
    if not n or (left_out := _left_out(n, alpha)) < 0:
        return None
    logs = [math.log(ratio) for ratio in ratios]
    averages = sorted((logs[i] + logs[j]) / 2 for i in range(n) for j in range(i, n))
    return Interval(
        math.exp(median(averages)),
        math.exp(averages[left_out]),
        math.exp(averages[-1 - left_out]),
    )


def looks(first: int, last: int, growth: float = 1.4) -> list[int]:
    """The numbers of sets after which a decision is tried, at most ``last``."""
    found = [first]
    while found[-1] < last:
        found.append(min(last, math.ceil(found[-1] * growth)))
    return found


def spent(alpha: float, looks: int) -> float:
    """The error that each of a planned number of looks may make, so that all make alpha.

    Looking again and again until a result appears finds one too often. By Bonferroni's
    inequality, errors of alpha / looks add up to no more than alpha, however the looks
    depend on each other. Source: C. E. Bonferroni (1936); for testing as data come in,
    C. Jennison and B. W. Turnbull, "Group Sequential Methods" (1999).
    """
    return alpha / looks
