"""A descent finds every step that can be seen, in no more commits than one after the other."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.history.descent import GIVEN_UP, Sought, differing, next_commit

from .histories import recording

some = settings(max_examples=60, deadline=None)
KEYS = [(f"t.py::test_{number}", 0, "") for number in range(3)]


class History:
    """Commits with a figure for each case; at some, nothing or not every case can be measured."""

    def __init__(self, values, broken=(), lacking=()):
        self.values = values  # by commit, a value of each case
        self.broken, self.lacking = set(broken), set(lacking)
        self.order = [f"{number:040x}" for number in range(len(values))]

    def measure(self, place, keys):
        has = {} if place in self.broken else dict(zip(KEYS, self.values[place], strict=True))
        has = {k: v for k, v in has.items() if k in keys and (place, k) not in self.lacking}
        return recording(self.order[place], {key: {"peak": v} for key, v in has.items()})

    def search(self, keys=KEYS, known=(), tried=(), **how):
        """The places that are measured, in order, and the steps that are found.

        Args:
            known, tried: by other searches; both are added to.
        """
        sought = Sought(frozenset(keys), **how)
        known, tried, measured = [] if known == () else known, {} if tried == () else tried, []
        while (name := next_commit(self.order, known, tried, sought)) is not None:
            place = self.order.index(name)
            assert place not in measured, "a commit is measured twice"
            measured.append(place)
            lacking = set(keys) - tried.get(name, set())
            tried[name] = tried.get(name, set()) | lacking
            known.append(self.measure(place, lacking))
        return measured, differing(self.order, known, sought)

    def has(self, place, key):
        return place not in self.broken and (place, key) not in self.lacking

    def at(self, place, key):
        return self.values[place][KEYS.index(key)]


@st.composite
def monotone(draw, most=200):
    """Steps at which one case or several take more, and nothing that comes back."""
    length = draw(st.integers(2, most))
    places = draw(st.lists(st.integers(1, length - 1), max_size=6, unique=True))
    planted = {p: draw(st.sets(st.sampled_from(range(3)), min_size=1)) for p in sorted(places)}
    return length, planted


def raised(length, planted):
    """The values of a history with a step of each case at the places that are planted."""
    return [
        [sum(case in cases for p, cases in planted.items() if p <= place) for case in range(3)]
        for place in range(length)
    ]


@st.composite
def with_broken(draw, most=120):
    length, planted = draw(monotone(most))
    starts = draw(st.lists(st.integers(0, length - 1), max_size=3))
    broken = {p for s in starts for p in range(s, min(length, s + draw(st.integers(1, 5))))}
    return length, planted, broken


@some
@given(monotone())
def test_every_step_is_found_and_none_is_invented(made):
    length, planted = made
    measured, found = History(raised(length, planted)).search()
    assert {(int(s.after, 16), s.suspects) for s in found} == {(p, 1) for p in planted}
    for step in found:
        assert {KEYS.index(c.key) for c in step.changes} == planted[int(step.after, 16)]
    most = math.ceil(math.log2(length - 1)) if length > 2 else 0
    assert len(measured) <= 2 + len(planted) * most


@some
@given(with_broken())
def test_one_descent_measures_nothing_that_a_bisection_of_each_step_would_not(made):
    length, planted, broken = made
    measured, _ = History(raised(length, planted), broken).search()
    alone = set()
    for place, cases in planted.items():
        alone |= set(History(raised(length, {place: cases}), broken).search()[0])
    if not planted:
        alone = set(History(raised(length, {}), broken).search()[0])
    assert set(measured) <= alone
    assert len(measured) == len(set(measured))


@some
@given(with_broken())
def test_where_commits_cannot_be_measured_a_step_is_between_the_nearest_that_can(made):
    length, planted, broken = made
    measured, found = History(raised(length, planted), broken).search()
    good = sorted(set(measured) - broken)
    steps = {int(s.before, 16): int(s.after, 16) for s in found}
    # Between the outermost that were measured; what is before the first is told as a gap.
    whole = [p for p in range(length) if good and good[0] <= p <= good[-1] and p not in broken]
    assert steps == {
        one: two for one, two in pairwise(whole) if any(one < place <= two for place in planted)
    }


@some
@given(with_broken(), st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_searches_of_a_share_each_find_what_one_finds_and_leave_nothing_to_it(made, shares):
    length, planted, broken = made
    history = History(raised(length, planted), broken - {0, length - 1})
    _, whole = history.search()
    known, tried = [], {}
    for share in sorted(set(shares)):
        own = [key for key, of in zip(KEYS, shares, strict=True) if of == share]
        alone, at = [], {}
        history.search(own, alone, at)
        known += alone
        for name, keys in at.items():
            tried[name] = tried.get(name, set()) | keys
    measured, found = history.search(KEYS, known, tried)
    assert measured == []
    assert found == whole


@some
@given(monotone(80), st.data())
def test_an_end_that_cannot_be_measured_is_none(made, data):
    length, planted = made
    first = data.draw(st.integers(0, length - 1))
    last = data.draw(st.integers(first, length - 1))
    broken = {*range(first), *range(last + 1, length)}
    _, found = History(raised(length, planted), broken).search()
    inside = {place for place in planted if first < place <= last}
    if last - first > 4:  # a few in the middle may not be hit
        assert {(int(s.after, 16), s.suspects) for s in found} == {(p, 1) for p in inside}


@some
@given(st.integers(2, 60).flatmap(lambda n: st.lists(
    st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=n, max_size=n
)), st.data())  # fmt: skip
def test_in_any_history_no_step_is_left_open_and_none_is_invented(values, data):
    places = st.integers(0, len(values) - 1)
    broken = data.draw(st.sets(places, max_size=10))
    lacking = data.draw(st.sets(st.tuples(places, st.sampled_from(KEYS)), max_size=10))
    history = History(values, broken, lacking)
    measured, found = history.search()
    for step in found:
        start, end = int(step.before, 16), int(step.after, 16)
        for change in step.changes:
            assert history.at(start, change.key) == change.before
            assert history.at(end, change.key) == change.after
            between = range(start + 1, end)
            assert not any(history.has(p, change.key) and p in measured for p in between)
            assert set(between) <= set(measured) or len(between) > GIVEN_UP
    for key in KEYS:
        there = [place for place in range(len(values)) if history.has(place, key)]
        seen = [place for place in there if place in measured]
        ends = [p for p in (0, len(values) - 1) if p in there]
        assert set(ends) <= set(seen)
        if seen:
            steps = {(int(s.before, 16), int(s.after, 16))
                     for s in found if any(c.key == key for c in s.changes)}  # fmt: skip
            assert steps == {
                (a, b) for a, b in pairwise(seen) if history.at(a, key) != history.at(b, key)
            }


@some
@given(st.integers(0, 60), st.integers(1, 60), st.integers(1, 30))
def test_what_came_back_is_seen_if_it_stayed_for_as_long_as_the_distance(start, stay, every):
    values = [[int(start < place <= start + stay), 0, 0] for place in range(start + stay + 20)]
    measured, found = History(values).search(every=every)
    if stay >= every:
        assert {int(s.after, 16) for s in found} == {start + 1, start + stay + 1}
    assert set(range(0, len(values), every)) <= set(measured)
    assert set(History(values).search(all=True)[0]) == set(range(len(values)))


def test_a_large_part_that_cannot_be_measured_costs_few_tries():
    length = 1000
    history = History(raised(length, {500: {0}}), range(300, 700))
    measured, [step] = history.search()
    assert (int(step.before, 16), int(step.after, 16)) != (0, length - 1)
    assert len(measured) < 60


def test_a_case_that_came_later_is_searched_from_its_first_commit_on():
    lacking = {(place, KEYS[0]) for place in range(70)}
    measured, found = History(raised(200, {100: {0}}), lacking=lacking).search()
    assert [(int(s.after, 16), s.suspects) for s in found] == [(100, 1)]
    assert {69, 70} <= set(measured)
    assert len(measured) <= 2 + 2 * 8
