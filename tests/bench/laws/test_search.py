"""Made-up programs with known figures: their law is found, or none, but never a wrong one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.laws import algebra, search
from gradmeter.bench.laws.expression import parse
from gradmeter.bench.laws.law import Measured, UnmeasurableError
from gradmeter.bench.laws.search import Findings, Limits, Parameter

from ...thorough import examples

SIZE = Parameter("N", (400, 1600, 3600, 6400, 10_000))
DEPTH = Parameter("n", (4, 5, 7, 10, 14))
N, n = algebra.symbol("N"), algebra.symbol("n")
Figure = Callable[..., int]


@dataclass
class Program:
    """A program that takes no time and no memory, and says that it does."""

    figures: Mapping[str, Figure]
    places: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)
    measured: int = 0

    def __call__(self, point: tuple[int, ...], places: bool) -> Measured:
        self.measured += 1
        return Measured(
            figures={name: figure(*point) for name, figure in self.figures.items()},
            places={
                name: {place: peak(*point) for place, peak in each.items()}
                for name, each in self.places.items()
                if places
            },
        )


def found(peak: Figure, *parameters: Parameter, places: Mapping[str, Figure] | None = None):
    """The findings on a program with one figure."""
    program = Program({"peak": peak}, {"peak": places} if places else {})
    findings = search.find(parameters or (SIZE,), program, Limits(bytes=10**18))
    assert program.measured < 250
    return findings


def is_true(findings: Findings, peak: Figure, *points: tuple[int, ...]) -> None:
    """Whether what the law says of these points is so."""
    law = findings.laws["peak"]
    for point in points:
        values = dict(zip(findings.names, point, strict=True))
        if law is not None and law.holds_at(values):
            assert law.expression.value(values) == peak(*point), (law, point)


def expression(findings: Findings) -> sympy.Expr:
    """The law as SymPy has it."""
    law = findings.laws["peak"]
    assert law is not None, findings.reasons
    return algebra.of(law.expression)


factors = st.integers(0, 40)


@settings(max_examples=examples(15), deadline=None)
@given(st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 2)), factors, max_size=4))
def test_a_polynomial_is_found(terms):
    def peak(size, depth):
        return sum(c * size**a * depth**b for (a, b), c in terms.items())

    findings = found(peak, SIZE, DEPTH)
    expected = sum((c * N**a * n**b for (a, b), c in terms.items()), sympy.Integer(0))
    assert sympy.expand(expression(findings) - expected) == 0
    law = findings.laws["peak"]
    assert not law.since
    assert not law.multiple
    beyond = {at: max(point[at] for point in findings.held_out) for at in (0, 1)}
    assert beyond[0] >= 10 * SIZE.values[-1]
    assert beyond[1] >= 10 * DEPTH.values[-1]


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 10**7), st.integers(0, 10**5))
def test_a_maximum_of_places_is_found_also_where_it_changes_beyond_what_was_measured(
    more, less, high, low
):
    first, second = 8 * (less + more), 8 * less
    places = {
        "b.py:2": lambda size: second * size + high + low,
        "a.py:1": lambda size: first * size + low,
        "c.py:3": lambda size: min(first, second) * size,
    }

    def peak(size):
        return max(place(size) for place in places.values())

    findings = found(peak, places=places)
    crossing = -(-high // (first - second)) if high else 0
    is_true(findings, peak, *((crossing + d,) for d in (-1, 0, 1, 10**9) if crossing + d > 0))
    law = findings.laws["peak"]
    assert law is not None
    assert law.since.get("N", 1) <= max(crossing, 1) <= SIZE.values[0] or not law.since
    if crossing > SIZE.values[0]:
        assert law.crossings["N"] == [crossing]
        # The formula's parts and their places are in one order.
        parts = algebra.of(law.expression)
        assert isinstance(parts, sympy.Max)
        assert law.places == ("a.py:1", "b.py:2")
        text = law.expression.text.removeprefix("max(")
        assert sympy.expand(algebra.of(parse(text.split(", ")[0]))).coeff(N) == first


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(2, 300_000), factors, factors, st.integers(0, 5000))
def test_a_law_is_that_above_the_break_and_says_where_it_is(where, below, above, constant):
    def peak(size):
        return 8 * (below if size < where else above) * size + constant * (size < where)

    findings = found(peak)
    law = findings.laws["peak"]
    is_true(findings, peak, *((at,) for at in (1, 2, where - 1, where, where + 1, 10**6) if at))
    assert law is not None, findings.reasons
    if below != above:
        assert law.since == {"N": where}


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(2, 40), st.integers(1, 9))
def test_what_holds_for_multiples_says_of_which(step, factor):
    def peak(size):
        return 8 * factor * (size // step) * step

    findings = found(peak)
    is_true(findings, peak, *((at,) for at in range(1, 100)), (10**6 + 1,), (10**6,))


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32), factors)
def test_bytes_that_depend_on_data_have_no_law(seed, factor):
    def peak(size, depth):
        return 8 * factor * size * depth + 8 * (hash((seed, size, depth)) % 97)

    findings = found(peak, SIZE, DEPTH)
    assert findings.laws["peak"] is None
    assert findings.reasons["peak"]


@pytest.mark.parametrize(
    "peak",
    [
        lambda size: 8 * size * int(math.log2(size)),
        lambda size: int(size**1.3),
        lambda size: 8 * size + (size > 50_000) * int(size**0.7),
        lambda size: 2 ** (size % 47),
        lambda size: 8 * size**4,
    ],
    ids=["N log N", "a power", "beyond", "wild", "quartic"],
)
def test_what_is_no_polynomial_has_no_law(peak):
    assert found(peak).laws["peak"] is None


def test_what_differs_from_run_to_run_has_no_law():
    calls = iter(range(10**6))
    assert found(lambda size: 8 * size + 8 * (next(calls) % 3)).laws["peak"] is None


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(1, 6), st.integers(2, 7), st.integers(1, 9), st.integers(0, 6))
def test_a_law_in_two_parameters_holds_at_every_corner(a, b, c, edge):
    """What is a maximum at small depths and sizes is told where it ends, for both together."""

    def peak(size, depth):
        return max(8 * size * (a * depth + b), 8 * size * (b + c) + 3000 * (depth <= edge))

    findings = found(peak, SIZE, DEPTH)
    points = [(size, depth) for size in (1, 2, 5, 50, 399, 400, 10**5) for depth in range(1, 16)]
    is_true(findings, peak, *points)


def test_a_figure_that_is_missing_at_a_larger_size_has_no_law():
    def measure(point, _places):
        figures = {"held": 8 * point[0]}
        if point[0] < 50_000:
            figures["peak"] = 16 * point[0]
        return Measured(figures)

    findings = search.find([SIZE], measure)
    assert findings.laws["held"] is not None
    assert findings.laws.get("peak") is None


def test_what_cannot_be_verified_has_no_law():
    def measure(point, _places):
        if point[0] > 20_000:
            raise UnmeasurableError("too large")
        return Measured({"peak": 8 * point[0]})

    findings = search.find([SIZE], measure)
    assert findings.laws["peak"] is None
    assert "verified" in findings.reasons["peak"]


def test_no_measurement_is_expected_to_take_longer_or_more_than_the_limits():
    largest = 0

    def measure(point, _places):
        nonlocal largest
        largest = max(largest, point[0])
        return Measured({"peak": 8 * point[0]}, seconds=point[0] * 1e-6)

    search.find([SIZE], measure, Limits(seconds=1000, bytes=8 * 10**5))
    assert largest == 10**5
    largest = 0
    search.find([SIZE], measure, Limits(seconds=0.4, bytes=10**18))
    assert largest == 10**5


def test_a_measurement_that_was_held_up_costs_no_law():
    slow = {(10_000,)}

    def measure(point, _places):
        seconds = 100.0 if point in slow else 1e-6
        slow.discard(point)
        return Measured({"peak": 8 * point[0]}, seconds=seconds)

    assert search.find([SIZE], measure).laws["peak"] is not None
