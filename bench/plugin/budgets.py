"""Budgets of single tests: what ``@pytest.mark.bench_memory(max_peak="24MB")`` asks for.

A budget may be a formula in the test's parameters that are numbers, ``max_peak="3*n*8 + 1kB"``;
these go before units, so that ``B`` may be the size of a batch.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.laws import expression
from gradmeter.bench.laws.expression import UNITS, FormulaError
from gradmeter.bench.meters.call import Pass
from gradmeter.bench.results import layers
from gradmeter.bench.results.run import Case
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.verdicts import gates

MARK = "bench_memory"
OF_PASSES = ("peak", "held", "cycle")  # of array data, which every measured call has
FIGURES = {f"max_{figure}": figure for figure in (*OF_PASSES, *layers.FIGURES)}
Parameters = Mapping[str, int | Fraction]
NONE: Parameters = {}


@dataclass(frozen=True)
class Budget:
    """The most that a test's call may take.

    Attributes:
        limits: bytes, or a number of allocations, by the name of the budget.
        written: the values as the mark gives them.
        where: the parameters that a limit holds for, as "n = 3"; for one that is a formula.
    """

    limits: Mapping[str, int]
    written: Mapping[str, object]
    where: Mapping[str, str] = field(default_factory=dict)

    def broken(self, passes: Sequence[Pass], case: Case) -> list[str]:
        """Return a sentence for each figure that is over its budget in any pass."""
        sentences = []
        for name, limit in self.limits.items():
            for figure, most in _most(FIGURES[name], passes, case).items():
                if most is not None and most > limit:
                    unit = "" if figure in layers.NUMBERS else " B"
                    at = f" at {self.where[name]}" if name in self.where else ""
                    sentences.append(
                        f"{figure} {most:,}{unit} is over the budget {name}="
                        f"{self.written[name]!r} ({limit:,}{unit}{at}) by {most - limit:,}{unit}"
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


def parameters(item: pytest.Item) -> Parameters:
    """The parameters of a test that are numbers, by name, as exact as they are."""
    callspec = getattr(item, "callspec", None)
    found: dict[str, int | Fraction] = {}
    for name, value in (callspec.params if callspec is not None else {}).items():
        if isinstance(value, bool):
            continue
        if isinstance(value, numbers.Rational):  # integers are
            found[name] = Fraction(int(value.numerator), int(value.denominator))
        elif isinstance(value, numbers.Real) and math.isfinite(value):
            found[name] = Fraction(float(value))
    return found


def read(marks: Iterable[pytest.Mark], numeric: Parameters = NONE) -> Budget | None:
    """Read the budget of a test from its marks, the closest first; None where there is none.

    Args:
        numeric: the test's parameters that are numbers.

    Raises:
        UsageError: a mark does not parse.
    """
    limits: dict[str, int] = {}
    written: dict[str, object] = {}
    where: dict[str, str] = {}
    for mark in marks:
        if mark.args == (False,) and not mark.kwargs:
            break  # the tests around are not measured
        if mark.args or not mark.kwargs:
            raise UsageError(
                f'{MARK} takes budgets by name, such as max_peak="24MB" or max_cycle=0, or False'
            )
        for name, value in mark.kwargs.items():
            if name not in FIGURES:
                meant = suggestion(name, FIGURES) or f"; it knows {', '.join(FIGURES)}"
                raise UsageError(f"{MARK} knows no {name!r}{meant}")
            limit, at = _limit(name, value, numeric)
            if name not in limits:
                limits[name], written[name] = limit, value
                where |= {name: at} if at else {}
    return Budget(limits, written, where) if limits else None


def _limit(name: str, value: object, numeric: Parameters) -> tuple[int, str]:
    """Read a budget's value as a number of bytes, or of allocations; and at which parameters.

    Raises:
        UsageError: it does not parse.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value, ""
    number = FIGURES[name] in layers.NUMBERS
    if not isinstance(value, str):
        texts = "a text such as '2 n'" if number else "a text such as '24MB' or '8 n + 1kB'"
        raise _refused(name, value, f"{'' if number else 'bytes as '}an integer, or {texts}")
    known = {*numeric, *(() if number else UNITS)}
    unknown = expression.unknown(value, known)
    try:
        if unknown is not None:
            return _in_any_case(name, value, numeric, unknown), ""
        formula = expression.parse(value)
        limit = formula.value(numeric)
    except FormulaError as error:
        raise _refused(name, value, _expected(value, error)) from None
    at = ", ".join(f"{n} = {_text(numeric[n])}" for n in numeric if n in formula.names)
    if limit < 0:
        raise _refused(name, value, f"0 or more, and not {_text(limit)}{' at ' * bool(at)}{at}")
    return math.floor(limit), at


def _in_any_case(name: str, value: str, numeric: Parameters, unknown: int) -> int:
    """Read a budget of a number and a unit in any case, as gates take it.

    Args:
        unknown: where the first name is that has no value.

    Raises:
        UsageError: it is none.
    """
    try:
        gate = gates.parse(f"{FIGURES[name]}<={value}")
    except UsageError:
        gate = None
    if gate is not None and gate.formula is None and gate.unit == "bytes":
        return int(gate.amount)
    if value[unknown:].startswith("array"):
        raise _refused(name, value, "bytes: a test's call has no array size to count in")
    shown = f"({', '.join(numeric)})" if numeric else "(it has none)"
    units = "" if FIGURES[name] in layers.NUMBERS else f"a unit: {', '.join(UNITS)}, or "
    expected = f"{units if unknown else 'a number, or '}a numeric parameter of the test {shown}"
    raise _refused(name, value, f"{expected}, at character {unknown + 1}, {value[unknown:]!r}")


def _expected(value: str, error: FormulaError) -> str:
    """What would be right instead of a formula that does not parse or has no value."""
    if "%" in value:
        return "bytes or arrays: a budget is not relative to anything"
    if error.at is None:
        return f"a formula with a value: {error}"
    place = f"character {error.at + 1}, {value[error.at :]!r}" if value[error.at :] else "the end"
    return f"{error.expected}, at {place}"


def _text(value: int | Fraction) -> str:
    return f"{int(value):,}" if value.denominator == 1 else f"{float(value):g}"


def _refused(name: str, value: object, expected: str) -> UsageError:
    return UsageError(f"{MARK}({name}={value!r}) does not parse: expected {expected}")
