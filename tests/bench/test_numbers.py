"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.numbers import (
    apart,
    arrays_text,
    bytes_text,
    ratio_digits,
    seconds_text,
    significant,
    span_text,
)

from .run_files import MB

SCALES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15, "EB": 10**18}
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def value(text: str, units: dict[str, float]) -> float:
    """What a text of a number and a unit says."""
    number, unit = text.split()
    return float(number.replace(",", "")) * units[unit]


@settings(deadline=None)
@given(st.integers(-(10**18), 10**18))
def test_bytes_for_people_are_near_and_below_ten_thousand_exact(count):
    text = bytes_text(count)
    if abs(count) < 10_000:
        assert value(text, SCALES) == count
        assert "." not in text
    else:
        assert abs(value(text, SCALES) - count) <= abs(count) / 20


@settings(deadline=None)
@given(st.integers(10_000, 999 * 10**12))
def test_bytes_for_people_have_at_most_three_digits_before_the_point(count):
    assert len(bytes_text(count).split(".")[0]) <= 3


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (-8, "-8 B"),
        (9_999, "9,999 B"),
        (10_000, "10.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (999_999, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (-1_500_000, "-1.5 MB"),
        (999_999_999, "1.0 GB"),
        (24_000_000, "24.0 MB"),
    ],
)
def test_bytes_text_at_the_edges(count, text):
    assert bytes_text(count) == text


@settings(deadline=None)
@given(st.floats(1e-10, 1e6))
def test_seconds_for_people_are_near_and_without_an_exponent(seconds):
    text = seconds_text(seconds)
    assert "e" not in text
    assert value(text, SECONDS) == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ns"),
        (1e-9, "1.00 ns"),
        (0.00123456, "1.23 ms"),
        (0.99999, "1.00 s"),
        (12.345, "12.3 s"),
    ],
)
def test_seconds_text_at_the_edges(seconds, text):
    assert seconds_text(seconds) == text


def test_arrays_are_bytes_by_the_array_to_two_decimals():
    assert arrays_text(24 * MB, 8 * MB) == "3.00"
    assert arrays_text(0, 8) == "0.00"
    assert arrays_text(24 * MB + 8, 8 * MB) == "3.00"
    assert arrays_text(10, 8) == "1.25"


@given(st.floats(0.001, 1e3), st.floats(0, 1e2))
def test_a_printed_interval_holds_the_real_one(low, width):
    digits = ratio_digits(low, low + width)
    one, other = span_text(low, low + width, digits).split("-")
    assert float(one) <= low + 1e-9
    assert float(other) >= low + width - 1e-9


@pytest.mark.parametrize(
    ("low", "high", "digits"), [(1.01, 1.05, 2), (0.998, 1.002, 3), (0.5, 2.0, 1), (3, 90, 1)]
)
def test_decimals_are_those_that_the_interval_supports(low, high, digits):
    assert ratio_digits(low, high) == digits


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_figures_that_differ_never_read_the_same(a, b):
    one, other = apart(a, b)
    assert (one == other) == (a == b)


@pytest.mark.parametrize(
    ("relative", "digits"), [(0.0001, 3), (0.01, 3), (0.04, 3), (0.2, 2), (0.9, 2), (2.0, 1)]
)
def test_durations_have_the_digits_that_their_scatter_leaves(relative, digits):
    assert significant(relative) == digits
