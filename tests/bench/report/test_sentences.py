"""What a run says in words: true sentences."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.report import sentences
from gradmeter.bench.results.readings import Allocations, Cycles, Failure
from gradmeter.bench.verdicts import verdicts

from ..run_files import MB, STRONG, WEAK, case, counts, run, strong


def memory(**changes: int) -> list[Allocations]:
    return [msgspec.structs.replace(case().allocations[0], **changes)] * 3


def only(*cases):
    """The candidate's row of a run of two cases."""
    found = run(*cases)
    return verdicts.rows(found, found.comparisons[0])[1]


def test_a_sentence_says_who_leaves_cycles_and_what_is_held():
    said = sentences.sentence(only(case(), strong()))
    for part in (STRONG, "squares-3", "1,000,000", "40.0 MB", "9 objects", "24.0 MB", "+2.00"):
        assert part in said
    assert said.startswith(
        f"{STRONG} on squares-3 x 1,000,000 keeps 40.0 MB in reference cycles (9 objects) until "
        f"the collector runs; {WEAK} keeps none; "
    )


def test_a_sentence_is_the_other_way_round_where_the_baseline_is():
    said = sentences.sentence(only(strong(), case()))
    assert said.startswith(
        f"{WEAK} on squares-3 x 1,000,000 keeps nothing in reference cycles; {STRONG} keeps "
        "40.0 MB (9 objects) until the collector runs; "
    )
    assert "held 24.0 MB instead of 40.0 MB (-2.00 arrays)" in said


@settings(deadline=None)
@given(counts, counts, st.sampled_from(["peak", "held"]))
def test_different_figures_never_read_the_same(mine, its, what):
    if mine == its:
        return
    said = sentences.sentence(
        only(case(allocations=memory(**{what: its})), strong(allocations=memory(**{what: mine})))
    )
    clause = next(c for c in said.split("; ") if f"{what} " in c)
    first, second = clause.split(" instead of ")
    assert first.split(f"{what} ")[-1] != second.split(" (")[0]


def test_eight_bytes_of_difference_can_be_read():
    plain = case()
    other = case(variant=STRONG, allocations=memory(peak=40 * MB + 8))
    said = sentences.sentence(only(plain, other))
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
    same = sentences.sentence(only(case(), case(variant=STRONG)))
    assert "the same memory to the byte" in same
    other = sentences.sentence(only(case(), case(variant=STRONG, **changes)))
    assert "the same memory to the byte" not in other


def test_what_failed_is_said_with_its_reason():
    broken = Failure("cycles", "crashed", "the worker ended with exit code 1")
    assert "cycles: the worker ended" in sentences.sentence(only(case(), strong(failure=broken)))
    said = sentences.sentence(only(case(failure=broken), strong()))
    assert "the baseline failed (the worker ended with exit code 1)" in said


def test_a_failed_self_test_is_named_only_where_it_is_the_reason():
    found = run(case(), strong(allocations=[], cycles=None, finished=False), finished=False)
    said = sentences.sentence(verdicts.rows(found, found.comparisons[0])[1])
    assert all(test.passed for test in found.self_tests)
    assert "self-test failed" not in said


def test_what_is_as_predicted_is_no_surprise():
    assert sentences.surprises(case()) == sentences.surprises(strong()) == []
    assert sentences.surprises(case(predicted=None)) == []
    assert sentences.surprises(case(allocations=[], cycles=None)) == []


@pytest.mark.parametrize("what", ["forward", "backward", "peak", "held", "dropped"])
@pytest.mark.parametrize("by", [-1, 8, 8 * MB])
def test_every_figure_that_is_not_as_predicted_is_a_surprise_with_both_numbers(what, by):
    predicted = case().predicted
    expected = getattr(predicted, what)
    changed = msgspec.structs.replace(predicted, **{what: expected + by})
    [said] = sentences.surprises(case(predicted=changed))
    assert said.startswith(what)
    assert f"{expected:,} bytes" in said
    assert f"{expected + by:,} were predicted" in said


def test_passes_that_disagree_and_leaks_are_surprises():
    first = case().allocations[0]
    other = msgspec.structs.replace(first, held=first.held + 8)
    [said] = sentences.surprises(case(allocations=[other, first, first]))
    assert "passes disagree" in said
    leaky = Cycles(dropped=0, bytes=0, objects=0, types={}, leaked=1234)
    [said] = sentences.surprises(case(cycles=leaky))
    assert "1,234 bytes are alive" in said
