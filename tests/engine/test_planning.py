"""The memory planner: what lives at the same time does not overlap, and little is wasted."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.engine.compiler.planning import ALIGNMENT, Lifetime, offsets, peak, share


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


@st.composite
def takeovers(draw):
    """Arrays; some take over the memory of one that dies when they are born; some are results."""
    lives = dict(enumerate(sorted(draw(PROGRAMS), key=lambda life: life.birth)))
    taken = {}
    for n, life in lives.items():
        dying = [
            m
            for m in lives
            if lives[m].birth < life.birth == lives[m].death and m not in taken.values()
        ]
        if dying and draw(st.booleans()):
            taken[n] = draw(st.sampled_from(dying))
            lives[n] = replace(life, bytes=lives[taken[n]].bytes)
    last = [n for n in lives if n not in taken.values()]
    results = draw(st.lists(st.sampled_from(last), unique=True)) if last else []
    return lives, taken, {n: index for index, n in enumerate(results)}


@given(takeovers())
def test_arrays_that_share_memory_live_one_after_the_other(program):
    lives, taken, outputs = program
    buffers, total = share(*program)
    assert sorted(n for buffer in buffers for n in buffer.nodes) == sorted(lives)
    for buffer in buffers:
        first, *later = buffer.nodes
        assert first not in taken
        assert [taken[n] for n in later] == [*buffer.nodes[:-1]]
        births = [lives[n].birth for n in buffer.nodes]
        assert births == sorted(births)
        assert (buffer.life.birth, buffer.life.death) == (births[0], lives[buffer.nodes[-1]].death)
        assert {lives[n].bytes for n in buffer.nodes} == {buffer.life.bytes}
        assert [outputs[n] for n in buffer.nodes if n in outputs] == [
            index for index in [buffer.output] if index is not None
        ]
    inside = [buffer for buffer in buffers if buffer.output is None]
    assert max([b.start + b.life.bytes for b in inside], default=0) == total
    for one, other in combinations(inside, 2):
        ends = [buffer.start + buffer.life.bytes for buffer in (one, other)]
        assert not one.life.meets(other.life) or ends[0] <= other.start or ends[1] <= one.start


@given(takeovers(), st.dictionaries(st.integers(0, 19), st.integers(0, 5_000)))
def test_the_peak_is_what_lives_in_the_worst_step_and_sharing_only_lowers_it(program, besides):
    lives, taken, _ = program
    shared = [buffer.life for buffer in share(*program)[0]]
    without = peak(lives.values(), besides)
    assert without == max(
        sum(x.bytes for x in lives.values() if x.birth <= step <= x.death) + besides.get(step, 0)
        for step in range(20)
    )
    saved = sum(lives[n].bytes for n in taken)
    assert without - saved <= peak(shared, besides) <= without


@given(PROGRAMS)
def test_it_is_a_function_of_its_argument(lives):
    assert offsets(lives) == offsets(list(lives))


@pytest.mark.parametrize("n", [1, 2, 50])
def test_a_chain_takes_two_buffers_however_long_it_is(n):
    chain = [Lifetime(6_400, i, i + 1) for i in range(n)]
    assert offsets(chain)[1] == min(n, 2) * 6_400
