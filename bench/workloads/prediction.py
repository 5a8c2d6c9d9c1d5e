"""The memory of a workload as it is derived by hand: formulas in size and depth, as laws are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral

from gradmeter.bench.laws.expression import ARRAYS, UNITS, Expression, FormulaError, parse
from gradmeter.bench.laws.names import DEPTH, SIZE, values_text

KNOWN = {SIZE, DEPTH, ARRAYS, "array", *UNITS}
DERIVED = ("forward", "backward", "held", "dropped")


@dataclass(frozen=True)
class Prediction:
    """The predicted memory of a workload, derived by hand.

    Each figure is a number of arrays of the workload's size, or a formula in bytes that counts in
    arrays, in N, the size, and in n, the depth that the workload's name ends with:
    ``"(n + 2) arrays + 8 B"``.

    Attributes:
        forward, backward: the most that is alive during that phase, the inputs and the
            result included; 0 where there is none.
        held: alive at the end, while the result is held.
        dropped: alive after every name is dropped, until the collector runs.
        scalars: bytes (not arrays) on top of forward: a Python constant is an array of one
            element while NumPy computes with it.
        since: where the formulas hold for other depths, too, "n" with the smallest of them; a
            prediction without it is of the one depth that it was made for.
        multiple: what the depths are multiples of, by "n".
    """

    forward: int | str
    backward: int | str
    held: int | str
    dropped: int | str
    scalars: int = 0
    since: Mapping[str, int] = field(default_factory=dict)
    multiple: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is neither a number of arrays nor a formula.

        Raises:
            ValueError: there is such a figure.
        """
        for name in DERIVED:
            value = getattr(self, name)
            if isinstance(value, str):
                unknown = sorted(parse(value).names - KNOWN)
                if unknown:
                    raise FormulaError(
                        f"{name} is {value!r}, and {unknown[0]!r} is none of {SIZE}, {DEPTH}, "
                        "arrays and units of bytes"
                    )
            elif not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
                raise ValueError(
                    f"{name} is {value!r}; it must be a whole number of arrays, or a formula such "
                    "as '(n + 2) arrays + 8 B'"
                )

    @cached_property
    def formulas(self) -> dict[str, Expression]:
        """The bytes of each figure, and of the peak, which is the largest of both phases."""
        texts = {name: _text(getattr(self, name)) for name in DERIVED}
        if self.scalars:
            texts["forward"] += f" + {self.scalars} B"
        phases = dict.fromkeys([texts["forward"], texts["backward"]])
        phases.pop(_text(0), None)
        largest = f"max({', '.join(phases)})" if len(phases) > 1 else texts["forward"]
        return {name: parse(text) for name, text in {"peak": largest, **texts}.items()}

    def at(self, parameters: Mapping[str, int], array_bytes: int) -> dict[str, int]:
        """The bytes of every figure at a size and depth.

        Raises:
            FormulaError: a formula has no value there, or none that is a number of bytes.
        """
        values = {}
        for name, formula in self.formulas.items():
            value = formula.value(parameters, array_bytes)
            if value.denominator > 1 or value < 0:
                raise FormulaError(
                    f"{name} is {formula.text!r}, which is {float(value):g} bytes at "
                    f"{values_text(parameters)}"
                )
            values[name] = int(value)
        return values


def _text(value: int | str) -> str:
    """A figure as a formula in bytes."""
    if isinstance(value, str):
        return value
    return f"{int(value)} array{'s' * (value != 1)}" if value else "0 B"
