"""The call meter against known truth: what one call allocates, holds and leaves in cycles."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradmeter.bench.meters.allocations import PASSES, UnavailableError
from gradmeter.bench.meters.call import Call, DisturbedError, Pass, measure

from ...thorough import examples

MB = 1_000_000
sizes = st.sampled_from([0, 1, 7, 1000, 1024, 262_143, 262_144, MB])
# What a call does, step by step: it makes an array and keeps it or not, in a ring or not.
steps = st.lists(
    st.tuples(st.sampled_from(["keep", "drop", "ring", "forget"]), sizes, st.integers(0, 9)),
    max_size=8,
)


def array(size: int) -> np.ndarray:
    return np.empty(size, np.uint8)


def taken(size: int) -> int:
    """What NumPy allocates for an array of so many bytes: nothing is one byte."""
    return max(size, 1)


class Ring:
    """An object that refers to itself and holds an array."""

    def __init__(self, size: int) -> None:
        self.array = array(size)
        self.itself = self


def only(call: Call) -> Pass:
    """The passes of a call that agree."""
    passes = measure(call)
    assert len(passes) == PASSES
    assert all(each == passes[0] for each in passes)
    return passes[0]


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps)
def test_any_program_is_counted_as_a_simulation_of_it_counts(program):
    alive, rings, peak = [], 0, 0
    for name, size, i in program:
        if name == "forget":
            if alive:
                alive.pop(i % len(alive))
            continue
        peak = max(peak, sum(alive) + rings + taken(size))
        if name == "keep":
            alive.append(taken(size))
        elif name == "ring":
            rings += taken(size)

    def target():
        kept = []
        for name, size, i in program:
            if name == "keep":
                kept.append(array(size))
            elif name == "drop":
                array(size)
            elif name == "ring":
                Ring(size)
            elif kept:
                kept.pop(i % len(kept))
        return kept

    found = only(Call(target))
    assert (found.peak, found.held) == (peak, sum(alive) + rings)
    assert (found.dropped, found.cycle, found.leaked) == (rings, rings, 0)
    assert (found.objects > 0) == any(name == "ring" for name, _, _ in program)


def test_what_was_there_before_is_not_counted_not_even_when_it_goes():
    held = [array(MB), array(MB)]
    found = only(Call(lambda: held.pop() if len(held) > 9 else len(held)))
    assert found == Pass(0, 0, 0, 0, 0, {}, 0, number=0, allocated=0)
    boxes = [[array(MB)] for _ in range(PASSES)]
    found = only(Call(lambda: boxes.pop().clear()))
    assert (found.peak, found.held, found.dropped) == (0, 0, 0)


def test_arguments_and_their_names_reach_the_call():
    found = only(Call(lambda n, *, m: array(n + m), (MB,), {"m": 5}))
    assert (found.peak, found.held, found.dropped) == (MB + 5, MB + 5, 0)


def test_setup_makes_arguments_anew_outside_of_the_window_and_they_are_let_go():
    made, dropped = [], []

    class Box:
        pass

    def setup():
        box = Box()
        box.array = array(MB)
        made.append(weakref.ref(box))
        return (box,), {"n": 7}

    def target(box, n):
        assert all(ref() is None for ref in made[:-1])  # those of the passes before
        box.result = array(n)  # hangs onto the argument, and goes with it
        box.itself = box
        return array(3)

    def teardown(box, n):
        dropped.append((box.result.nbytes, n))

    found = only(Call(target, setup=setup, teardown=teardown))
    assert (found.peak, found.held) == (10, 10)
    assert (found.dropped, found.cycle, found.leaked) == (7, 7, 0)
    assert found.types["Box"] == 1
    assert dropped == [(7, 7)] * PASSES
    assert len(made) == PASSES


def test_a_setup_that_returns_nothing_leaves_the_arguments_as_they_are():
    calls = []
    found = only(Call(array, (MB,), {}, setup=lambda: calls.append(1)))
    assert found.held == MB
    assert len(calls) == PASSES


def test_what_a_cache_keeps_is_said_to_be_leaked_and_no_cycle():
    cache = []
    found = only(Call(lambda: cache.append(array(MB))))
    assert (found.peak, found.held, found.dropped) == (MB, MB, MB)
    assert (found.cycle, found.leaked) == (0, MB)


def test_a_teardown_that_allocates_never_makes_more_left_than_there_was_at_the_peak():
    kept = []
    found = only(Call(lambda: array(5), teardown=lambda: kept.append(array(MB))))
    assert (found.held, found.leaked) == (5, MB)
    assert found.cycle == 0
    assert found.peak == found.dropped == MB


def test_passes_that_differ_are_told_apart():
    sizes = iter([1, 2, 3])
    assert [each.peak for each in measure(Call(lambda: array(next(sizes))))] == [1, 2, 3]


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("flags", [0, gc.DEBUG_UNCOLLECTABLE])
@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["setup", "target", "teardown"])
def test_the_collector_and_tracemalloc_are_as_before_whatever_is_raised(
    enabled, flags, error, where
):
    def step(name, result=None):
        def act(*_):
            if where == name and error:
                raise error
            return result

        return act

    def target(*_):
        gc.enable()  # what a call does to the collector does not stay either
        gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
        return step("target")()

    before = gc.isenabled(), gc.get_debug(), len(gc.garbage)
    (gc.enable if enabled else gc.disable)()
    gc.set_debug(flags)
    try:
        call = Call(target, setup=step("setup", ((1,), {})), teardown=step("teardown"))
        if error:
            with pytest.raises(error):
                measure(call)
        else:
            measure(call)
        assert (gc.isenabled(), gc.get_debug()) == (enabled, flags)
        assert not tracemalloc.is_tracing()
        assert len(gc.garbage) == before[2]
    finally:
        (gc.enable if before[0] else gc.disable)()
        gc.set_debug(before[1])


def test_tracing_that_is_on_already_is_left_alone_and_nothing_is_called():
    called = []
    tracemalloc.start(3)
    try:
        with pytest.raises(UnavailableError, match="tracing already"):
            measure(Call(lambda: called.append(1)))
        assert tracemalloc.is_tracing()
        assert tracemalloc.get_traceback_limit() == 3
        assert called == []
    finally:
        tracemalloc.stop()


def test_a_call_that_stops_tracemalloc_has_no_figures():
    with pytest.raises(DisturbedError, match="stopped tracemalloc"):
        measure(Call(tracemalloc.stop))
    assert not tracemalloc.is_tracing()


def test_a_trace_function_changes_no_figure():
    before = sys.gettrace()
    plain = only(Call(lambda: [array(MB) + 1, Ring(5)]))
    sys.settrace(lambda *_: None)
    try:
        traced = only(Call(lambda: [array(MB) + 1, Ring(5)]))
    finally:
        sys.settrace(before)
    assert traced == plain
