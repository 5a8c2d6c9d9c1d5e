"""When the runner adds sets, for which comparison, and when it stops."""

from __future__ import annotations

import random

import pytest

from gradmeter.bench.cases.plan import plan
from gradmeter.bench.statistics import looks
from gradmeter.bench.verdicts import verdicts

from ..scripted import World, named

BASE, SLOW, NOISY = "engine", "engine:retain_grad=on", "engine:output_references=strong"


class Machine(World):
    """Times each variant by its own factor; one of them scatters from process to process."""

    def __init__(self, factors, scatter):
        super().__init__()
        self.rng, self.factors, self.scatter = random.Random(1), factors, scatter
        self.bias: dict[int, float] = {}
        self.answer = self.time

    def time(self, spec, meter, request):
        if meter != "time":
            return None
        bias = self.bias.setdefault(id(spec), self.rng.gauss(0, self.scatter.get(named(spec), 0)))
        seconds = 0.001 * self.factors.get(named(spec), 1.0) * (1 + bias)
        self.now += seconds * request["loops"]
        return {"forward": seconds, "backward": 0.0, "step": 0.0, "cpu": seconds}


def compared(world, *variants, **options):
    groups, comparisons = plan(["squares-3"], [16], variants)
    runner = world.runner(**{"sets": 10, "most_sets": 40, "seconds": 1e4, **options})
    runner.record.run = runner.run.__class__(
        **{f: getattr(runner.run, f) for f in runner.run.__struct_fields__}
        | {"comparisons": comparisons}
    )
    return runner.measure(groups)


def sets_of(run, variant):
    return len(run.case("squares-3", 16, variant).times)


def test_sets_are_added_for_the_undecided_comparison_only():
    run = compared(Machine({SLOW: 1.5}, {NOISY: 0.08}), BASE, SLOW, NOISY)
    assert sets_of(run, SLOW) == 10
    assert sets_of(run, NOISY) == sets_of(run, BASE) > 10
    words = {row.case.variant: row.time.word for row in verdicts.candidates(run)}
    assert words[SLOW] == "slower"


@pytest.mark.parametrize(("factor", "word"), [(1.5, "slower"), (0.5, "faster"), (1.0, "same")])
def test_what_is_decided_at_the_first_look_costs_no_more(factor, word):
    run = compared(Machine({SLOW: factor}, {}), BASE, SLOW)
    assert sets_of(run, SLOW) == sets_of(run, BASE) == 10
    [row] = verdicts.candidates(run)
    assert row.time.word == word


def test_it_is_looked_at_planned_numbers_of_sets_only():
    for seed_scatter in (0.02, 0.03, 0.05, 0.2):
        run = compared(Machine({}, {SLOW: seed_scatter}), BASE, SLOW)
        assert sets_of(run, SLOW) in looks(10, 40)


def test_a_spent_budget_ends_it_undecided_with_what_would_decide():
    world = Machine({SLOW: 1.2}, {SLOW: 0.3})
    run = compared(world, BASE, SLOW, seconds=world.seconds * 75)
    assert 10 <= sets_of(run, SLOW) < 40
    [row] = verdicts.candidates(run)
    assert row.time.word == "inconclusive"
    assert row.time.more > 0
    nothing = compared(Machine({}, {SLOW: 0.3}), BASE, SLOW, seconds=0.0)
    assert sets_of(nothing, SLOW) == 10


def test_where_an_effect_is_likely_more_is_spent_before_it_is_left_undecided():
    def spent(factor):
        world = Machine({SLOW: factor}, {SLOW: 0.1})
        return sets_of(compared(world, BASE, SLOW, seconds=0.3, most_sets=1000), SLOW)

    assert spent(1.0) < spent(1.05)


def test_a_candidate_that_fails_among_added_sets_is_let_go():
    world = Machine({}, {SLOW: 0.3, NOISY: 0.3})
    time, asked = world.answer, [0]

    def answer(spec, meter, request):
        sets = len({s.place for _, s, _ in world.log if s.place is not None})
        if meter == "time" and named(spec) == SLOW and sets > 10:
            asked[0] += 1
            raise ValueError("rubbish")
        return time(spec, meter, request)

    world.answer = answer
    run = compared(world, BASE, SLOW, NOISY)
    assert run.case("squares-3", 16, SLOW).failure
    assert asked[0] == 1
    assert sets_of(run, NOISY) > 10


def test_the_baseline_is_timed_against_itself_for_the_noise_floor():
    world = Machine({}, {})
    run = compared(world, BASE, SLOW)
    assert len(run.case("squares-3", 16, BASE).again) == 8
    assert run.case("squares-3", 16, SLOW).again == []
    assert verdicts.noise(run).pairs == 8
    alone = World()
    found = alone.runner(sets=10).measure(plan(["squares-3"], [16], [BASE])[0])
    assert found.cases[0].again == []


def test_the_processes_of_a_set_lie_at_the_same_place_and_sets_at_different_ones():
    world = Machine({}, {})
    compared(world, BASE, SLOW)
    timed = [spec for what, spec, meter in world.log if what == "start" and spec.place is not None]
    places = [spec.place for spec in timed]
    assert all(place % 4096 == 0 for place in places)
    assert len(set(places)) == 10
    assert len(places) == 10 * 2 + 8
