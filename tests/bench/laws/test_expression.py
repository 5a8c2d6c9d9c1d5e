"""Formulas: what Python itself says of them, to the last digit."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.laws.expression import FormulaError, parse

from ...thorough import examples

NAMES = {"N": 12_345, "n": 7, "rows": 3}
numbers = st.integers(0, 10**9).map(str) | st.sampled_from(["0.5", "2.25", "1_0".replace("_", "")])
names = st.sampled_from(sorted(NAMES))


def joined(children):
    """A larger formula of smaller ones."""
    pair = st.tuples(children, st.sampled_from("+-*/"), children).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    )
    largest = st.tuples(st.sampled_from(["max", "min"]), children, children).map(
        lambda parts: f"{parts[0]}({parts[1]}, {parts[2]})"
    )
    return pair | largest


powers = st.tuples(numbers | names, st.integers(0, 3)).map(lambda p: f"({p[0]})**{p[1]}")
formulas = st.recursive(numbers | names | powers, joined, max_leaves=8)


def by_python(text: str) -> Fraction:
    """The value of a formula as Python has it, its numbers exact."""
    exact = re.sub(r"(?<![\w.*])(\d+(?:\.\d+)?)", r"F('\1')", text)
    names = {name: Fraction(value) for name, value in NAMES.items()}
    return Fraction(eval(exact, {"F": Fraction, "max": max, "min": min, **names}))


@settings(max_examples=examples(200), deadline=None)
@given(formulas)
def test_a_formula_is_what_python_says_it_is(text):
    try:
        expected = by_python(text)
    except ZeroDivisionError:
        with pytest.raises(FormulaError, match="divides by 0"):
            parse(text).value(NAMES)
        return
    assert parse(text).value(NAMES) == expected


@settings(max_examples=examples(50), deadline=None)
@given(st.integers(1, 999), names, names)
def test_signs_of_products_may_be_left_out(number, first, second):
    short, long = f"{number} {first} ({second} + 2)", f"{number} * {first} * ({second} + 2)"
    assert parse(short).value(NAMES) == parse(long).value(NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 kB", 1000), ("2 KiB + 1 B", 2049), ("3*n*8 + 1kB", 1168), ("1,234,567 B", 1_234_567)],
)
def test_units_are_numbers_of_bytes(text, value):
    assert parse(text).value(NAMES) == value
