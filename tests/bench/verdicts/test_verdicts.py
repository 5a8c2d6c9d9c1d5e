"""What the numbers mean: rows and their order, ratios, units for people, and true sentences."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from gradmeter.bench.results.readings import Allocations, TimeSet
from gradmeter.bench.verdicts import verdicts

from ..run_files import MB, any_runs, case, run, runs, strong


def memory(**changes: int) -> list[Allocations]:
    return [msgspec.structs.replace(case().allocations[0], **changes)] * 3


def only(*cases):
    """The candidate's row of a run of two cases."""
    found = run(*cases)
    return verdicts.rows(found, found.comparisons[0])[1]


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
    shown += [one.key for one in verdicts.calls(found)]
    assert {one.key for one in found.cases} <= set(shown)


def test_a_case_whose_baseline_is_missing_is_shown_alone():
    found = run()
    rest = msgspec.structs.replace(found, cases=found.cases[1:])
    shown = [row.case for _, rows in verdicts.ordered(rest) for row in rows]
    assert found.cases[1] in shown + verdicts.lone(rest)


def test_comparisons_come_with_the_largest_effect_first():
    small = [
        case(workload="a"),
        strong(workload="a", allocations=memory(peak=41 * MB), cycles=case().cycles),
    ]
    large = [case(workload="b"), strong(workload="b")]
    both = [run(*small), run(*large)]
    found = msgspec.structs.replace(
        both[0],
        cases=small + large,
        comparisons=both[0].comparisons + both[1].comparisons,
    )
    assert [c.workload for c, _ in verdicts.ordered(found)] == ["b", "a"]


def timed(ratios, waiting=0.0):
    """Two cases whose seconds stand like this, set by set; both wait for so much of a second."""

    def sets(factors):
        return [
            TimeSet(
                number=number,
                core=0,
                loops=1,
                forward=[0.01 * factor + waiting] * 3,
                backward=[0.0] * 3,
                step=[0.0] * 3,
                cpu=[0.01 * factor] * 3,
            )
            for number, factor in enumerate(factors)
        ]

    return case(times=sets([1] * len(ratios))), strong(times=sets(ratios))


def verdict(ratios, waiting=0.0, **options):
    found = run(*timed(ratios, waiting))
    changed = msgspec.structs.replace(found.options, **{"sets": len(ratios), **options})
    return verdicts.time(found.cases[1], found.cases[0], changed)


def spread(centre, by, count=10):
    return [centre * (1 + by * (2 * i / (count - 1) - 1)) for i in range(count)]


@pytest.mark.parametrize(
    ("ratios", "word"),
    [
        (spread(1.05, 0.01), "slower"),
        (spread(0.95, 0.01), "faster"),
        (spread(1.0, 0.01), "same"),
        (spread(1.0, 0.10), "inconclusive"),
        (spread(1.02, 0.01), "inconclusive"),
        (spread(1.03, 0.005), "slower"),
    ],
)
def test_a_verdict_is_where_the_whole_interval_lies(ratios, word):
    found = verdict(ratios)
    assert found.word == word
    assert found.low <= found.ratio <= found.high
    assert found.sure
    if word != "inconclusive":
        assert found.more is None


def test_the_smallest_effect_that_matters_is_an_option():
    assert verdict(spread(1.05, 0.01), effect=0.1).word == "same"
    assert verdict(spread(1.01, 0.001), effect=0.005).word == "slower"


def test_exchanging_the_two_turns_the_verdict_around():
    ratios = spread(1.05, 0.02, 12)
    there, back = verdict(ratios), verdict([1 / r for r in ratios])
    assert (there.word, back.word) == ("slower", "faster")
    assert there.ratio == pytest.approx(1 / back.ratio)
    assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low))


def test_too_few_sets_give_no_verdict_however_clear_they_are():
    for count in range(1, 8):
        found = verdict([3.0] * count)
        assert (found.word, found.sure, found.more) == ("inconclusive", False, 8 - count)
    assert verdict([3.0] * 8).word == "slower"
    # Who may look five times needs more for each look.
    assert verdict([3.0] * 9, sets=9, most_sets=30).word == "inconclusive"
    assert verdict([3.0] * 10, sets=10, most_sets=40).word == "slower"


def test_only_sets_that_both_have_are_compared():
    base, other = timed([2.0] * 10)
    later = msgspec.structs.replace(
        other, times=[msgspec.structs.replace(t, number=t.number + 5) for t in other.times]
    )
    found = run(base, later)
    assert verdicts.time(later, base, found.options).sets == 5
    assert verdicts.time(strong(times=[]), base, found.options) is None
    assert verdicts.time(other, case(times=[]), found.options) is None


def test_a_program_that_waits_is_compared_by_the_clock_on_the_wall():
    # Twice the computing and the same waiting: the processor alone would say 2.
    found = verdict([2.0] * 10, waiting=0.09)
    assert (found.clock, found.word) == ("wall", "slower")
    assert found.ratio == pytest.approx((0.02 + 0.09) / (0.01 + 0.09))
    assert verdict([2.0] * 10).clock == "processor"


def test_a_machine_that_takes_the_processor_away_now_and_then_does_not_count_as_waiting():
    base, other = timed([1.0] * 10)
    times = [
        msgspec.structs.replace(t, forward=[0.01 + 0.5 * (i % 2)] * 3)
        for i, t in enumerate(other.times)
    ]
    disturbed = strong(times=times)
    found = verdicts.time(disturbed, base, run().options)
    assert found.clock == "processor"
    assert found.ratio == pytest.approx(1)


def test_the_noise_floor_is_what_the_baseline_shows_against_itself():
    base, other = timed(spread(1.0, 0.05, 8))
    twice = msgspec.structs.replace(base, again=other.times)
    found = verdicts.noise(run(twice, strong()))
    assert found.sure
    assert found.pairs == 8
    assert found.low < 1 < found.high
    assert 0.02 < found.scatter < 0.06
    assert verdicts.noise(run()) is None
