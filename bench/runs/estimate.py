"""Estimate how much of a run is done from the seconds that each kind of step has taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EXACT, RESIDENT, LINES, INSTRUCTIONS = "exact memory", "resident memory", "lines", "instructions"
TIME = "time"
SECONDS = {EXACT: 1.0, RESIDENT: 1.0, LINES: 2.0, INSTRUCTIONS: 10.0}  # guesses, of one
START_SECONDS = 0.3  # of a worker that times


@dataclass
class Work:
    """One kind of step.

    Attributes:
        total: how many units of it there are, such as variants in sets.
        guess: seconds of one, before any is measured.
        done: how many are done.
        seconds: that these took.
    """

    total: float
    guess: float
    done: float = 0.0
    seconds: float = 0.0

    @property
    def each(self) -> float:
        """Seconds of one; the guess counts as one, so that no first step moves all others."""
        return (self.guess + self.seconds) / (1 + self.done)


class Estimate:
    """The work of a run by kind, and the step that it is at.

    Args:
        amounts: how many units there are of each kind.
        guesses: seconds of a unit, of kinds that `SECONDS` does not have.
    """

    def __init__(self, amounts: Mapping[str, float], guesses: Mapping[str, float]) -> None:
        known = {**SECONDS, **guesses}
        self._works = {
            kind: Work(total, known.get(kind, 1.0)) for kind, total in amounts.items() if total
        }
        self._step: tuple[Work, float, float] | None = None
        self._fraction = 0.0

    def add(self, kind: str, amount: float) -> None:
        """Count more units of a kind, or fewer."""
        work = self._works.setdefault(kind, Work(0.0, SECONDS.get(kind, 1.0)))
        work.total = max(work.done, work.total + amount)

    def begin(self, kind: str, amount: float, now: float) -> None:
        """End the step before, and begin one of so many units."""
        if self._step is not None:
            work, units, since = self._step
            work.done += units
            work.seconds += now - since
        work = self._works.setdefault(kind, Work(0.0, SECONDS.get(kind, 1.0)))
        work.total = max(work.total, work.done + amount)
        self._step = work, amount, now

    @property
    def fraction(self) -> float:
        """How much of the run is done, by seconds; it never goes down."""
        works = self._works.values()
        whole = sum(work.total * work.each for work in works)
        done = sum(work.done * work.each for work in works)
        self._fraction = max(self._fraction, done / whole if whole else 0.0)
        return self._fraction
