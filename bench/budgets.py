"""Budgets of single tests: what ``@pytest.mark.bench_memory(max_peak="24MB")`` asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from bench import gates
from bench.errors import UsageError
from bench.meters.call import Pass

MARK = "bench_memory"
FIGURES = {"max_peak": "peak", "max_held": "held", "max_cycle": "cycle"}


@dataclass(frozen=True)
class Budget:
    """The most bytes that a test's call may take, by figure; and as that was written."""

    limits: Mapping[str, int]
    written: Mapping[str, object]

    def broken(self, passes: Sequence[Pass]) -> list[str]:
        """A sentence for each figure that is over its budget in any pass."""
        said = []
        for name, limit in self.limits.items():
            found = max(getattr(each, FIGURES[name]) for each in passes)
            if found > limit:
                said.append(
                    f"{FIGURES[name]} {found:,} B is over the budget {name}="
                    f"{self.written[name]!r} ({limit:,} B) by {found - limit:,} B"
                )
        return said


def read(marks: Iterable[pytest.Mark]) -> Budget | None:
    """Read the budget of a test from its marks, the closest first; None where there is none.

    Raises:
        UsageError: a mark says what cannot be understood.
    """
    limits: dict[str, int] = {}
    written: dict[str, object] = {}
    for mark in marks:
        if mark.args or not mark.kwargs:
            raise UsageError(
                f'{MARK} takes budgets by name, such as max_peak="24MB" or max_cycle=0'
            )
        for name, value in mark.kwargs.items():
            if name not in FIGURES:
                raise UsageError(f"{MARK} knows no {name!r}, only {', '.join(FIGURES)}")
            limit = _bytes(name, value)
            limits.setdefault(name, limit)
            written.setdefault(name, value)
    return Budget(limits, written) if limits else None


def _bytes(name: str, value: object) -> int:
    """A number of bytes.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    expected = "bytes as an integer, or a text such as '24MB'"
    if isinstance(value, str):
        try:
            found = gates.parse(f"{FIGURES[name]}<={value}")
        except UsageError as error:
            expected = str(error).rpartition(": expected ")[2]
        else:
            if found.unit == "bytes":
                return int(found.amount)
            expected = "bytes: an ordinary test has no array size to count in"
    raise UsageError(f"{MARK}({name}={value!r}) does not parse: expected {expected}")
