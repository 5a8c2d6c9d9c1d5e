"""The schedule: which worker runs when, on which core, in which order and how often."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench import workloads
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.runs.sets import MOST_ROUNDS

from ...thorough import examples
from ..scripted import World, named

NAMES = ("engine", "engine:retain_grad=on", "engine:output_references=strong")
GROUP = Group(workloads.get("squares-3"), 16, tuple(parse(name) for name in NAMES))


def timed(world: World) -> list[list[str]]:
    """The variants in the order they were timed, set by set (a set ends where workers close)."""
    sets = []
    relevant = [(what, named(s), meter) for what, s, meter in world.log]
    for is_time, entries in groupby(relevant, lambda entry: entry[2] == "time"):
        if is_time:
            sets.append([name for _, name, _ in entries])
    return sets


def measured(world: World, *groups: Group, **options):
    runner = world.runner(**options)
    return runner.measure(groups or [GROUP])


def test_every_case_is_measured_once_by_every_meter():
    world = World()
    run = measured(world, sets=3)
    assert run.finished
    for meter in ("check", "allocations", "cycles", "timeline", "residency"):
        assert sorted(map(named, world.meters(meter))) == sorted(NAMES)
    assert len(world.meters("selftest")) == 1
    for case in run.cases:
        assert (case.finished, case.failure, len(case.allocations)) == (True, None, 3)
        assert len(case.times) == 3
        assert (case.residency.left, case.residency.allocator) == (50, "system")
        assert case.residency.sampled == 50  # of the samples inside of the run only


def test_the_self_test_comes_first_and_the_check_before_any_other_meter():
    world = World()
    measured(world)
    asked = [(named(spec), meter) for what, spec, meter in world.log if what == "ask"]
    assert asked[0][1] == "selftest"
    for name in NAMES:
        mine = [meter for who, meter in asked[1:] if who == name]
        assert mine[:5] == ["check", "allocations", "cycles", "timeline", "residency"]
        assert set(mine[5:]) == {"time"}


def test_nothing_is_timed_in_a_worker_that_measured_anything_else():
    world = World()
    open_: dict[str, list[str]] = {}
    measured(world)
    for what, spec, meter in world.log:
        name = named(spec)
        if what == "start":
            open_[name] = []
        elif what == "ask":
            open_[name].append(meter)
            assert "time" not in open_[name] or set(open_[name]) == {"time"}
            assert "residency" not in open_[name] or open_[name] == ["residency"]


@given(sets=st.integers(1, 5), cores=st.integers(1, 3))
@settings(max_examples=8, deadline=None)
def test_each_set_has_fresh_workers_all_on_one_core_and_the_cores_take_turns(sets, cores):
    world = World()
    run = measured(world, sets=sets, cores=tuple(range(cores)))
    starts = [spec for what, spec, _ in world.log if what == "start"]
    timing = starts[1 + 2 * len(NAMES) :]  # after the self-test, and memory in two passes
    assert len(timing) == sets * len(NAMES)
    for number in range(sets):
        these = timing[number * len(NAMES) : (number + 1) * len(NAMES)]
        assert sorted(map(named, these)) == sorted(NAMES)
        assert {spec.core for spec in these} == {number % cores}
    for case in run.cases:
        assert [times.core for times in case.times] == [n % cores for n in range(sets)]


def test_where_there_is_no_pinning_nothing_is_pinned():
    world = World()
    measured(world, cores=(None,))
    assert {spec.core for _, spec, _ in world.log} == {None}


def rounds(order: list[str]) -> list[list[str]]:
    n = len(NAMES)
    return [order[i : i + n] for i in range(0, len(order), n)]


def test_every_variant_is_once_in_a_round_and_the_orders_differ():
    world = World()
    measured(world, min_rounds=40)
    seen = [tuple(r) for order in timed(world) for r in rounds(order)]
    assert all(sorted(r) == sorted(NAMES) for r in seen)
    assert len(set(seen)) == 6


@given(seed=st.integers(0, 1000))
@settings(max_examples=6, deadline=None)
def test_the_order_follows_from_the_seed(seed):
    first, again, other = World(), World(), World()
    measured(first, seed=seed, min_rounds=20)
    measured(again, seed=seed, min_rounds=20)
    measured(other, seed=seed + 1, min_rounds=20)
    assert timed(first) == timed(again) != timed(other)


@given(least=st.integers(1, 60), sets=st.integers(1, 6))
@settings(max_examples=12, deadline=None)
def test_without_a_budget_there_are_the_rounds_asked_for_and_no_more_than_one_extra_a_set(
    least, sets
):
    world = World(seconds=1.0)
    for case in measured(world, sets=sets, min_rounds=least).cases:
        assert least <= len(case.seconds) < least + sets
        assert max(len(t.total) for t in case.times) == min(len(t.total) for t in case.times)


@given(seconds=st.floats(1e-6, 20), budget=st.floats(0, 60), sets=st.integers(1, 5))
@settings(max_examples=examples(15), deadline=None)
def test_the_budget_is_overdrawn_by_one_round_at_most(seconds, budget, sets):
    world = World(seconds=seconds)
    run = measured(world, sets=sets, budget=budget, min_rounds=1)
    for case in run.cases:
        loops = case.times[0].loops
        one = seconds * loops
        assert len(case.seconds) * one <= budget + sets * one * 1.001
        assert all(1 <= len(times.total) <= MOST_ROUNDS for times in case.times)
    # What can be had for the budget is had, up to what is useful.
    if budget >= sets * MOST_ROUNDS * one:
        assert all(len(times.total) == MOST_ROUNDS for times in run.cases[0].times)


def test_long_rounds_are_warmed_up_once_and_timed_once_a_set():
    world = World(seconds=30.0)
    measured(world, sets=5, min_rounds=5, budget=1.0)
    assert len(world.meters("time")) == 5 * 2 * len(NAMES)


@given(seconds=st.floats(1e-7, 10))
@settings(max_examples=12, deadline=None)
def test_short_runs_are_timed_several_at_once_and_all_variants_as_many(seconds):
    world = World(seconds=seconds)
    loops = {times.loops for case in measured(world).cases for times in case.times}
    assert len(loops) == 1
    assert loops.pop() * seconds >= 0.0016
    assert all(case.seconds == pytest.approx([seconds] * 2) for case in measured(world).cases)


@given(sizes=st.lists(st.integers(8, 40), min_size=1, max_size=4, unique=True))
@settings(max_examples=6, deadline=None)
def test_progress_goes_up_from_nothing_and_never_beyond_all(sizes):
    world = World()
    measured(world, *[Group(workloads.get("squares-3"), size, GROUP.variants) for size in sizes])
    fractions = [fraction for fraction, _ in world.told]
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert 0.5 < fractions[-1] < 1


def test_only_a_loop_is_measured_with_the_collector_on_too():
    world = World()
    loop = Group(workloads.get("step17_loop"), 16, GROUP.variants)
    run = measured(world, GROUP, loop)
    assert {s.workload for s in world.meters("collected")} == {"step17_loop"}
    assert [case.collected_peak for case in run.cases] == [None] * 3 + [7] * 3
