"""Laws beside each other: equal is proved, different has a size, and neither is guessed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.laws.expression import parse
from gradmeter.bench.laws.law import Law
from gradmeter.bench.results.laws import Formula, Laws
from gradmeter.bench.verdicts.law_agreement import agreements, compared

COUNTS = st.integers(0, 40)
NAMES = ["N", "n"]


@settings(deadline=None)
@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_same_polynomial_is_equal_however_it_is_written(a, b, c, d):
    first = Law(parse(f"({a} n + {b}) arrays + {c} n + {d} kB"))
    second = Law(parse(f"{d} 1,000 + 8 N n {a} + {c} n + {8 * b} N"))
    assert compared(first, second, 8, NAMES) == ("equal", {"N": 1, "n": 1})
    assert compared(second, first, 8, NAMES)[0] == "equal"


@settings(deadline=None)
@given(COUNTS, COUNTS, COUNTS, COUNTS, st.sampled_from(["N", "n", "N n", "n^2", "1"]))
def test_a_difference_is_shown_where_it_is(a, b, c, d, term):
    first = Law(parse(f"{a} N n + {b} N + {c} n + {d}"))
    second = Law(parse(f"{a} N n + {b} N + {c} n + {d} + {term}"))
    word, at = compared(first, second, 0, NAMES)
    assert word == "different"
    assert first.expression.value(at) != second.expression.value(at)


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 5))
def test_laws_are_compared_only_where_both_hold(first, second, step):
    """Below, and between the multiples, one of the two says nothing."""
    a = Law(parse("max(8 N, 10 N - 2 N n)"), since={"n": first})
    b = Law(parse("8 N"), since={"n": second}, multiple={"n": step})
    assert compared(a, b, 8, NAMES) == ("equal", {"N": 1, "n": max(first, second)})
    above = Law(parse("8 N n / 2"), multiple={"n": step})
    below = Law(parse("4 N n + 0 B"))
    assert compared(above, below, 8, NAMES)[0] == "equal"


def test_what_agrees_at_every_size_that_was_tried_and_is_not_proved_is_undecided():
    a, b = Law(parse("min(N, n) + max(N, n)")), Law(parse("N + n"))
    assert compared(a, b, 0, NAMES) == ("undecided", {"N": 1, "n": 1})


def laws(**figures: str) -> Laws:
    return Laws(
        program="squares-n",
        parameters=NAMES,
        itemsize=8,
        figures={name: Formula(bytes=text) for name, text in figures.items()},
    )


def test_every_predicted_figure_is_beside_what_was_found():
    predicted = laws(peak="max((n + 1) arrays, (n + 2) arrays)", held="3 arrays", forward="n B")
    found = laws(peak="8 N (n + 2)", held="24 N + 8", cycle="0")
    assert [(each.figure, each.word) for each in agreements(predicted, found)] == [
        ("peak", "equal"),
        ("held", "different"),
        ("forward", "not found"),
    ]
