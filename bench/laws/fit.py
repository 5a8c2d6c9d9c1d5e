"""Find the polynomial that reproduces measurements to the byte: solved over the rationals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import sympy
from sympy import QQ, Expr, Integer
from sympy.polys.matrices import DomainMatrix

from gradmeter.bench.laws.algebra import symbol

Point = tuple[int, ...]
Monomial = tuple[int, ...]  # the power of each parameter
DEGREE = 3


def polynomials(
    names: Sequence[str],
    points: Sequence[Point],
    columns: Sequence[Sequence[int]],
    spare: int = 0,
) -> list[Expr | None]:
    """Find for each column the simplest polynomial that has its value at every point.

    Exact: each is the one solution of more equations than it has terms, and is tried on all of
    the points; None where no polynomial of the families below holds.

    Args:
        names: of the parameters.
        points: their values, no two the same.
        columns: values at the points, in the points' order.
        spare: how many more values each parameter has than the polynomial has powers of it, at
            least; 0 is for polynomials that are verified at further values.
    """
    solved: list[Expr | None] = [None] * len(columns)
    for basis in bases(names, points, spare):
        left = [number for number, law in enumerate(solved) if law is None]
        if not left:
            break
        for number, law in zip(
            left, _solve(names, basis, points, [columns[i] for i in left]), strict=True
        ):
            solved[number] = law
    return solved


def bases(
    names: Sequence[str], points: Sequence[Point], spare: int = 0
) -> Iterator[list[Monomial]]:
    """Sets of terms that a polynomial may have, the fewest first, and fewer than points.

    The terms are products of powers up to `DEGREE`, of each parameter on its own bound, with and
    without those that are free of the first parameter, or the highest alone.
    """
    values = [len({point[i] for point in points}) for i in range(len(names))]
    bounds = [range(min(DEGREE, count - 1) + 1) for count in values]
    sets: dict[tuple[Monomial, ...], None] = {}
    for degrees in product(*bounds):
        terms = [*product(*(range(degree + 1) for degree in degrees))]
        sets[tuple(terms)] = None
        sets[terms[-1],] = None
        if degrees and degrees[0]:
            sets[tuple(term for term in terms if term[0])] = None
    for basis in sorted(sets, key=lambda terms: (len(terms), sum(map(sum, terms)))):
        powers = [{term[i] for term in basis} for i in range(len(names))]
        few = any(len(p) + spare > count for p, count in zip(powers, values, strict=True))
        if basis and len(basis) < len(points) and not few:
            yield list(basis)


def _solve(
    names: Sequence[str],
    basis: Sequence[Monomial],
    points: Sequence[Point],
    columns: Sequence[Sequence[int]],
) -> list[Expr | None]:
    """The polynomial in these terms for each column; None where it is none, or not the only one."""
    rows = [[QQ(prod(map(pow, point, term))) for term in basis] for point in points]
    matrix = DomainMatrix(rows, (len(rows), len(basis)), QQ)
    chosen = matrix.transpose().rref()[1]  # rows that determine the others
    if len(chosen) < len(basis):
        return [None] * len(columns)
    square = matrix.extract(list(chosen), list(range(len(basis))))
    right = [[QQ(column[i]) for column in columns] for i in chosen]
    solution = square.lu_solve(DomainMatrix(right, (len(basis), len(columns)), QQ))
    values = (matrix * solution).to_list()
    factors = solution.to_list()
    return [
        _expression(names, basis, [row[c] for row in factors])
        if all(row[c] == value for row, value in zip(values, column, strict=True))
        else None
        for c, column in enumerate(columns)
    ]


def _expression(names: Sequence[str], basis: Sequence[Monomial], factors: Sequence[Any]) -> Expr:
    terms = [
        sympy.Rational(factor.numerator, factor.denominator)
        * sympy.prod(symbol(n) ** p for n, p in zip(names, term, strict=True))
        for term, factor in zip(basis, factors, strict=True)
    ]
    return sympy.expand(sum(terms, Integer(0)))
