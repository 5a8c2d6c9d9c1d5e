"""The memory planner: what lives at the same time does not overlap, and little is wasted."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.engine.compiler.planning import ALIGNMENT, Lifetime, offsets, places


ALIGNMENTS = st.sampled_from([1, 2, 4, 8, 16])


@st.composite
def lifetimes(draw):
    birth = draw(st.integers(0, 12))
    death = birth + draw(st.integers(0, 6))
    return Lifetime(draw(st.integers(0, 5_000)), birth, death, draw(ALIGNMENTS))


PROGRAMS = st.lists(lifetimes(), max_size=25)
RESULTS = st.lists(
    st.builds(Lifetime, st.integers(0, 20_000), st.integers(0, 19), st.just(19), ALIGNMENTS),
    max_size=4,
)


@given(PROGRAMS)
def test_no_two_live_buffers_overlap(lives):
    starts, total = offsets(lives)
    ends = [start + life.bytes for start, life in zip(starts, lives, strict=True)]
    for i, j in combinations(range(len(lives)), 2):
        together = set(range(lives[i].birth, lives[i].death + 1)) & set(
            range(lives[j].birth, lives[j].death + 1)
        )
        assert not together or ends[i] <= starts[j] or ends[j] <= starts[i]
    assert all(start >= 0 and start % ALIGNMENT == 0 for start in starts)
    assert total == max(ends, default=0)


@given(PROGRAMS)
def test_the_arena_is_between_what_lives_at_once_and_what_lives_at_all(lives):
    _, total = offsets(lives)
    at_once = [sum(x.bytes for x in lives if x.birth <= t <= x.death) for t in range(20)]
    assert max(at_once) <= total
    assert total <= sum(-(-life.bytes // ALIGNMENT) * ALIGNMENT for life in lives)


@given(PROGRAMS, RESULTS)
def test_a_buffer_in_a_result_fits_and_is_dead_when_the_result_is_born(lives, results):
    placed, total = places(lives, results)
    for i, (place, life) in enumerate(zip(placed, lives, strict=True)):
        end = place.start + life.bytes
        assert place.start >= 0
        assert place.start % ALIGNMENT == 0
        if place.result is None:
            assert end <= total
        else:
            assert end <= results[place.result].bytes
            assert life.death < results[place.result].birth
            assert results[place.result].alignment % life.alignment == 0
        for other, other_life in zip(placed[:i], lives, strict=False):
            if other.result == place.result and life.meets(other_life):
                assert end <= other.start or other.start + other_life.bytes <= place.start


@given(PROGRAMS)
def test_one_large_result_that_is_born_last_holds_every_buffer_that_dies_before(lives):
    last = max([life.death for life in lives], default=0) + 1
    room = Lifetime(sum(life.bytes + ALIGNMENT for life in lives), last, last, 16)
    placed, total = places(lives, [room])
    assert total == 0
    assert all(place.result == 0 for place in placed)


@given(PROGRAMS, RESULTS)
def test_it_is_a_function_of_its_arguments(lives, results):
    assert places(lives, results) == places(list(lives), list(results))


@pytest.mark.parametrize("n", [1, 2, 50])
def test_a_chain_takes_two_buffers_however_long_it_is(n):
    chain = [Lifetime(6_400, i, i + 1) for i in range(n)]
    assert offsets(chain)[1] == min(n, 2) * 6_400
