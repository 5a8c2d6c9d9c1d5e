"""Hold the exact figures of a case on several machines against each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from gradmeter.bench.machines.schedule import Assignment
from gradmeter.bench.numbers import where_text
from gradmeter.bench.results.agreement import differences
from gradmeter.bench.results.readings import Failure
from gradmeter.bench.results.run import Case
from gradmeter.bench.runs.record import Record

Key = tuple[str, int, str]

change = msgspec.structs.replace


class Held:
    """The further measurements of a run's cases, each with its machine.

    Args:
        copies: the measurements of each case that there should be.
    """

    def __init__(self, record: Record, copies: int) -> None:
        self._record, self._copies = record, copies
        self._arriving: dict[int, dict[Key, Case]] = {}
        self._others: dict[Key, list[tuple[str, Case]]] = {}
        self._own: dict[str, str] = {}  # the machine of each group

    def add(self, one: Assignment, cases: Sequence[Case]) -> None:
        """Take cases of a further measurement as they come."""
        self._arriving.setdefault(one.ticket, {}).update({case.key: case for case in cases})

    def end(self, one: Assignment) -> None:
        """Note that a measurement of a group is whole."""
        if not one.copy:
            self._own[one.group] = one.machine
        for key, case in self._arriving.pop(one.ticket, {}).items():
            self._others.setdefault(key, []).append((one.machine, case))

    def conclude(self, lacking: Collection[str]) -> None:
        """Let cases fail that differ between machines, and say what was seen to be the same.

        Args:
            lacking: the groups with fewer measurements than there should be.
        """
        if self._copies < 2:
            return
        same, machines, changed = 0, set(self._own.values()), []
        for case in self._record.cases:
            own = self._own.get(_title(case))
            others = [each for each in self._others.get(case.key, []) if each[0] != own]
            if own is None or case.failure is not None or not others:
                continue
            found = [
                f"{figure} is {one} on {own} and {two} on {machine}"
                for machine, other in others
                for figure, one, two in differences(case, other)
            ]
            machines |= {machine for machine, _ in others}
            if found:
                failure = Failure("machines", "differs", "; ".join(found))
                changed.append(change(case, failure=failure))
            elif len(others) == self._copies - 1:
                same += 1
        if same:
            of = f", of {len(machines)} in all" if len(machines) > self._copies else ""
            self._record.note(
                f"the exact figures of {same:,} case{'s' * (same != 1)} are the same on "
                f"{self._copies} machines{of}"
            )
        if lacking:
            self._record.note(
                f"{len(lacking):,} group{'s' * (len(lacking) != 1)} could not be measured on "
                f"{self._copies} machines: {', '.join(sorted(lacking)[:3])}"
                + ", ..."
                * (len(lacking) > 3)
            )
        if changed:
            self._record.put(*changed)


def _title(case: Case) -> str:
    return where_text(case.workload, case.size)
