"""Figures of a forked process are those of this one to the byte, and this one sees no call."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from hypothesis import given, settings

from gradmeter.bench.meters import forked, selftest
from gradmeter.bench.meters.call import Call, measure
from gradmeter.bench.meters.call_in_fork import measure_unseen
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.results.growth import CALLS

from ...thorough import examples
from .test_call import Ring, array, steps

LIMIT = 60.0


def behaves(program, old):
    """A call that makes, drops, keeps and closes rings, and leaves some of it in ``old``."""

    def target():
        kept = []
        for name, size, i in program:
            if name == "keep":
                kept.append(array(size))
            elif name == "drop":
                old.append(array(size)) if i == 0 else array(size)
            elif name == "ring":
                Ring(size)
            elif kept:
                kept.pop(i % len(kept))
        return kept

    return target


@settings(max_examples=examples(15), deadline=None)
@given(steps)
def test_figures_are_those_of_this_process_to_the_byte(program):
    before: list[object] = []
    call = Call(behaves(program, before))
    measured = measure_unseen(call, LIMIT)
    assert before == []
    assert measured.passes == measure(call)
    leaves = measured.passes[0].leaked
    assert measured.kept == ([leaves * n for n in range(1, CALLS + 1)] if leaves else [])


def test_an_object_from_before_that_the_call_closes_to_a_ring_is_a_cycle():
    def boxes():
        rings = [Ring(1) for _ in range(20)]
        gc.collect()

        def target():
            rings.pop().array = array(1000)

        return Call(target)

    assert measure_unseen(boxes(), LIMIT).passes == measure(boxes())
    assert measure(boxes())[0].cycle == 1000


def test_the_collector_and_what_is_frozen_stay_as_they_are():
    gc.freeze()
    state, frozen = (gc.isenabled(), gc.get_debug(), gc.get_count()[2]), gc.get_freeze_count()
    measure_unseen(Call(Ring, (5,)), LIMIT)
    after = gc.isenabled(), gc.get_debug(), gc.get_count()[2]
    # A frozen object that nothing refers to any more goes, as ever.
    assert frozen - 1000 < gc.get_freeze_count() <= frozen
    assert after == state
    assert not tracemalloc.is_tracing()


def test_a_process_that_fails_its_self_test_is_not_trusted(monkeypatch):
    monkeypatch.setattr(selftest, "EXACT", (("an array", lambda: 7, 8, 0),))
    with pytest.raises(UnavailableError, match="fails its self-test, an array"):
        measure_unseen(Call(array, (5,)), LIMIT)


def test_without_fork_there_are_no_figures_and_no_call(monkeypatch):
    def refuse(*_):
        raise forked.NoForkError("theirs")

    monkeypatch.setattr(forked, "run", refuse)
    called: list[int] = []
    with pytest.raises(UnavailableError, match="theirs"):
        measure_unseen(Call(called.append, (1,)), LIMIT)
    assert called == []


@pytest.mark.parametrize("size", [50_000_000, 8_000_000])
def test_resident_memory_that_is_no_arrays_is_read(size):
    held = measure_unseen(Call(lambda: b"x" * size), LIMIT)
    gone = measure_unseen(Call(lambda: len(b"x" * size)), LIMIT)
    assert held.passes[0].peak == gone.passes[0].peak == 0
    for measured in (held, gone):
        assert abs(measured.resident.peak - size) < 1_000_000
    assert abs(held.resident.held - size) < 1_000_000
    assert gone.resident.held < 1_000_000
