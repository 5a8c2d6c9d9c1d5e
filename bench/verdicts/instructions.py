"""Verdicts on instructions: less, more or equal, within what identical code differs by."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
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
        allowed: the instructions by which identical code was seen to differ: the rounds of
            either, and where the baseline was counted in a second process, that process.
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
    allowed = max(spread(before.totals), spread(after.totals), apart(before), apart(after))
    return Counted(median(before.totals), median(after.totals), phases, allowed)


def median(counts: list[int]) -> int:
    """The median of the rounds, one of them."""
    return statistics.median_low(counts)


def spread(totals: list[int]) -> int:
    """By how many instructions the rounds differ at most."""
    return max(totals) - min(totals)


def apart(counts: Instructions) -> int:
    """By how many any round of a second process differs from the median; 0 without one."""
    return max((abs(again - median(counts.totals)) for again in counts.again), default=0)


def other_ground(after: Instructions, before: Instructions) -> str:
    """Name what two counts depend on that differs; empty where they can be compared.

    A count that does not say what it depends on is comparable with none.
    """
    if not after.ground or not before.ground:
        return "it is not known with which binaries one of them was counted"
    for name in after.ground:
        old, new = before.ground.get(name, "none"), after.ground[name]
        if old != new:
            return f"the {name} is another: {_differing(old, new)}"
    return ""


def _differing(old: str, new: str) -> str:
    """Two descriptions; of lists of words, such as CPU features, only what one of them lacks."""
    before, after = old.split(), new.split()
    lost = [word for word in before if word not in after]
    added = [word for word in after if word not in before]
    if min(len(before), len(after)) > 12 and len(lost) + len(added) < 12:
        return f"without {' '.join(lost) or 'nothing'}, with {' '.join(added) or 'nothing'}"
    return f"{old[:80]}, now {new[:80]}"


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
