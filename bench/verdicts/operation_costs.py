"""The instructions of each kind of operation, alone and beside another revision's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradmeter.bench.cases.operations import LENGTH
from gradmeter.bench.verdicts.gates import Gate

Rounds = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Cost:
    """What a chain of one kind executes, forward or backward.

    Attributes:
        before: of the revision that it is compared with; None for none.
        allowed: by how much identical code may differ.
    """

    phase: str
    after: int
    before: int | None
    allowed: int

    @property
    def each(self) -> int:
        """The instructions of one link of the chain."""
        return round(self.after / LENGTH)

    @property
    def more(self) -> int:
        """By how many a chain executes more, beyond what identical code differs by."""
        difference = self.after - (self.after if self.before is None else self.before)
        return difference if abs(difference) > self.allowed else 0

    def exceeds(self, gate: Gate) -> bool:
        """Whether it breaks a gate on instructions."""
        before = self.before or 0
        return self.more > 0 and self.more * 100 > before * gate.amount


def costs(now: Rounds, elsewhere: Rounds, before: Rounds | None) -> list[Cost]:
    """The cost of every phase.

    Args:
        elsewhere: of the same code in a second process, of another history. Twice its
            difference, round by round, is allowed: the first rounds differ more from each other,
            but they do so in every process.
    """
    return [
        Cost(
            phase,
            after=_mean(rounds),
            before=_mean(before[phase]) if before is not None else None,
            allowed=2 * max(abs(a - b) for a, b in zip(rounds, elsewhere[phase], strict=True)),
        )
        for phase, rounds in now.items()
    ]


def _mean(counts: Sequence[int]) -> int:
    return sum(counts) // len(counts)
