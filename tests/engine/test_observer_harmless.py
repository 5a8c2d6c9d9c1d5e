"""engine.observer: watching changes nothing, keeps nothing alive, and may fail at any moment."""

from __future__ import annotations

import weakref
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import ObserverError, Variable, observer
from gradmeter.engine.observer import observe

from .programs import SIZE, Book, programs, run
from .watching import Log


class BoomError(Exception):
    pass


def build(program):
    """A program's pool and sum; its leaves hold gradients already."""
    pool, root = run(program)
    for leaf in pool[:2]:
        leaf.grad = np.ones(SIZE)
    return pool, root


def swept(program, retain_grad=False):
    pool, root = build(program)
    with np.errstate(all="ignore"):
        root.backward(retain_grad=retain_grad)
    return [*pool, root]


def said(pool):
    """Everything that a user can see of the variables, in bytes."""
    return [
        (v.data.tobytes(), v.grad if v.grad is None else (v.grad.tobytes(), v.grad.shape))
        for v in pool
    ]


def alone(pool):
    """Whether no gradient shares memory with another or with any data."""
    gradients = [v.grad for v in pool if v.grad is not None]
    others = [v.data for v in pool]
    return not any(
        np.shares_memory(g, other)
        for i, g in enumerate(gradients)
        for other in (*gradients[:i], *others)
    )


@given(programs(), st.booleans(), st.integers(1, 3))
def test_results_peak_and_aliasing_are_those_without_observers(array_bytes, steps, retain, n):
    swept(steps)  # what the engine makes once
    with array_bytes() as unwatched:
        expected = said(swept(steps, retain))
    with array_bytes() as watched, ExitStack() as watches:
        for _ in range(n):
            watches.enter_context(observe(Log()))
        pool = swept(steps, retain)
        assert said(pool) == expected
        assert alone(pool)
        del pool
        assert watched.live == 0
    assert watched.peak == unwatched.peak


@given(programs(), st.data())
def test_an_observer_that_raises_at_any_event_corrupts_nothing(steps, data):
    pool = swept(steps, True)
    log = Log()
    with observe(log):
        swept(steps, True)
    when = data.draw(st.integers(0, len(log.lines) - 1))
    calls = []

    def fails(event):
        calls.append(event.operation)
        if len(calls) == when + 1:
            raise BoomError("at", when)

    before, after = Log(), Log()
    watched = []
    with observe(before), pytest.raises(ObserverError, match="BoomError") as raised:  # noqa: SIM117
        with observe(fails), observe(after):
            watched += swept(steps, True)
    assert said(watched) == said(pool)
    assert alone(watched)
    assert len(calls) == when + 1  # not called again
    assert len(before.lines) == len(after.lines) == len(log.lines)
    assert isinstance(raised.value.__cause__, BoomError)
    assert observer.watches == ()


@given(programs(), st.data())
def test_an_interrupt_at_any_event_of_the_sweep_leaves_all_gradients(steps, data):
    root = build(steps)[1]
    log = Log()
    with np.errstate(all="ignore"), observe(log):
        root.backward(retain_grad=True)
    when = data.draw(st.integers(0, len(log.lines) - 1))
    pool, root = build(steps)
    pool.append(root)
    events = []

    def interrupts(event):
        events.append(event)
        if len(events) == when + 1:
            raise KeyboardInterrupt

    before = said(pool)
    with np.errstate(all="ignore"), pytest.raises(KeyboardInterrupt), observe(interrupts):
        root.backward(retain_grad=True)
    assert observer.watches == ()
    assert said(pool) == before, log.lines[when]


def test_an_interrupt_in_a_forward_leaves_the_engine_usable():
    def interrupts(event):
        raise KeyboardInterrupt

    function = Book()
    x = Variable(np.zeros(2))
    with pytest.raises(KeyboardInterrupt), observe(interrupts):
        function(x)
    y = function(x)  # it recorded nothing, so the instance is as new
    y.backward()
    assert x.grad.tolist() == [1.0, 1.0]


@given(programs())
def test_events_that_are_kept_keep_no_array(array_bytes, steps):
    log = Log()
    swept(steps)
    with array_bytes() as counter, observe(log):
        swept(steps)
        assert counter.peak > 0
        assert counter.live == 0
    for event in log.events:
        assert (event.inputs, event.outputs, event.saved) == ((), (), ())
        assert str(event.number) in repr(event)


def test_an_array_dies_when_its_last_name_does_while_observed():
    deaths = []

    def finalizer(event):
        if (event.phase, event.moment) == ("forward", "after"):
            weakref.finalize(event.outputs[0], deaths.append, event.operation)

    with observe(finalizer):
        x = Variable(np.ones(3))
        y = engine.tanh(x * 2.0)
        assert deaths == ["mul"]
        y.backward()
        assert deaths == ["mul"]
        del y
        assert deaths == ["mul", "tanh"]


def test_an_observer_that_computes_with_the_engine():
    inner = []

    def computes(event):
        if not inner:
            inner.append(None)
            v = Variable(np.ones(2))
            (v * 5.0).backward()
            inner[0] = v.grad.tolist()

    x = Variable(np.ones(2))
    with observe(computes):
        (x * 2.0).backward()
    assert inner == [[5.0, 5.0]]
    assert x.grad.tolist() == [2.0, 2.0]


def test_an_observer_that_observes_itself_without_end_is_stopped():
    x = Variable(np.ones(2))
    with pytest.raises(ObserverError, match="RecursionError"), observe(lambda event: x * 2.0):
        (x * 2.0).backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_an_observer_that_keeps_arrays_gets_no_share_in_later_gradients():
    kept = []

    def keeps(event):
        if event.operation != "store":  # whose outputs are the variables' own
            kept.extend(a for a in event.inputs + event.outputs if isinstance(a, np.ndarray))

    x = Variable(np.ones(3))
    with observe(keeps):
        y = x * x + x * 2.0 + x
        y.backward()
        copies = [a.copy() for a in kept]
        y = x * 3.0
        y.backward()
    assert x.grad.tolist() == [8.0] * 3
    assert not any(np.shares_memory(x.grad, a) for a in kept)
    for array, then in zip(kept, copies, strict=False):
        assert array.tolist() == then.tolist()


def test_an_error_that_the_watched_code_handles_keeps_its_traceback():
    def fails(event):
        raise KeyError

    def block():
        try:
            raise BoomError
        except BoomError as error:
            -Variable(np.ones(1))
            return error.__traceback__

    frames = []
    with pytest.raises(ObserverError), observe(fails):
        frames.append(block())
    assert frames[0] is not None


def test_the_blocks_own_error_comes_out_as_it_is():
    def fails(event):
        raise KeyError

    def block():
        -Variable(np.ones(1))
        raise BoomError

    with pytest.raises(BoomError), observe(fails):
        block()
    assert observer.watches == ()
