"""Whether laws that were derived by hand are those that were found, for all sizes at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

from gradmeter.bench.laws.expression import Expression
from gradmeter.bench.laws.law import Law
from gradmeter.bench.laws.names import SIZE
from gradmeter.bench.results.laws import Formula, Laws

Word = Literal["equal", "different", "undecided", "not found"]
STEPS = (0, 1, 2, 7, 100, 10_000)  # above the smallest values, where laws are tried


@dataclass(frozen=True)
class Agreement:
    """A predicted law of a figure beside the one that was found.

    Attributes:
        word: "equal" where they are the same formula wherever both hold, which is proved;
            "different" where a size is known at which they differ.
        at: that size, or where both hold, by parameter.
    """

    figure: str
    predicted: Formula
    found: Formula | None
    word: Word
    at: dict[str, int]


def agreements(predicted: Laws, found: Laws) -> list[Agreement]:
    """Compare the laws of every predicted figure, symbolically; needs SymPy.

    Both are of the same parameters; see cases/predicted_laws.py.
    """
    result = []
    for figure, formula in predicted.figures.items():
        other = found.figures.get(figure)
        word: Word = "not found"
        at: dict[str, int] = {}
        if other is not None:
            word, at = compared(formula.law, other.law, predicted.itemsize, predicted.parameters)
        result.append(Agreement(figure, formula, other, word, at))
    return result


def compared(a: Law, b: Law, itemsize: int, parameters: list[str]) -> tuple[Word, dict[str, int]]:
    """Compare two laws where both hold: equal from which values on, or where they differ."""
    from gradmeter.bench.laws import algebra

    least = {name: max(a.since.get(name, 1), b.since.get(name, 1)) for name in parameters}
    array = itemsize * algebra.symbol(SIZE) if itemsize else None
    for point in product(*(_values(name, least[name], a, b) for name in parameters)):
        at = dict(zip(parameters, point, strict=True))
        if _value(a.expression, at, itemsize) != _value(b.expression, at, itemsize):
            return "different", at
    return ("equal" if algebra.equal(a.expression, b.expression, array, least) else "undecided"), (
        least
    )


def _values(name: str, least: int, a: Law, b: Law) -> list[int]:
    """Values of a parameter at which both laws hold."""
    step = a.multiple.get(name, 1) * b.multiple.get(name, 1)
    first = -(-least // step) * step
    return [first + step * above for above in STEPS]


def _value(expression: Expression, at: dict[str, int], itemsize: int) -> object:
    return expression.value(at, itemsize * at.get(SIZE, 0))
