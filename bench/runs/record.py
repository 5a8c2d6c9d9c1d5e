"""The record of a run in progress: its cases, saved after every step, and its progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.results.readings import SelfTest
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.runs.estimate import Estimate

change = msgspec.structs.replace


@dataclass
class Record:
    """A run that is being measured.

    Attributes:
        run: the current state, with every case begun so far.
        save: called with the run after every step that has a result.
        tell: called at each step with (fraction of the run done, sentence).
        order: the keys of the cases in the order of the plan, in which they are written whatever
            the order they are measured in; empty for that.
        clock: seconds.
    """

    run: Run
    save: Callable[[Run], None]
    tell: Callable[[float, str], None]
    order: Sequence[tuple[str, int, str]] = ()
    clock: Callable[[], float] = time.monotonic
    _estimate: Estimate = field(default_factory=lambda: Estimate({}, {}))
    _cases: dict[tuple[str, int, str], Case] = field(init=False)

    def __post_init__(self) -> None:
        self._cases = {case.key: case for case in self.run.cases}
        self._places = {key: place for place, key in enumerate(self.order)}

    @property
    def cases(self) -> Sequence[Case]:
        """Every case begun so far."""
        last = len(self._places)
        return sorted(self._cases.values(), key=lambda case: self._places.get(case.key, last))

    def begin(self, amounts: Mapping[str, float], **guesses: float) -> None:
        """Start counting steps.

        Args:
            amounts: how many units of each kind there are.
            guesses: seconds of a unit of a kind, until one is measured.
        """
        self._estimate = Estimate(amounts, guesses)

    def expect(self, kind: str, more: float) -> None:
        """Count more units of a kind than were planned, or fewer."""
        self._estimate.add(kind, more)

    def step(self, sentence: str, kind: str, units: float = 1) -> None:
        """Report that the next step begins, of a kind and so many units of it."""
        self._estimate.begin(kind, units, self.clock())
        self.tell(self._estimate.fraction, sentence)

    def case(self, group: Group, variant: Variant) -> Case:
        """The case of a variant; `put` has to have added it before."""
        return self._cases[group.key(variant)]

    def at(self, key: tuple[str, int, str]) -> Case:
        """The case of a key; `put` has to have added it before."""
        return self._cases[key]

    def put(self, *cases: Case) -> None:
        """Add or replace cases, and save the run."""
        self._cases |= {case.key: case for case in cases}
        self.write(finished=False)

    def write(self, *, finished: bool) -> None:
        """Save the run."""
        self.run = change(self.run, cases=self.cases, finished=finished)
        self.save(self.run)

    def note(self, sentence: str) -> None:
        """Add a sentence about what the run leaves out; the next step saves it."""
        self.run = change(self.run, notes=[*self.run.notes, sentence])

    def spend(self, name: str, seconds: float) -> None:
        """Add to the seconds that a group took; the next step saves them."""
        spent = self.run.spent
        total = round(spent.get(name, 0.0) + seconds, 3)
        self.run = change(self.run, spent=spent | {name: total})

    def add_self_tests(self, tests: Sequence[SelfTest]) -> None:
        """Add the results of self-tests."""
        self.run = change(self.run, self_tests=[*self.run.self_tests, *tests])

    def finished(self, group: Group) -> bool:
        """Whether every case of a group is measured."""
        cases = [self._cases.get(group.key(variant)) for variant in group.variants]
        return all(case is not None and case.finished for case in cases)
