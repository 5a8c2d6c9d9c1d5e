"""Formulas that do not parse say where; those that do are the same with numbers for names."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.laws.expression import HIGHEST, MOST, FormulaError, parse


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("", 0, "a number, a name or ("),
        ("8 N +", 5, "a number, a name or ("),
        ("+ 8", 0, "a number, a name or ("),
        ("8 (N", 4, ")"),
        ("8 N) + 1", 3, "no bracket is open"),
        ("1, 2", 1, "commas are between values of max or min"),
        ("(1, 2)", 2, "commas are between values of max or min"),
        ("max N", 4, "( after max"),
        ("8 max", 5, "( after max"),
        ("max(3,100)", 9, "a comma, a space and one more value"),
        ("N^-1", 2, "a whole number"),
        ("N^n", 2, "a whole number"),
        ("N^1.5", 2, "a whole number"),
        ("N^2^3", 3, "brackets"),
        ("8 N ? 2", 4, "a number"),
        ("8 lambda", 2, "a number"),
        ("N²", 0, "a number"),
    ],
)
def test_where_a_formula_does_not_parse_is_said(text, at, expected):
    with pytest.raises(FormulaError) as refused:
        parse(text)
    assert refused.value.at == at
    assert expected in refused.value.expected
    place = f"at character {at + 1}, {text[at:]!r}" if text[at:] else "at the end"
    assert str(refused.value).startswith(f"{text!r} does not parse {place}: expected ")


PIECES = ["8", "1,000", "2.5", "N", "n", "kB", "arrays", "max", "(", ")", ",", "+", "-", "*", "/",
          "^", " ", "?", "lambda", "²"]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=20))
def test_any_text_is_a_formula_or_is_refused_with_a_sentence(text):
    said = ""
    try:
        formula = parse(text)
        values = {name: 3 for name in formula.names if name != "n"}
        expected = formula.value({**values, "n": 7})
    except FormulaError as error:
        said = str(error)
    if said:
        assert repr(text) in said
        assert "does not parse" in said or "divides by 0" in said or "a power is" in said
    else:
        assert formula.with_values({"n": 7}).value(values) == expected


def test_a_name_before_which_a_number_stands_is_replaced_as_a_factor():
    assert parse("8N + 2n").with_values({"N": 10, "n": 3}).value({}) == 86


def test_a_formula_that_would_exhaust_the_stack_or_the_time_is_refused():
    deep = (MOST - 1) // 2
    assert parse("(" * deep + "1" + ")" * deep).value({}) == 1
    assert parse("+".join("1" * deep)).value({}) == deep
    for text in ("(" * MOST + "1" + ")" * MOST, "+".join("1" * MOST), "-" * MOST + "1"):
        with pytest.raises(FormulaError, match="300 parts at most"):
            parse(text)
    assert parse("(2^3)^3").value({}) == Fraction(2) ** HIGHEST
    with pytest.raises(FormulaError, match="a power is 9 at most"):
        parse("((2^3)^3)^2")
