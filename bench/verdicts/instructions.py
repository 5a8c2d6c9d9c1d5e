"""Verdicts on instructions: less, more or equal, as on bytes, within what rounds differ by."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Literal

from gradmeter.bench.results.readings import Instructions
from gradmeter.bench.results.run import Case


@dataclass(frozen=True)
class Counted:
    """The instructions of a candidate beside its baseline's.

    Attributes:
        before, after: the medians over rounds, all phases.
        phases: the same by phase, as (before, after).
        tolerance: the fraction by which the rounds of either differ; two processes that run
            identical code differ by less, mostly by nothing.
    """

    before: int
    after: int
    phases: dict[str, tuple[int, int]]
    tolerance: float

    @property
    def ratio(self) -> float:
        """After by before."""
        return self.after / self.before

    @property
    def word(self) -> Literal["less", "more", "equal"]:
        """The verdict."""
        if abs(self.ratio - 1) <= self.tolerance:
            return "equal"
        return "more" if self.ratio > 1 else "less"


def compare(case: Case, baseline: Case) -> Counted | None:
    """Compare the instructions of two cases; None where either was not counted."""
    after, before = case.instructions, baseline.instructions
    if after is None or before is None:
        return None
    phases = {
        name: (median(before.rounds[name]), median(after.rounds[name]))
        for name in after.rounds
        if name in before.rounds
    }
    return Counted(
        median(before.totals), median(after.totals), phases, max(map(spread, (before, after)))
    )


def median(counts: list[int]) -> int:
    """The median of the rounds, one of them."""
    return statistics.median_low(counts)


def spread(counts: Instructions) -> float:
    """By what fraction of their median the rounds differ at most."""
    totals = counts.totals
    return (max(totals) - min(totals)) / median(totals)
