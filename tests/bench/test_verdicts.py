"""What the numbers mean: rows and their order, ratios, units for people, and true sentences."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import verdicts
from bench.results import Allocations, Cycles, Failure
from bench.verdicts import arrays_text, bytes_text, seconds_text

from .run_files import MB, STRONG, WEAK, any_runs, case, counts, run, runs, strong, times

SCALES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15, "EB": 10**18}
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def value(text: str, units: dict[str, float]) -> float:
    """What a text of a number and a unit says."""
    number, unit = text.split()
    return float(number.replace(",", "")) * units[unit]


def memory(**changes: int) -> list[Allocations]:
    return [msgspec.structs.replace(case().allocations[0], **changes)] * 3


def only(*cases):
    """The candidate's row of a run of two cases."""
    found = run(*cases)
    return verdicts.rows(found, found.comparisons[0])[1]


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
    [(0, "0 ns"), (1e-9, "1 ns"), (0.00123456, "1.23 ms"), (0.99999, "1 s"), (12.345, "12.3 s")],
)
def test_seconds_text_at_the_edges(seconds, text):
    assert seconds_text(seconds) == text


def test_arrays_are_bytes_by_the_array_to_two_decimals():
    assert arrays_text(24 * MB, 8 * MB) == "3.00"
    assert arrays_text(0, 8) == "0.00"
    assert arrays_text(24 * MB + 8, 8 * MB) == "3.00"
    assert arrays_text(10, 8) == "1.25"


@any_runs
@given(runs())
def test_rows_are_the_cases_that_are_there_the_baseline_first_then_the_largest_effect(found):
    for comparison in found.comparisons:
        rows = verdicts.rows(found, comparison)
        base = found.case(comparison.workload, comparison.size, comparison.baseline)
        assert bool(rows) == (base is not None)
        if rows:
            assert rows[0].case == base
            effects = [row.effect for row in rows[1:]]
            assert effects == sorted(effects, reverse=True)


@any_runs
@given(runs())
def test_every_case_is_shown_in_a_comparison_or_alone(found):
    shown = [row.case.key for _, rows in verdicts.ordered(found) for row in rows]
    shown += [one.key for one in verdicts.lone(found)]
    assert {one.key for one in found.cases} <= set(shown)


def test_a_case_whose_baseline_is_missing_is_shown_alone():
    found = run()
    rest = msgspec.structs.replace(found, cases=found.cases[1:])
    shown = [row.case for _, rows in verdicts.ordered(rest) for row in rows]
    assert found.cases[1] in shown + verdicts.lone(rest)


def test_comparisons_come_with_the_largest_effect_first():
    small = [
        case(workload="a"),
        strong(workload="a", allocations=memory(peak=41 * MB), cycles=None),
    ]
    large = [case(workload="b"), strong(workload="b")]
    both = [run(*small), run(*large)]
    found = msgspec.structs.replace(
        both[0],
        cases=small + large,
        comparisons=both[0].comparisons + both[1].comparisons,
    )
    assert [c.workload for c, _ in verdicts.ordered(found)] == ["b", "a"]


def test_a_ratio_is_that_of_the_sets():
    halves = case(times=[times([0.02] * 3, [0.02] * 3, 0), times([0.2] * 3, [0.2] * 3, 1)])
    doubles = strong(times=[times([0.04] * 3, [0.04] * 3, 0), times([0.6] * 3, [0.6] * 3, 1)])
    row = only(halves, doubles)
    assert row.spread == (pytest.approx(2), pytest.approx(3))
    assert 2 <= row.ratio <= 3
    assert only(halves, strong(times=[])).ratio is None
    assert only(case(times=[]), doubles).ratio is None
    assert verdicts.ratio_text(only(halves, strong(times=[]))) == "-"


