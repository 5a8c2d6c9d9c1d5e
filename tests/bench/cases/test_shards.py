"""Spreading a plan over shards: a partition that every job computes alike, and balanced."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.cases.shards import Share, costs, digest, longest_first, parse, spread
from gradmeter.bench.errors import UsageError

names = st.text(st.characters(codec="utf-8"), max_size=8)
seconds = st.floats(0, 1e6) | st.sampled_from([0.0, 1.0])
priced = st.dictionaries(names, seconds, max_size=30)
counts = st.integers(1, 12)


@given(priced, counts)
def test_shards_are_a_partition(plan, count):
    shards = spread(plan, count)
    assert len(shards) == count
    assert sorted(name for shard in shards for name in shard) == sorted(plan)


@given(priced, counts, st.randoms(use_true_random=False))
def test_shards_do_not_depend_on_the_order_of_the_plan(plan, count, random):
    shuffled = [*plan.items()]
    random.shuffle(shuffled)
    assert spread(dict(shuffled), count) == spread(plan, count)


@given(priced, counts)
def test_the_longest_shard_is_within_the_bound_of_the_greedy_rule(plan, count):
    """Graham's: the last group to go there found no shard with less than the mean of the others."""
    loads = [sum(plan[name] for name in shard) for shard in spread(plan, count)]
    longest = max(plan.values(), default=0.0)
    bound = sum(plan.values()) / count + longest * (1 - 1 / count)
    assert max(loads) <= bound * (1 + 1e-9)


@pytest.mark.parametrize("count", [2, 3])
@given(st.lists(st.integers(1, 20), min_size=1, max_size=7))
def test_the_longest_shard_is_within_four_thirds_of_the_best(count, loads):
    best = min(
        max(
            sum(load for load, place in zip(loads, places, strict=True) if place == shard)
            for shard in range(count)
        )
        for places in _placements(len(loads), count)
    )
    plan = {f"group {i}": float(load) for i, load in enumerate(loads)}
    longest = max(sum(plan[name] for name in shard) for shard in spread(plan, count))
    assert longest <= best * (4 / 3 - 1 / (3 * count)) + 1e-9


def _placements(items, count):
    for number in range(count**items):
        yield [number // count**i % count for i in range(items)]


@given(st.sets(names, max_size=30), counts)
def test_without_costs_shards_differ_by_one_group_at_most(plan, count):
    sizes = [len(shard) for shard in spread(costs(plan, {}), count)]
    assert max(sizes) - min(sizes) <= 1


def test_by_name_two_sizes_of_each_workload_do_not_part_into_small_and_large():
    plan = [f"squares-{n} x {size}" for n in range(20) for size in (1_000, 1_000_000)]
    large = [sum("1000000" in name for name in s) for s in spread(costs(plan, {}), 2)]
    assert min(large) >= 5, large


@given(priced, st.sets(names, max_size=10))
def test_what_is_not_known_costs_what_the_known_usually_do(known, others):
    found = costs([*known, *others], known)
    assert {name: found[name] for name in known} == known
    for name in others - known.keys():
        assert not known or min(known.values()) <= found[name] <= max(known.values())


@given(st.dictionaries(names, names, max_size=20), priced, counts)
def test_what_is_kept_together_is_in_one_shard_and_every_job_agrees(plan, known, count):
    shards = [Share(n, count, known).of(plan, plan, "") for n in range(1, count + 1)]
    assert len({(s.plan, s.spread, s.total, s.count) for s in shards}) == 1
    places = [name for shard in shards for name in shard.places]
    assert sorted(places) == sorted(plan)
    for kept in set(plan.values()):
        members = {name for name in plan if plan[name] == kept}
        assert sum(bool(members & shard.places.keys()) for shard in shards) == 1
    order = {name: place for shard in shards for name, place in shard.places.items()}
    assert sorted(plan, key=order.__getitem__) == list(plan)


@given(st.dictionaries(names, names, min_size=2, max_size=20), counts)
def test_another_plan_or_other_costs_have_another_digest(plan, count):
    share = Share(1, count)
    whole = share.of(plan, plan, "")
    first, *rest = plan
    assert share.of({n: plan[n] for n in rest}, rest, "").plan != whole.plan
    assert share.of(dict(reversed(plan.items())), reversed(list(plan)), "").plan == whole.plan
    if count > 1 and len(set(plan.values())) > 1:
        dear = {name: 100.0 if plan[name] == plan[first] else 1.0 for name in plan}
        spreads = Share(1, count, dear).spread(plan), share.spread(plan)
        same = [sorted(map(sorted, each)) for each in spreads]
        other = Share(1, count, dear).of(plan, plan, "").spread != whole.spread
        assert other or same[0] == same[1]


def test_the_seed_of_pythons_hashes_does_not_matter():
    code = (
        "from gradmeter.bench.cases.shards import *\n"
        "print(spread(costs({f'group {i}' for i in range(20)}, {'group 3': 2.5}), 4))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True,
            text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1
    assert "group 19" in told.pop()


def test_texts_are_not_confused_with_others_that_join_to_the_same():
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("ab", "c", "")}) == 4


@given(priced)
def test_the_longest_come_first(plan):
    order = [plan[name] for name in longest_first(plan)]
    assert order == sorted(order, reverse=True)


@given(st.integers(1, 10_000), st.data())
def test_a_shard_is_read_as_it_is_written(count, data):
    number = data.draw(st.integers(1, count))
    assert parse(f"{number}/{count}") == (number, count)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("3", "no shard; write 1/3"),
        ("", "no shard"),
        ("a/b", "no shard"),
        ("-1/3", "no shard"),
        ("1/3/4", "no shard"),
        ("1.0/3", "no shard"),
        ("²/3", "no shard"),
        ("1/0", "no shard"),
        ("0/3", "the first is 1/3 and the last 3/3"),
        ("4/3", "the first is 1/3 and the last 3/3"),
        ("1/10001", "10,000 shards at most"),
        ("9" * 5000 + "/3", "no such shard"),
        ("1/" + "9" * 5000, "at most"),
    ],
)
def test_what_is_no_shard_is_refused(text, why):
    with pytest.raises(UsageError, match=why) as error:
        parse(text, "--bench-shard")
    assert str(error.value).startswith("--bench-shard")
