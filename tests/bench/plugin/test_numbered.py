"""The name of a test with the places of its numbers: whatever its ids are, it leads back to it."""

from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.plugin import numbered
from gradmeter.bench.results import parametrised

FILE = "tests/test_a.py::test_it"
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=4)
VALUES = st.integers(-100, 10**6) | st.booleans() | WORDS | st.floats(-10, 10) | st.none()


def item(params: dict[str, object], text: str | None = None, **indices: int):
    """A test as pytest collects it, with an id made as pytest makes it where none is given."""
    text = "-".join(map(str, params.values())) if text is None else text
    callspec = SimpleNamespace(params=params, id=text, indices=indices)
    return SimpleNamespace(nodeid=f"{FILE}[{text}]", callspec=callspec)


@given(st.dictionaries(st.sampled_from("nmkabc"), VALUES, min_size=1))
def test_the_template_with_the_values_is_the_id(params):
    test = item(params)
    values = numbered.parameters(test)
    template = numbered.template(test)
    named = parametrised.program(template, values, ())
    assert named.replace(".0", "") == test.nodeid.replace(".0", "")  # 1e3 is 1000, too


@given(st.integers(1, 10**6), st.integers(1, 10**6), WORDS)
def test_tests_that_differ_in_numbers_have_one_template(n, other, word):
    templates = {
        numbered.template(item({"word": word, "n": value, "m": 3})) for value in (n, other)
    }
    assert templates == {f"{FILE}[{parametrised.plain(word)}-{{n}}-{{m}}]"}


def test_ids_that_do_not_show_the_numbers_are_made_anew():
    made = item({"n": 10, "dtype": np.float32, "array": np.ones(1)}, "small-one-two", array=2)
    assert numbered.template(made) == f"{FILE}[{{n}}-float32-array2]"
    function = item({"f": lambda: None, "n": 3}, "f1-three", f=1)
    assert numbered.template(function) == f"{FILE}[f1-{{n}}]"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3), (-3, -3), (0, 0), (1e6, 10**6), (np.int64(7), 7), (np.float32(2), 2),
        (Fraction(4, 2), 2), (True, None), (np.bool_(1), None), (1.5, None), (math.nan, None),
        (math.inf, None), ("3", None), (None, None), (3j, None), (10**400, None), (2**63, None),
        (Fraction(10**400), None),
    ],
)  # fmt: skip
def test_whole_numbers_are_parameters_and_nothing_else_is(value, number):
    assert numbered.parameters(item({"n": value})) == ({} if number is None else {"n": number})


def test_a_test_without_parameters_has_no_template():
    plain = SimpleNamespace(nodeid=FILE)
    assert (numbered.template(plain), numbered.parameters(plain)) == ("", {})
