"""Laws from given points: what holds is found, and what cannot be proved is not claimed."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.laws.given import of_points

from ...thorough import examples

COUNTS = st.integers(0, 50)
VALUES = st.lists(st.integers(1, 10**6), min_size=4, max_size=6, unique=True)


def values(text: str, names: list[str], points: list[tuple[int, ...]]) -> list[int]:
    return [int(eval(text, {"max": max}, dict(zip(names, p, strict=True)))) for p in points]


def found(text: str, *levels: tuple[int, ...], names: str = "nmk") -> str:
    """What is said of a figure with these values at every pair of the parameters' values."""
    parameters = list(names[: len(levels)])
    points = [*product(*levels)]
    laws, reasons = of_points(parameters, points, {"peak": values(text, parameters, points)})
    if "peak" in reasons:
        assert not laws
        return reasons["peak"]
    law = laws["peak"]
    return law.expression.text + "".join(f", {n} >= {v}" for n, v in law.since.items())


@settings(max_examples=examples(30), deadline=None)
@given(a=COUNTS, b=COUNTS, c=COUNTS, points=VALUES)
def test_a_polynomial_is_found_from_one_value_more_than_it_has_terms(a, b, c, points):
    laws, _ = of_points(
        ["n"], [(n,) for n in points], {"peak": [a * n * n + b * n + c for n in points]}
    )
    assert laws["peak"].expression.value({"n": 10**9}) == a * 10**18 + b * 10**9 + c


@settings(max_examples=examples(30), deadline=None)
@given(a=COUNTS, b=COUNTS, c=COUNTS, first=VALUES, second=VALUES)
def test_a_product_of_parameters_is_found(a, b, c, first, second):
    points = [*product(first, second)]
    laws, _ = of_points(
        ["n", "m"], points, {"peak": [a * n * m + b * n + c * m for n, m in points]}
    )
    value = laws["peak"].expression.value({"n": 10**7, "m": 10**5})
    assert value == a * 10**12 + b * 10**7 + c * 10**5


@settings(max_examples=examples(30), deadline=None)
@given(
    points=st.lists(st.integers(1, 10**6), min_size=2, max_size=3, unique=True),
    bytes_=st.lists(st.integers(0, 10**9), min_size=3, max_size=3),
)
def test_a_law_has_fewer_terms_than_it_has_points_and_their_values(points, bytes_):
    bytes_ = bytes_[: len(points)]
    laws, reasons = of_points(["n"], [(n,) for n in points], {"peak": bytes_})
    assert laws.keys() ^ reasons.keys() == {"peak"}
    for law in laws.values():
        assert [law.expression.value({"n": n}) for n in points] == bytes_
        assert law.expression.text.count("+") + law.expression.text.count("- ") < len(points) - 1


def test_two_values_prove_one_term_and_three_prove_two():
    assert found("8 * n", (10, 100)) == "8 n B"
    assert found("240", (10, 100)) == "240 B"
    assert found("8 * n + 8", (10, 100)) == (
        "no law with one term holds at its 2 values of n; one more value of n can prove one with "
        "more"
    )
    assert found("8 * n + 8", (10, 100, 1000)) == "8 n + 8 B"
    assert found("n * n + 8 * n + 8", (10, 100, 1000)).startswith("no law with 2 terms or fewer")
    assert found("n * n + 8 * n + 8", (10, 100, 1000, 10_000)) == "n (n + 8) + 8 B"


def test_every_pair_of_two_values_is_four_points():
    assert found("8 * n * m", (10, 100), (3, 5)) == "8 m n B"
    assert "one more value of m or n" in found("8 * n * m + 8 * m", (10, 100), (3, 5), names="mn")
    assert found("8 * n * m + 8 * m", (10, 100), (3, 5, 9), names="mn") == "8 m (n + 1) B"
    assert "one more value of n or m" in found("8 * n * m + 8 * n + 8 * m + 1", (10, 100), (3, 5))
    assert (
        found("8 * n * m + 8 * n + 8 * m + 1", (10, 100, 200), (3, 5, 9)) == "8 (m n + m + n) + 1 B"
    )


def test_figures_of_more_values_than_any_law_needs_have_none():
    text = found("(n * 7919) % 101", (10, 100, 1000, 10_000, 100_000))
    assert text == "no polynomial holds at its 5 values of n"


def test_what_changes_at_a_value_is_a_law_from_there_on():
    changed = "16 * n if n < 100 else 24 * n"
    assert found(changed, (10, 100, 1000, 10_000)) == "24 n B, n >= 100"
    # Two values above the change would prove 24 n, but what a law is, is told by three.
    assert found(changed, (10, 20, 100, 1000)).startswith("no law")


def test_a_change_of_the_second_parameter_is_one_of_that():
    changed = "8 * n * m + (1000 if m > 5 else 0)"
    assert found(changed, (10, 20, 30), (4, 6, 8, 10)) == "8 m n + 1,000 B, m >= 6"


def test_the_larger_of_two_is_a_law_where_each_is_proved():
    values_of_n = (10, 20, 30, 200, 300, 400)
    assert found("max(1000, 8 * n)", values_of_n) == "max(8 n B, 1,000 B)"


def test_parameters_that_change_together_prove_nothing():
    figures = {"peak": [800, 80_000, 8_000_000]}
    together = [(10, 10), (100, 100), (1000, 1000)]
    one_at_a_time = [(10, 10), (20, 10), (40, 10), (10, 20), (10, 40)]
    for points in (together, one_at_a_time):
        bytes_ = [8 * n * m for n, m in points]
        laws, reasons = of_points(["n", "m"], points, {"peak": bytes_})
        assert not laws
        assert "measure every pair of their values" in reasons["peak"]
    laws, reasons = of_points(
        ["n"], [(10,)], {name: values[:1] for name, values in figures.items()}
    )
    assert (laws, reasons) == ({}, {"peak": "measured at one value of n; a law takes two at least"})


def test_every_figure_has_its_own_law_or_reason():
    points = [(n,) for n in (10, 20, 30, 40, 50)]
    figures = {
        "held": [8 * n for (n,) in points],
        "cycle": [0] * 5,
        "peak": [n**5 for (n,) in points],
    }
    laws, reasons = of_points(["n"], points, figures)
    assert {name: law.expression.text for name, law in laws.items()} == {
        "held": "8 n B", "cycle": "0 B",
    }  # fmt: skip
    assert reasons == {"peak": "no polynomial holds at its 5 values of n"}
