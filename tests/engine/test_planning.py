"""The memory planner: what lives at the same time does not overlap, and little is wasted."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.engine.compiler.planning import ALIGNMENT, Lifetime, offsets


@st.composite
def lifetimes(draw):
    birth = draw(st.integers(0, 12))
    return Lifetime(draw(st.integers(0, 5_000)), birth, birth + draw(st.integers(0, 6)))


PROGRAMS = st.lists(lifetimes(), max_size=25)


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


@given(PROGRAMS)
def test_it_is_a_function_of_its_argument(lives):
    assert offsets(lives) == offsets(list(lives))


@pytest.mark.parametrize("n", [1, 2, 50])
def test_a_chain_takes_two_buffers_however_long_it_is(n):
    chain = [Lifetime(6_400, i, i + 1) for i in range(n)]
    assert offsets(chain)[1] == min(n, 2) * 6_400
