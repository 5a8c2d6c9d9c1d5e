"""engine.observer: who is told, and what."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given

from gradmeter import engine
from gradmeter.engine import EngineError, Function, Variable, no_grad, observer, using_config
from gradmeter.engine.observer import observe

from .programs import Book, programs, run
from .watching import Log


class BoomError(Exception):
    pass


class Raises(Function):
    def __init__(self, phase):
        self.phase = phase

    def forward(self, x):
        if self.phase == "forward":
            raise BoomError
        return x + 0.0

    def backward(self, gy):
        raise BoomError


def sweep(program):
    result = run(program)[1]
    with np.errstate(all="ignore"):  # as where the program runs: a root of what is negative
        result.backward()


def content_of(work):
    """The events of work(), each as (phase, moment, operation, names, inputs, outputs, saved)."""
    lines = []

    def plain(things):
        return [t.tolist() if isinstance(t, np.ndarray) else t for t in things if t is not None]

    def log(event):
        names = list(event.names)
        parts = [plain(part) for part in (event.inputs, event.outputs, event.saved)]
        lines.append((event.phase, event.moment, event.operation, names, *parts))

    with observe(log):
        work()
    return lines


def test_the_events_of_a_small_graph_in_order_with_their_content():
    x = Variable(np.array([0.0, 2.0]), "x")
    c = np.array([5.0, 7.0])

    def work():
        (engine.square(x * c) + 1.0).backward()

    forward, after, before = ("forward", "after"), ("backward", "after"), ("backward", "before")
    assert content_of(work) == [
        ("forward", "before", "mul", ["x", None], [[0.0, 2.0], [5.0, 7.0]], [], []),
        (*forward, "mul", ["x", None], [[0.0, 2.0], [5.0, 7.0]], [[0.0, 14.0]], [[5.0, 7.0]]),
        ("forward", "before", "square", [None], [[0.0, 14.0]], [], []),
        (*forward, "square", [None], [[0.0, 14.0]], [[0.0, 196.0]], [[0.0, 14.0]]),
        ("forward", "before", "add", [None, None], [[0.0, 196.0], 1.0], [], []),
        (*forward, "add", [None, None], [[0.0, 196.0], 1.0], [[1.0, 197.0]], []),
        (*before, "add", [], [[1.0, 1.0]], [], []),
        (*after, "add", [], [], [[1.0, 1.0]], []),
        (*before, "square", [], [[1.0, 1.0]], [], [[0.0, 14.0]]),
        (*after, "square", [], [], [[0.0, 28.0]], []),
        (*before, "mul", [], [[0.0, 28.0]], [], [[5.0, 7.0]]),
        (*after, "mul", [], [], [[0.0, 196.0]], []),
        (*before, "store", [], [], [], []),
        (*after, "store", [], [], [[0.0, 196.0]], []),
    ]


def test_outputs_of_a_backward_are_the_gradients_accumulated_so_far():
    x = Variable(np.array([3.0]))
    lines = content_of(lambda: (x * x + x * 10.0).backward())
    outputs = [line[5] for line in lines if line[:2] == ("backward", "after")]
    assert outputs == [
        [[1.0], [1.0]],  # add
        [[10.0]],  # mul by ten
        [[16.0], [16.0]],  # x * x: both of its inputs are x, which now has 10 + 3 + 3
        [[16.0]],  # store
    ]


def test_what_is_saved_is_told_until_it_is_released():
    x = Variable(np.array([2.0]))

    def saved(work):
        return [line[6] for line in content_of(work) if line[2] != "store"]

    zero = Variable(np.array([0.0]))  # whose tanh is 0
    assert saved(lambda: Book()(zero).backward()) == [[], [[0.0], [0.0]], [[0.0], [0.0]], []]
    with using_config("retain_graph", True):
        kept = saved(lambda: engine.exp(x * 0.0).backward())
        assert kept == [[], [0.0], [], [[1.0]], [[1.0]], [[1.0]], [0.0], [0.0]]
    with no_grad():
        assert saved(lambda: x * x) == [[], []]


@given(programs(without=["recomputing"]))
def test_numbers_pair_the_phases_and_grow_with_every_call(steps):
    log = Log()
    with observe(log):
        sweep(steps)
    forward = [n for phase, moment, _, n in log.lines if (phase, moment) == ("forward", "before")]
    backward = [n for phase, moment, _, n in log.lines if (phase, moment) == ("backward", "after")]
    assert forward == sorted(set(forward))
    assert backward[-1] == -1
    assert backward[:-1] == sorted(set(backward[:-1]), reverse=True)
    assert set(backward[:-1]) <= set(forward)
    befores, afters = log.lines[::2], log.lines[1::2]  # nothing nests here
    assert [(p, o, n) for p, _, o, n in befores] == [(p, o, n) for p, _, o, n in afters]
    assert {m for _, m, _, _ in befores} == {"before"}
    assert {m for _, m, _, _ in afters} == {"after"}


@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_an_operation_that_fails_has_no_after(phase):
    log = Log()
    with observe(log), pytest.raises(BoomError):
        Raises(phase)(Variable(np.ones(2))).backward()
    assert log.lines[-1][:3] == (phase, "before", "Raises")
    assert "store" not in [line[2] for line in log.lines]


def test_an_operand_that_is_refused_is_no_operation():
    log = Log()
    with observe(log), pytest.raises(EngineError):
        Variable(np.ones(2)) * "text"
    assert log.lines == []


def test_nobody_is_called_when_nobody_watches(monkeypatch):
    def never(*arguments, **more):
        pytest.fail("an event was made")

    log = Log()
    with observe(log):
        sweep([("book", 0, 0)])
    told = len(log.lines)
    assert told > 0
    monkeypatch.setattr(observer, "notify", never)
    monkeypatch.setattr(observer, "Event", never)
    sweep([("book", 0, 0)])
    assert len(log.lines) == told


def test_observers_are_called_in_the_order_in_which_they_came():
    calls = []
    with observe(lambda event: calls.append("first")), ExitStack() as early:
        early.enter_context(observe(lambda event: calls.append("second")))
        with observe(lambda event: calls.append("third")):
            -Variable(np.ones(1))
            early.close()
            -Variable(np.ones(1))
    -Variable(np.ones(1))
    assert calls == ["first", "second", "third"] * 2 + ["first", "third"] * 2


def test_one_observer_may_watch_twice():
    log = Log()
    with observe(log), observe(log):
        -Variable(np.ones(1))
    assert len(log.lines) == 4


def test_other_threads_are_watched_too():
    log = Log()
    threads = [threading.Thread(target=sweep, args=([("mul", 0, 1)] * 20,)) for _ in range(4)]
    with observe(log):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    numbers = [n for phase, moment, _, n in log.lines if (phase, moment) == ("forward", "before")]
    assert len(numbers) == len(set(numbers)) == 4 * (20 + 21)  # with the sum of the pool
