"""Verdicts on instructions: less, more or equal, within what identical code differs by."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gradmeter.bench.results.readings import Instructions
from gradmeter.bench.results.run import Case

Word = Literal["less", "more", "equal"]


@dataclass(frozen=True)
class Counted:
    """The instructions of a candidate beside its baseline's.

    Attributes:
        before, after: the medians over rounds, all phases.
        phases: the same by phase, as (before, after).
        allowed: the instructions by which identical code may differ, as the rounds of either
            case do in its two processes; see `scatter`.
    """

    before: int
    after: int
    phases: dict[str, tuple[int, int]]
    allowed: int

    @property
    def tolerance(self) -> float:
        """What is allowed as a fraction of the baseline's."""
        return self.allowed / self.before

    @property
    def ratio(self) -> float:
        """After by before."""
        return self.after / self.before

    @property
    def word(self) -> Word:
        """The verdict."""
        if abs(self.after - self.before) <= self.allowed:
            return "equal"
        return "more" if self.after > self.before else "less"


def compare(case: Case, baseline: Case) -> Counted | None:
    """Compare the instructions of two cases; None where either was not counted."""
    if case.instructions is None or baseline.instructions is None:
        return None
    return between(case.instructions, baseline.instructions)


def between(after: Instructions, before: Instructions) -> Counted:
    """Compare two counts."""
    phases = {
        name: (median(before.rounds[name]), median(after.rounds[name]))
        for name in after.rounds
        if name in before.rounds
    }
    allowed = max(scatter([*counts.totals, *counts.again]) for counts in (before, after))
    return Counted(median(before.totals), median(after.totals), phases, allowed)


def median(counts: list[int]) -> int:
    """The median of the rounds, one of them."""
    return statistics.median_low(counts)


def scatter(counts: Sequence[int]) -> int:
    """What may be between two counts of identical code: twice the range of those that there are.

    Twice, since both sides of a comparison scatter, and few counts do not show all of it.
    """
    return 2 * (max(counts) - min(counts))


@dataclass(frozen=True)
class Difference:
    """A function whose instructions, or calls, differ: before and after."""

    name: str
    before: int
    after: int


def by_function(after: Mapping[str, int], before: Mapping[str, int]) -> list[Difference]:
    """The functions whose figures differ, the largest difference first; none without both."""
    if not after or not before:
        return []
    names = dict.fromkeys([*after, *before])
    differences = [Difference(name, before.get(name, 0), after.get(name, 0)) for name in names]
    differences = [d for d in differences if d.before != d.after]
    return sorted(differences, key=lambda d: (-abs(d.after - d.before), d.name))
