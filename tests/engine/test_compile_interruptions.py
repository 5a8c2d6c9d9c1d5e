"""What Python runs in the middle of a recording is no part of the recorded program."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import time
import weakref

import numpy as np
import pytest
from hypothesis import given, settings

from gradmeter import engine
from gradmeter.engine import RecordingError, Variable

from ..thorough import examples
from .programs import Book, leaves, programs, run

pytest.importorskip("llvmlite")

DATA = np.array([1.0, 2.0, 3.0])
OFTEN = (1, 1000, 1000)  # the collector's thresholds
# What a recording cannot see into: others' state, of which the function knows nothing.
HIDDEN = np.empty((), object)
HIDDEN[()] = readings = []
HIDDEN.flags.writeable = False


def read_the_clock(*_):
    HIDDEN.item().append(time.perf_counter())


def sweep_and_read(*_):
    x = Variable(np.full(2, 0.5))
    y = Book()(x)
    y.grad = np.full(2, 3.0)
    y.backward()
    HIDDEN.item().append(float(x.grad[0]))


class Mortal:
    def __del__(self):
        read_the_clock()


class Cyclic(Mortal):
    def __init__(self):
        self.itself = self


class Plain:
    pass


def a_callback_of_a_weak_reference():
    obj = Plain()
    reference = weakref.ref(obj, read_the_clock)
    del obj
    assert reference() is None


def a_finalizer_of_an_object():
    weakref.finalize(Plain(), read_the_clock)


def a_signal():
    signal.raise_signal(signal.SIGUSR1)


STEPS = {
    "__del__": Mortal,
    "__del__ of garbage": Cyclic,
    "weakref.ref": a_callback_of_a_weak_reference,
    "weakref.finalize": a_finalizer_of_an_object,
    "signal": a_signal,
    "gc.callbacks": dict,
}


@pytest.fixture
def interrupting():
    """Return a function that has others' code run in the middle, all the time."""
    threshold = gc.get_threshold()
    previous = signal.getsignal(signal.SIGUSR1)
    before = gc.callbacks[:]

    def interrupt(handler, callback):
        signal.signal(signal.SIGUSR1, handler)
        gc.callbacks.append(callback)
        gc.collect()
        gc.set_threshold(*OFTEN)
        readings.clear()

    yield interrupt
    gc.set_threshold(*threshold)
    gc.callbacks[:] = before
    signal.signal(signal.SIGUSR1, previous)


@pytest.mark.parametrize("name", STEPS)
def test_what_others_read_in_the_middle_is_not_refused(interrupting, name):
    step = STEPS[name]

    def function(a):
        for _ in range(30):
            step()
            a = a * 2.0 - a
        return a

    interrupting(
        read_the_clock if name == "signal" else signal.SIG_IGN,
        read_the_clock if name == "gc.callbacks" else lambda *_: None,
    )
    value, (gradient,) = engine.compile(function)(Variable(DATA))
    gc.collect()
    assert len(readings) >= 30
    assert value.tolist() == DATA.tolist()
    assert gradient.tolist() == [1.0] * 3


def test_what_the_program_reads_is_refused_all_the_same(interrupting):
    def function(a):
        garbage = [Cyclic() for _ in range(30)]
        del garbage
        return a * len(os.getcwd())

    interrupting(signal.SIG_IGN, read_the_clock)
    with pytest.raises(RecordingError, match=r"posix\.getcwd is read"):
        engine.compile(function)(Variable(DATA))
    assert len(readings) > 30


# Not in the collector's callbacks: in CPython 3.11, a ContextVar that is read while np.errstate
# resets it gives an object that is freed.
def test_others_compute_with_the_engine_in_the_middle(interrupting):
    def function(a):
        for _ in range(30):
            a_signal()
            a = engine.square(a) + a
        return a * 0.5

    interrupting(sweep_and_read, lambda *_: None)
    engine.compile(function)(Variable(DATA))
    assert len(readings) >= 30
    assert set(readings) == {3 * (1 - np.tanh(0.5) ** 2)}


def test_a_finalizer_of_the_programs_own_computes_with_its_arrays():
    class Last:
        def __init__(self, a, results):
            self.a, self.results = a, results

        def __del__(self):
            self.results.append(self.a * 3.0)

    def function(a):
        results = []
        Last(engine.square(a), results)
        return results[0]

    value, (gradient,) = engine.compile(function)(Variable(DATA))
    assert value.tolist() == (3 * DATA**2).tolist()
    assert gradient.tolist() == (6 * DATA).tolist()


@settings(deadline=None, max_examples=examples(6))
@given(programs(without={"no_grad"}))
def test_a_program_comes_out_the_same_however_often_it_is_interrupted(program):
    def function(a, b):
        return run(program, begin=[a, b])[1] * 1.0

    def results():
        value, gradients = engine.compile(function)(*leaves())
        return [x.tolist() for x in (value, *gradients)]

    expected = results()
    threshold = gc.get_threshold()
    gc.callbacks.append(read_the_clock)
    gc.set_threshold(*OFTEN)
    try:
        assert results() == expected
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(read_the_clock)


def test_the_collectors_callbacks_are_what_they_were():
    before = gc.callbacks[:]
    engine.compile(lambda a: a * 2)(Variable(DATA))
    with pytest.raises(RecordingError):
        engine.compile(lambda a: a * time.time())(Variable(DATA))
    assert gc.callbacks == before


MODULE = """
import os
import numpy as np
from gradmeter import engine

def function(a):
    return a * len(os.getcwd())

engine.compile(function)(engine.Variable(np.ones(2)))
"""


def test_a_recording_while_a_module_is_imported_is_watched_too(tmp_path, monkeypatch):
    (tmp_path / "compiles_at_once.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RecordingError, match=r"posix\.getcwd is read"):
        importlib.import_module("compiles_at_once")
