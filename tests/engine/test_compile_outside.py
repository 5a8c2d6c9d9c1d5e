"""What a compiled function reads from outside counts: a change is seen in the next call."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import functools
import importlib
import logging
import os
import types
from collections import deque

import numpy as np
import pytest

from gradmeter import engine
from gradmeter.engine import Function, RecordingError, Variable

pytest.importorskip("llvmlite")

SCALE = 2.0
LOG = logging.getLogger(__name__)
MODULE = """
K = 2.0

def scaled(x):
    return x * K

class Of:
    numbers = [1.0]
"""


def x():
    return Variable(np.array([1.0, 3.0]))


class Scaled(Function):
    def forward(self, a):
        return a * SCALE

    def backward(self, gy):
        return gy * SCALE


class Layer:
    factor = 1.0

    def __init__(self, k):
        self.k = k

    def __call__(self, a):
        return a * self.k * self.factor


class Network:
    def __init__(self, *layers):
        self.layers = list(layers)

    def __call__(self, a):
        for layer in self.layers:
            a = layer(a)
        return a


class Base:
    def scaled(self, a):
        return a * SCALE


class Derived(Base):
    def __call__(self, a):
        return super().scaled(a)


class Hidden:
    def __init__(self):
        self._k = 1.0

    @property
    def k(self):
        return self._k * SCALE


class Slotted:
    __slots__ = ("k",)

    def __init__(self, k):
        self.k = k


@dataclasses.dataclass(slots=True)
class Options:
    k: float


class Mode(enum.Enum):
    ONE = 1.0
    TWO = 2.0


def decorated(f):
    @functools.wraps(f)
    def outer(*arguments):
        return f(*arguments)

    return outer


@decorated
def wrapped(a):
    return a * SCALE


@pytest.mark.parametrize(
    "function", [lambda a: a * SCALE, lambda a: Scaled()(a), wrapped, Derived(), Base().scaled,
                 functools.partial(lambda k, a: a * k * SCALE, 1.0)]
)  # fmt: skip
def test_a_global_wherever_it_is_read(monkeypatch, function):
    compiled = engine.compile(function)
    for scale in (2.0, 5.0, 2.0, -0.0):
        monkeypatch.setitem(globals(), "SCALE", scale)
        value, (gradient,) = compiled(x())
        assert value.tolist() == (x().data * scale).tolist()
        assert gradient.tolist() == [scale, scale]
    assert repr(compiled).endswith(" 3 recorded>")


HOLDERS = {
    "SimpleNamespace": types.SimpleNamespace(k=0.0),
    "argparse": argparse.Namespace(k=0.0),
    "slots": Slotted(0.0),
    "dataclass": Options(0.0),
    "function": lambda: None,
    "class": type("Class", (), {}),
}


@pytest.mark.parametrize("read", [lambda a, o: a * o.k, lambda a, o: a * getattr(o, "k")])  # noqa: B009
@pytest.mark.parametrize("name", HOLDERS)
def test_an_attribute_of_whatever_has_attributes(name, read):
    holder = HOLDERS[name]
    from_outside = engine.compile(lambda a: read(a, holder))
    as_an_argument = engine.compile(read)
    for k in (2.0, 3.0, 2.0):
        holder.k = k
        assert from_outside(x())[0].tolist() == (x().data * k).tolist()
        assert as_an_argument(x(), holder)[0].tolist() == (x().data * k).tolist()
    assert repr(from_outside).endswith(" 2 recorded>")


def test_what_is_in_containers():
    nested = {"a": [0, {"b": 1.0}]}
    row, numbers, array = deque([1.0]), {1.0}, [np.array([1.0])]
    compiled = engine.compile(
        lambda a: a * nested["a"][1]["b"] * row[0] * max(numbers) * float(array[0][0])
    )
    expected = 1.0
    assert compiled(x())[0].tolist() == (x().data * expected).tolist()

    def change_array():
        array[0][0] = 2.0

    for change in (lambda: nested["a"][1].update(b=2.0), lambda: row.appendleft(2.0),
                   lambda: numbers.add(2.0), change_array):  # fmt: skip
        change()
        expected *= 2
        assert compiled(x())[0].tolist() == (x().data * expected).tolist()


def test_objects_and_their_classes(monkeypatch):
    network = Network(Layer(2.0), Layer(3.0))
    compiled = engine.compile(network)
    assert compiled(x())[0].tolist() == (x().data * 6).tolist()
    network.layers[1].k = 5.0
    assert compiled(x())[0].tolist() == (x().data * 10).tolist()
    monkeypatch.setattr(Layer, "factor", 2.0)
    assert compiled(x())[0].tolist() == (x().data * 40).tolist()
    network.layers.pop()
    assert compiled(x())[0].tolist() == (x().data * 4).tolist()
    monkeypatch.setattr(Layer, "__call__", lambda self, a: a)
    network.layers.append(Layer(1.0))
    assert compiled(x())[0].tolist() == x().data.tolist()


def test_a_property(monkeypatch):
    hidden = Hidden()
    compiled = engine.compile(lambda a: a * hidden.k)
    assert compiled(x())[0].tolist() == (x().data * 2).tolist()
    hidden._k = 2.0
    assert compiled(x())[0].tolist() == (x().data * 4).tolist()
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert compiled(x())[0].tolist() == (x().data * 6).tolist()


def test_modules_and_imports_in_the_function(tmp_path, monkeypatch):
    (tmp_path / "of_a_user.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("of_a_user")

    def inside(a):
        import of_a_user

        return of_a_user.scaled(a)

    def name_inside(a):
        from of_a_user import K

        return a * K

    everywhere = [lambda a: module.scaled(a), lambda a: a * module.K, inside, name_inside]
    compiled = [engine.compile(f) for f in everywhere]
    for k in (2.0, 3.0):
        module.K = k
        for f in compiled:
            assert f(x())[0].tolist() == (x().data * k).tolist()
    deep = engine.compile(lambda a: a * module.Of.numbers[0])
    assert deep(x())[0].tolist() == x().data.tolist()
    module.Of.numbers[0] = 7.0
    assert deep(x())[0].tolist() == (x().data * 7).tolist()


def test_the_environment_and_an_enumeration(monkeypatch):
    mode = Mode.ONE
    compiled = engine.compile(lambda a: a * float(os.environ["FACTOR"]) * mode.value)
    monkeypatch.setenv("FACTOR", "2")
    assert compiled(x())[0].tolist() == (x().data * 2).tolist()
    monkeypatch.setenv("FACTOR", "3")
    assert compiled(x())[0].tolist() == (x().data * 3).tolist()
    mode = Mode.TWO
    assert compiled(x())[0].tolist() == (x().data * 6).tolist()


def test_what_does_not_matter_records_nothing_anew():
    history = Network(Layer(2.0))
    history.losses = []

    def logged(a):
        LOG.debug("called")
        return history(a)

    compiled = engine.compile(logged)
    for loss in range(3):
        compiled(x())
        history.losses.append(loss)
    assert repr(compiled).endswith(" 1 recorded>")


def test_what_the_first_call_fills_counts_as_it_is_then():
    cache = {}

    def cached(a):
        if "k" not in cache:
            cache["k"] = 3.0
        return a * cache["k"]

    compiled = engine.compile(cached)
    for _ in range(3):
        assert compiled(x())[0].tolist() == (x().data * 3).tolist()
    assert repr(compiled).endswith(" 1 recorded>")


def test_two_objects_in_turn_are_recorded_once_each():
    first, second = Layer(2.0), Network(Layer(3.0))
    compiled = engine.compile(lambda a, f: f(a))
    for _ in range(3):
        assert compiled(x(), first)[0].tolist() == (x().data * 2).tolist()
        assert compiled(x(), second)[0].tolist() == (x().data * 3).tolist()
    assert repr(compiled).endswith(" 2 recorded>")


def test_what_a_call_would_change_each_time_is_refused():
    calls = []

    def counted(a):
        calls.append(1)
        return a * 2

    class Keeps:
        def __call__(self, a):
            self.last = a * 2
            return self.last

    with pytest.raises(RecordingError, match="changes calls, which it reads from outside"):
        engine.compile(counted)(x())
    with pytest.raises(RecordingError, match="a compiled call would not: return the new value"):
        engine.compile(Keeps())(x())


def test_an_object_that_refuses_to_be_asked_is_taken_as_itself():
    class Refuses:
        def __getattr__(self, name):
            raise RuntimeError(name)

    thing = Refuses()
    compiled = engine.compile(lambda a: a * (2 if thing is not None else 3))
    assert compiled(x())[0].tolist() == (x().data * 2).tolist()


def test_a_compiled_function_in_a_compiled_one_is_refused():
    inner = engine.compile(engine.square)
    with pytest.raises(RecordingError, match=r"inside a compiled one.*square"):
        engine.compile(lambda a: Variable(inner(a)[0]))(x())
