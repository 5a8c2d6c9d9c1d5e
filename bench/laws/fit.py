"""Find the polynomial that reproduces measurements to the byte: solved over the rationals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from math import lcm, prod
from operator import mul
from typing import Any

import sympy
from sympy import QQ, Expr, Integer
from sympy.polys.matrices import DomainMatrix

from gradmeter.bench.laws.algebra import symbol
from gradmeter.bench.laws.law import Point

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
    relations = _relations(tuple(basis), tuple(points))
    solved: list[Expr | None] = [None] * len(columns)
    if relations is None:
        return solved
    held = [
        number
        for number, column in enumerate(columns)
        if not any(sum(map(mul, relation, column)) for relation in relations)
    ]
    if held:
        values = matrix(basis, points)
        chosen = list(values.transpose().rref()[1])  # rows that determine the others
        square = values.extract(chosen, list(range(len(basis))))
        right = [[QQ(columns[number][i]) for number in held] for i in chosen]
        solution = square.lu_solve(DomainMatrix(right, (len(basis), len(held)), QQ)).to_list()
        for i, number in enumerate(held):
            solved[number] = _expression(names, basis, [row[i] for row in solution])
    return solved


def matrix(basis: Sequence[Monomial], points: Sequence[Point]) -> DomainMatrix:
    """The value of each term at each point."""
    rows = [[QQ(prod(map(pow, point, term))) for term in basis] for point in points]
    return DomainMatrix(rows, (len(rows), len(basis)), QQ)


@lru_cache(maxsize=4096)
def _relations(basis: tuple[Monomial, ...], points: tuple[Point, ...]) -> list[list[int]] | None:
    """What the values of every polynomial in these terms satisfy, and no other values.

    Returns:
        Factors of the values at the points, whose sum of products is 0; None where the points do
        not tell the terms apart.
    """
    null = matrix(basis, points).transpose().nullspace().to_list()
    if len(points) - len(null) < len(basis):
        return None
    scales = [lcm(*(int(factor.denominator) for factor in relation)) for relation in null]
    return [
        [int(factor * scale) for factor in relation]
        for relation, scale in zip(null, scales, strict=True)
    ]


def _expression(names: Sequence[str], basis: Sequence[Monomial], factors: Sequence[Any]) -> Expr:
    terms = [
        sympy.Rational(factor.numerator, factor.denominator)
        * sympy.prod(symbol(n) ** p for n, p in zip(names, term, strict=True))
        for term, factor in zip(basis, factors, strict=True)
    ]
    return sympy.expand(sum(terms, Integer(0)))
