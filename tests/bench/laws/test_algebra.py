"""Formulas as algebra: what is written is read back as the same, and equal means equal anywhere."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.laws import algebra
from gradmeter.bench.laws.expression import parse

from ...thorough import examples

N, n = algebra.symbol("N"), algebra.symbol("n")
coefficients = st.fractions(-100, 100, max_denominator=12)
polynomials = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 3)), coefficients, max_size=5
).map(
    lambda terms: sum(
        (sympy.Rational(c.numerator, c.denominator) * N**a * n**b for (a, b), c in terms.items()),
        sympy.Integer(0),
    )
)


def value(expression: sympy.Expr, size: int, depth: int) -> Fraction:
    """The value, exactly."""
    found = expression.subs({N: size, n: depth})
    return Fraction(int(found.p), int(found.q))


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(polynomials, min_size=1, max_size=3), st.sampled_from([0, 1, 4, 8]))
def test_what_is_written_is_read_back_as_the_same(parts, itemsize):
    whole = sympy.Max(*parts)
    text = algebra.written(whole, itemsize)
    read = parse(text)
    for size, depth in ((1, 1), (7, 3), (400, 2), (32_768, 100), (10**9, 30)):
        array = size * itemsize
        expected = max(value(part, size, depth) for part in parts)
        assert read.value({"N": size, "n": depth}, array) == expected, text


@settings(max_examples=examples(30), deadline=None)
@given(polynomials, polynomials)
def test_formulas_are_equal_exactly_if_their_polynomials_are(a, b):
    first, second = (parse(algebra.written(each)) for each in (a, b))
    assert algebra.equal(first, first)
    assert algebra.equal(first, second) == (sympy.expand(a - b) == 0)


@pytest.mark.parametrize(
    ("expression", "itemsize", "text"),
    [
        (8 * N * (n + 2), 8, "(n + 2) arrays"),
        (8 * N * (n + 2), 0, "8 N (n + 2) B"),
        (8 * N * (n + 2) + 160, 0, "8 N (n + 2) + 160 B"),
        (8 * N * (n + 2) + 160, 8, "(n + 2) arrays + 160 B"),
        (57 * N + 1448, 8, "7.125 arrays + 1,448 B"),
        (8 * N, 8, "1 array"),
        (8 * N * n, 8, "n arrays"),
        (sympy.Integer(0), 8, "0 B"),
        (8 * N * (n / 3 + 4), 8, "(n/3 + 4) arrays"),
        (24 * N + N**2 / 64, 8, "3 arrays + N^2/64 B"),
        (sympy.Max(8 * N + 2000, 24 * N), 8, "max(3 arrays, 1 array + 2,000 B)"),
    ],
)
def test_formulas_are_written_as_people_write_them(expression, itemsize, text):
    assert algebra.written(sympy.expand(expression), itemsize) == text


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10**6)), min_size=1, max_size=4))
def test_crossings_are_where_another_line_becomes_the_largest(lines):
    parts = algebra.envelope([a * N + b for a, b in lines], {"N": 1})
    places = algebra.crossings(parts, "N", 1)
    for size in {1, 2, 10**7, *places, *(place - 1 for place in places)} - {0}:
        assert max(part.subs(N, size) for part in parts) == max(a * size + b for a, b in lines)
    for place in places:
        before, after = (
            {part for part in parts if part.subs(N, at) == max(p.subs(N, at) for p in parts)}
            for at in (place - 1, place)
        )
        assert after - before
