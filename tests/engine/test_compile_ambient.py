"""A compiled function notices a change of what it reads outside of its arguments, or is refused."""

from __future__ import annotations

import contextvars
import cProfile
import ctypes
import datetime
import decimal
import functools
import gc
import importlib
import inspect
import io
import itertools
import logging
import operator
import os
import pathlib
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from gradmeter import engine
from gradmeter.engine import RecordingError, Variable

pytest.importorskip("llvmlite")

DATA = np.array([1.0, 2.0, 3.0])
BY_NAME = 1.0


class Holder:
    def __init__(self, k=1.0):
        self.k = k

    def value(self):
        return self.k


class Meta(type):
    k = 1.0


class OfMeta(metaclass=Meta):
    pass


class NamedDict(dict):
    k = 1.0


class NamedFloat(float):
    k = 1.0


def set_k(holder):
    return lambda: setattr(holder, "k", 5.0)


def context_variable():
    variable = contextvars.ContextVar("variable", default=1.0)
    return (lambda a: a * variable.get()), lambda: variable.set(5.0)


def context_variable_bound():
    variable = contextvars.ContextVar("variable", default=1.0)
    get = variable.get
    return (lambda a: a * get()), lambda: variable.set(5.0)


def thread_local():
    local = threading.local()
    local.k = 1.0
    return (lambda a: a * local.k), set_k(local)


def environment():
    return (lambda a: a * float(os.getenv("FACTOR", "1"))), lambda: os.environ.update(FACTOR="5")


def environment_bytes():
    return (
        lambda a: a * float(os.environb.get(b"FACTOR", b"1")),
        lambda: os.environ.update(FACTOR="5"),
    )


def environment_in_a_path():
    return (
        lambda a: a * len(os.path.expandvars("$FACTOR")),
        lambda: os.environ.update(FACTOR="12345"),
    )


def attribute_getter():
    holder, get = Holder(), operator.attrgetter("k")
    return (lambda a: a * get(holder)), set_k(holder)


def partial_of_getattr():
    get = functools.partial(getattr, holder := Holder(), "k")
    return (lambda a: a * get()), set_k(holder)


def bound_getattribute():
    holder = Holder()
    get = holder.__getattribute__
    return (lambda a: a * get("k")), set_k(holder)


def method_of_a_list():
    numbers = [1.0]
    get = numbers.__getitem__
    return (lambda a: a * get(0)), lambda: numbers.__setitem__(0, 5.0)


def weak_reference():
    reference = weakref.ref(holder := Holder())
    change = set_k(holder)
    return (lambda a: a * reference().k), change


def dict_view():
    numbers = {"k": 1.0}
    view = numbers.values()
    return (lambda a: a * max(view)), lambda: numbers.update(k=5.0)


def memory():
    view = memoryview(bytearray(b"\x01"))
    return (lambda a: a * view[0]), lambda: view.__setitem__(0, 5)


def default():
    def function(a, k=1.0):
        return a * k

    return function, lambda: setattr(function, "__defaults__", (5.0,))


def default_of_another():
    def function(a, *, k=1.0):
        return a * k

    return (lambda a: function(a)), lambda: function.__kwdefaults__.update(k=5.0)


def code():
    def function(a):
        return a * 1.0

    def other(a):
        return a * 5.0

    return (lambda a: function(a)), lambda: setattr(function, "__code__", other.__code__)


def dispatch():
    @functools.singledispatch
    def function(a):
        return a * 1.0

    return (lambda a: function(a)), lambda: function.register(Variable, lambda a: a * 5.0)


def metaclass():
    return (lambda a: a * OfMeta.k), set_k(Meta)


def attribute_of_a_dict():
    numbers = NamedDict()
    return (lambda a: a * numbers.k), set_k(numbers)


def attribute_of_a_float():
    number = NamedFloat(1.0)
    return (lambda a: a * number.k), set_k(number)


def decimal_context():
    def change():
        decimal.getcontext().prec = 3

    return (lambda a: a * float(decimal.Decimal(1) / 3)), change


NOTICED = [
    context_variable, context_variable_bound, thread_local, environment, environment_bytes,
    environment_in_a_path, attribute_getter, partial_of_getattr, bound_getattribute,
    method_of_a_list, weak_reference, dict_view, memory, default, default_of_another, code,
    dispatch, metaclass, attribute_of_a_dict, attribute_of_a_float, decimal_context,
]  # fmt: skip


@pytest.fixture
def restored(monkeypatch):
    monkeypatch.setenv("FACTOR", "1")
    monkeypatch.setattr(Meta, "k", 1.0)
    with decimal.localcontext():
        yield


