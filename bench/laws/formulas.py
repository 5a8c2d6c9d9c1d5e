"""Find the formula that measurements follow: one polynomial, or the largest of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, Max

from gradmeter.bench.laws import algebra, fit
from gradmeter.bench.laws.expression import Expression, parse
from gradmeter.bench.laws.law import Point

FEWEST = 3  # values of a parameter that tell the terms of one formula apart


@dataclass(frozen=True)
class Formula:
    """The largest of polynomials, each with the place whose bytes it is; "" where not known.

    They are in the order of `algebra.ordered`, in which they are written.
    """

    parts: tuple[Expr, ...]
    places: tuple[str, ...]

    @cached_property
    def expression(self) -> Expression:
        """It, as an expression in bytes."""
        return parse(algebra.written(Max(*self.parts)))

    def reproduces(
        self, names: Sequence[str], points: Sequence[Point], values: Sequence[int]
    ) -> bool:
        """Whether it has these values at these points."""
        return all(
            self.expression.value(dict(zip(names, point, strict=True))) == value
            for point, value in zip(points, values, strict=True)
        )


def of_places(
    names: Sequence[str],
    points: Sequence[Point],
    values: Sequence[int],
    places: Sequence[Mapping[str, int]],
) -> Formula | None:
    """Find the formula of a maximum from all that it is the maximum of.

    So what becomes the largest only beyond the points is part of it.

    Args:
        values: of the figure at the points.
        places: the bytes of every place at the points.

    Returns:
        None where the places' own formulas do not reproduce the figure.
    """
    common = [name for name in places[-1] if all(name in each for each in places)]
    columns: dict[tuple[int, ...], str] = {}  # places of the same bytes are one
    for name in common:
        columns.setdefault(tuple(each[name] for each in places), name)
    parts: dict[Expr, str] = {}
    for part, name in zip(
        fit.polynomials(names, points, list(columns)), columns.values(), strict=True
    ):
        if part is not None:
            parts.setdefault(part, name)
    least = {name: min(point[i] for point in points) for i, name in enumerate(names)}
    kept = algebra.ordered(algebra.envelope(parts, least))
    if not kept:
        return None
    formula = Formula(tuple(kept), tuple(parts[part] for part in kept))
    return formula if formula.reproduces(names, points, values) else None


def of_values(
    names: Sequence[str], points: Sequence[Point], values: Sequence[int], spare: int = 0
) -> Formula | None:
    """Find the formula of a figure from its values alone.

    Where no polynomial holds at all of the points, it is the larger of two, or else the one that
    holds for the larger values of the first parameter.

    Args:
        spare: see `fit.polynomials`.

    Returns:
        None where no polynomial holds even there.
    """
    whole = _polynomial(names, points, values, spare)
    if whole is not None:
        return Formula((whole,), ("",))
    first = sorted({point[0] for point in points})
    for count in range(len(first) - 1, FEWEST - 1, -1):
        upper = _among(names, points, values, first[-count:], spare)
        if upper is None:
            continue
        for fewer in range(len(first) - 1, FEWEST - 1, -1):
            lower = _among(names, points, values, first[:fewer], spare)
            if lower is not None:
                both = Formula(tuple(algebra.ordered([upper, lower])), ("", ""))
                if both.reproduces(names, points, values):
                    return both
        return Formula((upper,), ("",))
    return None


def _among(
    names: Sequence[str],
    points: Sequence[Point],
    values: Sequence[int],
    first: Sequence[int],
    spare: int,
) -> Expr | None:
    """The polynomial at the points with one of these values of the first parameter."""
    chosen = [(p, v) for p, v in zip(points, values, strict=True) if p[0] in first]
    return _polynomial(names, [p for p, _ in chosen], [v for _, v in chosen], spare)


def _polynomial(
    names: Sequence[str], points: Sequence[Point], values: Sequence[int], spare: int
) -> Expr | None:
    return fit.polynomials(names, points, [values], spare)[0]
