"""How far a search goes, and what it says of a law's reach: on programs with known figures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.laws import search
from gradmeter.bench.laws.law import Measured, Point, UnmeasurableError
from gradmeter.bench.laws.search import Findings, Limits, Parameter

from ...thorough import examples

VALUES = (10, 20, 40)


def find(peak, *values: tuple[int, ...], limits: Limits | None = None, seconds=None) -> Findings:
    """Search the law of a program with this peak, in the parameters n and m."""

    def measure(point: Point, places: bool) -> Measured:
        return Measured({"peak": peak(*point)}, seconds=seconds(*point) if seconds else 0.0)

    named = [Parameter(name, each) for name, each in zip("nm", values or (VALUES,), strict=False)]
    return search.find(named, measure, limits)


def test_a_break_is_seen_where_both_formulas_agree_at_the_smallest_value():
    findings = find(lambda n: 24 * n + 8 if n < 3000 else 16 * n + 16)  # both are 32 at n = 1
    law = findings.laws["peak"]
    assert law.expression.text == "16 n + 16 B"
    assert law.since == {"n": 3000}


@settings(max_examples=examples(25), deadline=None)
@given(
    low=st.integers(1, 60),
    high=st.integers(61, 200),
    constant=st.integers(0, 10**4),
    other=st.integers(0, 10**4),
    at=st.integers(41, 3000),
)
def test_a_law_never_contradicts_a_measurement(low, high, constant, other, at):
    peak = lambda n: low * n + constant if n < at else high * n + other  # noqa: E731
    findings = find(peak)
    law = findings.laws["peak"]
    assert law is not None
    for (n,) in findings.measured:
        assert not law.holds_at({"n": n}) or law.expression.value({"n": n}) == peak(n)
    assert [law.expression.value({"n": n}) for n in (at, 10**9)] == [peak(at), peak(10**9)]


def test_a_law_of_two_parameters_holds_where_their_smallest_values_meet():
    findings = find(
        lambda n, m: 8 * n * m if n * m < 32_768 else 16 * n * m,
        VALUES,
        (8, 16, 32),
        limits=Limits(settled=10**6),
    )
    law = findings.laws["peak"]
    assert law.expression.text == "16 m n B"
    assert law.holds_at({"n": 10**6, "m": 100})
    for n, m in ((4096, 6), (6000, 5), (1, 8), (10_000, 1), *findings.measured):
        if law.holds_at({"n": n, "m": m}):
            assert n * m >= 32_768


@pytest.mark.parametrize("power", [2, 3, 5])
def test_nothing_is_measured_that_is_expected_to_take_too_much(power):
    largest = 10**9

    def peak(n: int) -> int:
        assert 8 * n**power <= largest, n
        return 8 * n**power + n % 3  # follows no law

    findings = find(peak, limits=Limits(bytes=largest))
    assert findings.laws["peak"] is None


def test_a_law_that_cannot_be_verified_says_what_that_would_take():
    findings = find(lambda n: 8 * n * n, limits=Limits(bytes=10**6))
    assert findings.laws["peak"] is None
    assert findings.reasons["peak"] == ("n = 400, where it has to be verified, takes about 1.3 MB")
    findings = find(lambda n: 8 * n, seconds=lambda n: n)
    assert findings.reasons["peak"] == ("n = 400, where it has to be verified, may take 1,000 s")


def test_a_law_that_cannot_be_verified_says_what_happened_there():
    def measure(point: Point, places: bool) -> Measured:
        if point[0] > 40:
            raise UnmeasurableError(f"f(n={point[0]}): MemoryError")
        return Measured({"peak": 8 * point[0]})

    findings = search.find([Parameter("n", VALUES)], measure)
    assert findings.laws["peak"] is None
    assert findings.reasons["peak"] == (
        "n = 400, where it has to be verified, cannot be measured: f(n=400): MemoryError"
    )


def test_a_larger_value_that_cannot_be_measured_is_no_end_of_the_search():
    def measure(point: Point, places: bool) -> Measured:
        if point[0] > 400:
            raise UnmeasurableError("it ended")
        return Measured({"peak": 8 * point[0] if point[0] < 300 else 16 * point[0] + 1})

    findings = search.find([Parameter("n", VALUES)], measure)
    assert findings.laws["peak"] is None
    assert findings.reasons["peak"] == "what holds for less fails at n = 400"


def test_small_programs_are_measured_until_they_are_large():
    findings = find(lambda n: 8 * n, limits=Limits(settled=10**6))
    assert findings.held_out == ((400,), (4000,), (40_000,), (400_000,))
    findings = find(lambda n: 8, limits=Limits(settled=10**6))  # whatever n is
    assert findings.held_out == ((400,), (4000,))


def test_a_cube_takes_five_values():
    cube = lambda n: 8 * n**3 + 16  # noqa: E731
    assert find(cube, (10, 20, 30, 40, 50)).laws["peak"].expression.text == "8 n^3 + 16 B"
    assert find(cube, (10, 20, 30)).laws["peak"] is None