@pytest.mark.parametrize("program", NOTICED)
def test_the_change_is_noticed(program, restored):
    def run():
        function, change = program()
        compiled = engine.compile(function)
        first = compiled(Variable(DATA))[0].tolist()
        assert compiled(Variable(DATA))[0].tolist() == first
        assert repr(compiled).endswith(" 1 recorded>")
        change()
        second = compiled(Variable(DATA))[0].tolist()
        assert second == function(Variable(DATA)).data.tolist()
        assert second != first

    contextvars.copy_context().run(run)


def cell():
    yield 1.0
    yield 1.0
    yield 5.0


ITERATOR, GENERATOR, CYCLE = iter([1.0, 1.0, 5.0]), cell(), itertools.cycle([1.0, 1.0, 5.0])
PROXY_OF = Holder()
PROXY = weakref.proxy(PROXY_OF)
NUMBER = ctypes.c_double(1.0)
FILE = io.StringIO("1")
CONTEXT = contextvars.copy_context()

REFUSED = {
    "time": lambda a: a * (1.0 + (time.time() < 0)),
    "datetime": lambda a: a * datetime.datetime.now().year,
    "open": lambda a: a * len(open(__file__).readline()),  # noqa: SIM115
    "pathlib": lambda a: a * len(pathlib.Path(__file__).read_text()),
    "exists": lambda a: a * (1 + pathlib.Path(__file__).exists()),
    "np.load": lambda a: a * np.load(os.devnull),
    "getcwd": lambda a: a * len(os.getcwd()),
    "get_printoptions": lambda a: a * np.get_printoptions()["precision"],
    "geterr": lambda a: a * len(np.geterr()["divide"]),
    "getrecursionlimit": lambda a: a * sys.getrecursionlimit(),
    "gc": lambda a: a * gc.isenabled(),
    "globals": lambda a: a * globals()["BY_NAME"],
    "eval": lambda a: a * eval("BY_NAME"),
    "import_module": lambda a: a * importlib.import_module(__name__).BY_NAME,
    "currentframe": lambda a: a * len(inspect.currentframe().f_code.co_name),
    "f_globals": lambda a: a * sys._getframe().f_globals["BY_NAME"],
    "__globals__": lambda a: a * test_the_change_is_noticed.__globals__["BY_NAME"],
    "__subclasses__": lambda a: a * len(Holder.__subclasses__()),
    "getvalue": lambda a: a * float(FILE.getvalue()),
    "Context.get": lambda a: a * len(CONTEXT.keys()),
    "ITERATOR": lambda a: a * next(ITERATOR),
    "GENERATOR": lambda a: a * next(GENERATOR),
    "CYCLE": lambda a: a * next(CYCLE),
    "PROXY": lambda a: a * PROXY.k,
    "NUMBER": lambda a: a * NUMBER.value,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_watched_is_refused_with_what_to_do(name):
    with pytest.raises(RecordingError, match=r"pass (it|its value) as an argument"):
        engine.compile(REFUSED[name])(Variable(DATA))


def test_the_message_names_the_line_also_through_the_standard_library():
    def function(a):
        return a * len(pathlib.Path(__file__).read_text())  # this line

    with pytest.raises(RecordingError, match=r"test_compile_ambient\.py:\d+.*# this line"):
        engine.compile(function)(Variable(DATA))


def test_a_refusal_that_the_function_catches_is_raised_all_the_same():
    def function(a):
        try:
            return a * time.time()
        except TypeError:
            return a

    with pytest.raises(RecordingError, match=r"time\.time"):
        engine.compile(function)(Variable(DATA))


def test_logging_imports_and_a_profiler_do_not_matter(caplog):
    events = []

    def function(a):
        import colorsys  # noqa: F401

        logging.getLogger("of a user").warning("called %s", a.shape)
        return a * 2

    previous = sys.getprofile()
    profiler = lambda *event: events.append(event[1])  # noqa: E731
    sys.modules.pop("colorsys", None)
    sys.setprofile(profiler)
    try:
        value = engine.compile(function)(Variable(DATA))[0]
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(previous)
    assert value.tolist() == (DATA * 2).tolist()
    assert "called (3,)" in caplog.text


def test_a_writable_array_as_a_default_is_refused():
    def function(a, w=np.ones(3)):  # noqa: B008
        return a * w

    with pytest.raises(RecordingError, match="a default of function"):
        engine.compile(function)(Variable(DATA))


def test_a_profiler_goes_on_after_the_recording():
    def seen(frame, event, argument):
        events.append(frame.f_code.co_name)

    def after():
        return 1

    for number in range(2):
        events = []
        sys.setprofile(seen)
        try:
            engine.compile(lambda x: x * 2.0)(Variable(np.ones(3 + number)))
            after()
        finally:
            sys.setprofile(None)
        assert "after" in events
    profile = cProfile.Profile()
    profile.enable()
    engine.compile(lambda x: x * 2.0)(Variable(np.ones(3)))
    after()
    profile.disable()
    assert after.__code__ in [entry.code for entry in profile.getstats()]