def test_a_sentence_says_who_leaves_cycles_and_what_is_held():
    said = verdicts.sentence(only(case(), strong()))
    for part in (STRONG, "squares-3", "1,000,000", "40.0 MB", "9 objects", "24.0 MB", "+2.00"):
        assert part in said
    assert said.index(f"{WEAK} leaves 0 B") < said.index(f"{STRONG} leaves 40.0 MB")


def test_a_sentence_is_the_other_way_round_where_the_baseline_is():
    said = verdicts.sentence(only(strong(), case()))
    assert f"{WEAK} leaves 0 B" in said
    assert "held 24.0 MB instead of 40.0 MB (-2.00 arrays)" in said


@settings(deadline=None)
@given(counts, counts, st.sampled_from(["peak", "held"]))
def test_different_figures_never_read_the_same(mine, its, what):
    if mine == its:
        return
    said = verdicts.sentence(
        only(case(allocations=memory(**{what: its})), strong(allocations=memory(**{what: mine})))
    )
    clause = next(c for c in said.split("; ") if f"{what} " in c)
    first, second = clause.split(" instead of ")
    assert first.split(f"{what} ")[-1] != second.split(" (")[0]


def test_eight_bytes_of_difference_can_be_read():
    plain = case()
    other = case(variant=STRONG, allocations=memory(peak=40 * MB + 8))
    said = verdicts.sentence(only(plain, other))
    assert "40.0 MB instead of 40.0 MB" not in said


@pytest.mark.parametrize(
    "changes",
    [
        {"allocations": memory(forward=33 * MB)},
        {"allocations": memory(backward=39 * MB)},
        {"cycles": Cycles(dropped=8, bytes=0, objects=0, types={}, leaked=8)},
    ],
)
def test_the_same_to_the_byte_is_said_only_where_every_figure_is(changes):
    same = verdicts.sentence(only(case(), case(variant=STRONG)))
    assert "the same memory to the byte" in same
    other = verdicts.sentence(only(case(), case(variant=STRONG, **changes)))
    assert "the same memory to the byte" not in other


def test_what_failed_is_said_with_its_reason():
    broken = Failure("cycles", "crashed", "the worker ended with exit code 1")
    assert "cycles: the worker ended" in verdicts.sentence(only(case(), strong(failure=broken)))
    said = verdicts.sentence(only(case(failure=broken), strong()))
    assert "the baseline failed (the worker ended with exit code 1)" in said


def test_a_failed_self_test_is_named_only_where_it_is_the_reason():
    found = run(case(), strong(allocations=[], cycles=None, finished=False), finished=False)
    said = verdicts.sentence(verdicts.rows(found, found.comparisons[0])[1])
    assert all(test.passed for test in found.self_tests)
    assert "self-test failed" not in said


def test_what_is_as_predicted_is_no_surprise():
    assert verdicts.surprises(case()) == verdicts.surprises(strong()) == []
    assert verdicts.surprises(case(predicted=None)) == []
    assert verdicts.surprises(case(allocations=[], cycles=None)) == []


@pytest.mark.parametrize("what", ["forward", "backward", "peak", "held", "dropped"])
@pytest.mark.parametrize("by", [-1, 8, 8 * MB])
def test_every_figure_that_is_not_as_predicted_is_a_surprise_with_both_numbers(what, by):
    predicted = case().predicted
    expected = getattr(predicted, what)
    changed = msgspec.structs.replace(predicted, **{what: expected + by})
    [said] = verdicts.surprises(case(predicted=changed))
    assert said.startswith(what)
    assert f"{expected:,} bytes" in said
    assert f"{expected + by:,} were predicted" in said


def test_passes_that_disagree_and_leaks_are_surprises():
    first = case().allocations[0]
    other = msgspec.structs.replace(first, held=first.held + 8)
    [said] = verdicts.surprises(case(allocations=[other, first, first]))
    assert "passes disagree" in said
    leaky = Cycles(dropped=0, bytes=0, objects=0, types={}, leaked=1234)
    [said] = verdicts.surprises(case(cycles=leaky))
    assert "1,234 bytes are alive" in said
