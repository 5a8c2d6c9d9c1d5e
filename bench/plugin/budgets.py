"""Budgets of single tests: what ``@pytest.mark.bench_memory(max_peak="24MB")`` asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters.call import Pass
from gradmeter.bench.results import layers
from gradmeter.bench.results.run import Case
from gradmeter.bench.verdicts import gates

MARK = "bench_memory"
OF_PASSES = ("peak", "held", "cycle")  # of array data, which every measured call has
FIGURES = {f"max_{figure}": figure for figure in (*OF_PASSES, *layers.FIGURES)}


@dataclass(frozen=True)
class Budget:
    """The most that a test's call may take.

    Attributes:
        limits: bytes, or a number of allocations, by the name of the budget.
        written: the values as the mark gives them.
    """

    limits: Mapping[str, int]
    written: Mapping[str, object]

    def broken(self, passes: Sequence[Pass], case: Case) -> list[str]:
        """Return a sentence for each figure that is over its budget in any pass."""
        sentences = []
        for name, limit in self.limits.items():
            for figure, most in _most(FIGURES[name], passes, case).items():
                if most is not None and most > limit:
                    unit = "" if figure in layers.NUMBERS else " B"
                    sentences.append(
                        f"{figure} {most:,}{unit} is over the budget {name}="
                        f"{self.written[name]!r} ({limit:,}{unit}) by {most - limit:,}{unit}"
                    )
        return sentences

    def missing(self, case: Case) -> list[str]:
        """Return a sentence for each budget without a figure to judge."""
        read = {name: layers.reading(case, figure) for name, figure in self._of_layers().items()}
        return [f"{name}: {r.why}" for name, r in read.items() if r.value is None and not r.passes]

    def _of_layers(self) -> dict[str, str]:
        return {name: FIGURES[name] for name in self.limits if FIGURES[name] not in OF_PASSES}


def _most(figure: str, passes: Sequence[Pass], case: Case) -> dict[str, int | None]:
    """The largest of a figure over the passes, by its name; growth is that of every layer."""
    if figure in OF_PASSES:
        return {figure: max(getattr(each, figure) for each in passes)}
    read = {name: layers.reading(case, name) for name in layers.expanded(figure, case)}
    return {name: max(r.passes, default=r.value) for name, r in read.items()}


def wanted(marks: Iterable[pytest.Mark]) -> bool:
    """Whether a test's call is to be measured: not where its closest mark says False."""
    mark = next(iter(marks), None)
    return mark is None or mark.args != (False,)


def read(marks: Iterable[pytest.Mark]) -> Budget | None:
    """Read the budget of a test from its marks, the closest first; None where there is none.

    Raises:
        UsageError: a mark does not parse.
    """
    limits: dict[str, int] = {}
    written: dict[str, object] = {}
    for mark in marks:
        if mark.args == (False,) and not mark.kwargs:
            break  # the tests around are not measured
        if mark.args or not mark.kwargs:
            raise UsageError(
                f'{MARK} takes budgets by name, such as max_peak="24MB" or max_cycle=0, or False'
            )
        for name, value in mark.kwargs.items():
            if name not in FIGURES:
                raise UsageError(f"{MARK} knows no {name!r}, only {', '.join(FIGURES)}")
            limit = _bytes(name, value)
            limits.setdefault(name, limit)
            written.setdefault(name, value)
    return Budget(limits, written) if limits else None


def _bytes(name: str, value: object) -> int:
    """Read a budget's value as a number of bytes.

    Raises:
        UsageError: it does not parse.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if FIGURES[name] in layers.NUMBERS:
        raise UsageError(f"{MARK}({name}={value!r}) does not parse: expected an integer")
    expected = "bytes as an integer, or a text such as '24MB'"
    if isinstance(value, str):
        try:
            limit = gates.parse(f"{FIGURES[name]}<={value}")
        except UsageError as error:
            expected = str(error).rpartition(": expected ")[2]
        else:
            if limit.unit == "bytes":
                return int(limit.amount)
            expected = "bytes: a test's call has no array size to count in"
    raise UsageError(f"{MARK}({name}={value!r}) does not parse: expected {expected}")
