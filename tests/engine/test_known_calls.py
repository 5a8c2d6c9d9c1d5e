"""Calls found without the key of captured values: quick where nothing changed, else noticed."""

from __future__ import annotations

import contextlib
import threading
import types
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Variable, no_grad

pytest.importorskip("llvmlite")

from gradmeter.engine.compiler import compiled as compiled_module
from gradmeter.engine.compiler.captured import find_captures
from gradmeter.engine.compiler.unchanged import watch

from ..thorough import examples

X = Variable(np.array([1.0, -2.0, 3.0]))


class Holder:
    """An object whose class and instance hold numbers."""

    factor = 2.0

    def scaled(self, x):
        return x * self.factor * self.own

    def __init__(self):
        self.own = 3.0


class Other(Holder):
    factor = 7.0


class Slotted:
    __slots__ = ("factor",)

    def __init__(self):
        self.factor = 2.0


@contextlib.contextmanager
def counted(run):
    """Count the calls that need the key of the captured values."""
    slow = []
    find = compiled_module.Compiled._program_for
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            compiled_module.Compiled,
            "_program_for",
            lambda self, *call: slow.append(call) or find(self, *call),
        )
        yield slow


def namespace(code, **values):
    module = types.ModuleType("user_module")
    module.__dict__.update(values, np=np, engine=engine)
    exec(code, module.__dict__)
    return module


def a_global():
    module = namespace("def f(x): return x * c", c=2.0)
    return module.f, lambda: setattr(module, "c", 5.0)


def a_number_of_another_type():
    module = namespace("def f(x): return x * c if type(c) is float else x * 4.0", c=1.0)
    return module.f, lambda: setattr(module, "c", 1)


def a_signed_zero():
    module = namespace("def f(x): return x / (x * 0.0 + c)", c=0.0)
    return module.f, lambda: setattr(module, "c", -0.0)


def a_deleted_global():
    module = namespace("def f(x):\n try: return x * c\n except NameError: return x - 1.0", c=2.0)
    return module.f, lambda: delattr(module, "c")


def a_closure():
    c = 2.0

    def f(x):
        return x * c

    def change():
        nonlocal c
        c = 5.0

    return f, change


def an_element_of_a_list():
    module = namespace("def f(x): return x * c[1]", c=[1.0, 2.0])
    return module.f, lambda: module.c.__setitem__(1, 5.0)


def a_longer_list():
    module = namespace("def f(x): return x * len(c)", c=[1.0, 2.0])
    return module.f, lambda: module.c.append(1.0)


def the_order_of_a_dict():
    module = namespace("def f(x): return x * next(iter(c.values()))", c={"a": 1.0, "b": 2.0})

    def change():
        module.c["a"] = module.c.pop("a")

    return module.f, change


def an_element_within():
    module = namespace("def f(x): return x * c[0]['a'][1]", c=({"a": [1.0, 2.0]},))
    return module.f, lambda: module.c[0]["a"].__setitem__(1, 5.0)


def an_attribute():
    holder = Holder()
    return holder.scaled, lambda: setattr(holder, "own", 5.0)


def an_attribute_that_hides_the_class():
    holder = Holder()
    return holder.scaled, lambda: setattr(holder, "factor", 5.0)


def an_attribute_of_the_class():
    kind = type("Kind", (Holder,), {})
    holder = kind()
    return (lambda x: holder.scaled(x)), lambda: setattr(kind, "factor", 5.0)


def another_class():
    holder = Holder()
    return (lambda x: holder.scaled(x)), lambda: setattr(holder, "__class__", Other)


def other_bases():
    base = type("Base", (Holder,), {})
    kind = type("Kind", (base,), {})
    holder = kind()
    return (lambda x: holder.scaled(x)), lambda: setattr(kind, "__bases__", (Other,))


def another_instance_dict():
    holder = Holder()
    return holder.scaled, lambda: setattr(holder, "__dict__", {"own": 5.0})


def a_slot():
    holder = Slotted()
    return (lambda x: x * holder.factor), lambda: setattr(holder, "factor", 5.0)


def a_default():
    def f(x, c=2.0):
        return x * c

    return f, lambda: setattr(f, "__defaults__", (5.0,))


def a_keyword_default():
    def f(x, *, c=2.0):
        return x * c

    return f, lambda: f.__kwdefaults__.update(c=5.0)


def other_code():
    def f(x):
        return x * 2.0

    def g(x):
        return x * 5.0

    return f, lambda: setattr(f, "__code__", g.__code__)


def code_of_a_function_that_is_called():
    def inner(x):
        return x * 2.0

    def other(x):
        return x * 5.0

    return (lambda x: inner(x) + 1.0), lambda: setattr(inner, "__code__", other.__code__)


def an_attribute_of_a_function():
    def inner(x):
        return x * getattr(inner, "c", 2.0) if hasattr(inner, "c") else x

    def f(x):
        try:
            return x * inner.c
        except AttributeError:
            return x

    return f, lambda: setattr(inner, "c", 5.0)


def an_attribute_of_a_module():
    other = types.ModuleType("other_user_module")
    other.c = 2.0
    module = namespace("def f(x): return x * other.c", other=other)
    return module.f, lambda: setattr(other, "c", 5.0)


def an_argument_of_a_partial():
    values = {"c": 2.0}
    f = partial(lambda x, v: x * v["c"], v=values)
    return f, lambda: values.update(c=5.0)


def a_read_only_array():
    module = namespace("def f(x): return x * c[0]", c=np.array([2.0]))
    module.c.flags.writeable = False
    other = np.array([5.0])
    other.flags.writeable = False
    return module.f, lambda: setattr(module, "c", other)


def a_set():
    module = namespace("def f(x): return x * len(c)", c={1, 2})
    return module.f, lambda: module.c.add(3)


CHANGES = [
    a_global, a_number_of_another_type, a_signed_zero, a_deleted_global, a_closure,
    an_element_of_a_list, a_longer_list, the_order_of_a_dict, an_element_within, an_attribute,
    an_attribute_that_hides_the_class, an_attribute_of_the_class, another_class, other_bases,
    another_instance_dict, a_slot, a_default, a_keyword_default, other_code,
    code_of_a_function_that_is_called, an_attribute_of_a_function, an_attribute_of_a_module,
    an_argument_of_a_partial, a_read_only_array, a_set,
]  # fmt: skip
SLOW = {a_set, an_attribute_of_a_function}  # found by the key in every call


@pytest.mark.parametrize("change", CHANGES)
def test_calls_are_quick_until_something_changes_and_then_right(change):
    f, apply = change()
    run = engine.compile(f)
    for _ in range(3):
        value, _ = run(X)
    with counted(run) as slow:
        run(X)
    assert not slow or change in SLOW
    apply()
    changed, _ = run(X)
    assert not np.array_equal(changed, value, equal_nan=True)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(changed, f(X).data)
    for _ in range(4):
        run(X)
    with counted(run) as slow:
        np.testing.assert_array_equal(run(X)[0], changed)
    assert not slow or change in SLOW


NUMBERS = st.sampled_from([1.0, 2.0, 1, True, -0.0, 0.0, "a", (1.0, 2.0), (1.0, 2), None])


@settings(deadline=None, max_examples=examples(60))
@given(steps=st.lists(st.tuples(st.sampled_from("abcdefgh"), NUMBERS), max_size=12))
def test_what_is_unchanged_has_the_same_key(steps):
    holder, inner = Holder(), {"x": 1.0, "y": [1.0]}
    module = namespace(
        "def f(x): return (x, a, b.own, b.factor, c['x'], c['y'], d[0])",
        a=1.0,
        b=holder,
        c=inner,
        d=(inner["y"],),
    )
    captures = find_captures(module.f, [])
    key, present = captures.key(), watch(captures)
    assert present is not None
    for place, value in steps:
        if place == "a":
            module.a = value
        elif place in "bc":
            setattr(holder, {"b": "own", "c": "factor"}[place], value)
        elif place in "de":
            inner[{"d": "x", "e": "z"}[place]] = value
        elif place == "f":
            inner["y"][:1] = [value]
        elif place == "g":
            inner["y"] = [value]
        else:
            holder.__dict__.pop("factor", None)
        if present.unchanged():
            assert captures.key() == key
        if captures.key() != key:
            assert not present.unchanged()
            key, present = captures.key(), watch(captures)
            assert present is None or present.unchanged()


def test_settings_and_kinds_of_arguments_are_told_apart():
    def f(x, y, k=1):
        return x * y * k + (0.0 if isinstance(y, Variable) else 1.0)

    run = engine.compile(f, gradients=False)
    a, b = np.arange(3.0), np.arange(3.0) + 1
    calls = [
        (Variable(a), Variable(b)), (Variable(a), b), (Variable(a), b, 2), (Variable(a), b, 2.0),
        (Variable(a.astype("f4")), b), (Variable(a), b[::-1]), (Variable(a[:, None]), b),
        (Variable(a), b, True), (Variable(a), b, -0.0), (Variable(a), b, 0.0),
    ]  # fmt: skip
    for _ in range(3):
        for call in calls:
            with no_grad():
                expected = f(*call).data
            value, _ = run(*call)
            assert value.dtype == expected.dtype
            assert value.tobytes() == np.ascontiguousarray(expected).tobytes()
    with counted(run) as slow:
        for call in calls:
            run(*call)
        run(Variable(a), b, k=2)
    assert len(slow) == 1  # the keyword
    with counted(run) as slow, no_grad():
        run(*calls[0])
    assert len(slow) == 1


@pytest.mark.parametrize("kind", [np.memmap, "subclass of Variable", "swapped", "read-only"])
def test_arrays_of_other_classes_take_the_long_way_or_are_right(kind, tmp_path):
    run = engine.compile(lambda x: x * x)
    run(X)
    data = np.arange(3.0)
    if kind is np.memmap:
        data = np.memmap(tmp_path / "data", np.float64, "w+", shape=(3,))
        data[:] = np.arange(3.0)
    elif kind == "swapped":
        data = data.astype(">f8")
    elif kind == "read-only":
        data.flags.writeable = False
    x = type("Mine", (Variable,), {})(data) if kind == "subclass of Variable" else Variable(data)
    for _ in range(3):
        value, (gradient,) = run(x)
        np.testing.assert_array_equal(value, np.arange(3.0) ** 2)
        np.testing.assert_array_equal(gradient, 2 * np.arange(3.0))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, y, w: x * y,  # gradients that are copies of the arguments
        lambda x, y, w: (x * 2.0, w.T, w.T[::-1, ::-1] * 3.0),
        lambda x, y, w: (x + y, x + y, -x),
        lambda x, y, w: x * w[::-1] + w[:1],
        lambda x, y, w: engine.sum(x * y, axis=0),
        lambda x, y, w: (engine.sum(x), x - x, w[:, None] * 1.0),
        lambda x, y, w: engine.sum((x - y) ** 2),
        lambda x, y, w: (engine.sum(x * y), engine.sum(x * w) * 2.0, x / (y * y + 1.0)),
        lambda x, y, w: (engine.sum(engine.exp(x * y)), engine.maximum(x, y)),
        lambda x, y, w: (x, w.reshape(-1) * 1.5, w.ravel()),
    ],
)
@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (0, 4), (300, 400)])
def test_direct_calls_compute_what_the_plan_does(f, shape, threads):
    rng = np.random.default_rng(0)
    x, y = Variable(rng.normal(size=shape)), Variable(np.asfortranarray(rng.normal(size=shape)))
    run = engine.compile(f, threads=threads)
    w = rng.normal(size=shape)[:, ::-1]
    outputs, gradients = run(x, y, w)
    again = run(x, y, w)
    held = run(x, y, w, workspace=run.workspace(x, y, w))  # never directly
    out = run(x, y, w, out=run(x, y, w))
    for result in (again, held, out):
        for array, other in zip(flat(result), flat((outputs, gradients)), strict=True):
            assert array.tobytes() == other.tobytes()
            assert array is other or not np.may_share_memory(array, other)


def flat(result):
    if isinstance(result, tuple):
        return [array for part in result for array in flat(part)]
    return [] if result is None else [result]


def test_threads_that_call_while_a_value_changes_get_a_value_that_it_had():
    module = namespace("def f(x): return x * c", c=1.0)
    run = engine.compile(module.f)
    for c in (2.0, 3.0, 1.0):  # a recording would refuse a value that changes meanwhile
        module.c = c
        run(X)
    wrong = []

    def call():
        for _ in range(300):
            value, _ = run(X)
            if not any(np.array_equal(value, X.data * c) for c in (1.0, 2.0, 3.0)):
                wrong.append(value)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for c in (2.0, 3.0, 1.0, 2.0) * 20:
        module.c = c
    for thread in threads:
        thread.join()
    assert not wrong
    np.testing.assert_array_equal(run(X)[0], X.data * module.c)


def test_values_that_alternate_stay_right_and_equal_ones_become_known_again():
    module = namespace("def f(x): return x * c", c=1.0)
    run = engine.compile(module.f)
    for i in range(12):
        module.c = float(i % 3)
        np.testing.assert_array_equal(run(X)[0], X.data * (i % 3))
    module.c = float("2.5")
    run(X)
    module.c = float("2.50")  # an equal number, another object
    for _ in range(3):
        run(X)
    with counted(run) as slow:
        run(X)
    assert not slow


def test_known_calls_are_bounded(monkeypatch):
    monkeypatch.setattr(compiled_module, "MAX_PROGRAMS", 3)
    run = engine.compile(lambda x: x * 2.0)
    for n in range(1, 9):
        for _ in range(2):
            np.testing.assert_array_equal(run(Variable(np.ones(n)))[0], np.full(n, 2.0))
    assert len(run._known._known.programs) <= 3
    run.clear()
    assert run._known._known is None


def test_a_watch_runs_no_code_of_the_user():
    class Loud:
        def __getattr__(self, name):
            raise AssertionError(name)

        def __eq__(self, other):
            raise AssertionError("compared")

        __hash__ = None

        @property
        def factor(self):
            raise AssertionError("computed")

    loud = Loud()
    module = namespace("def f(x): return (x, loud.factor, loud.own)", loud=loud)
    captures = find_captures(module.f, [])
    present = watch(captures)
    assert present is not None
    assert present.unchanged()
    loud.own = 1.0
    assert not present.unchanged()


def test_too_much_to_watch_is_not_watched():
    module = namespace("def f(x): return x * c[0]", c=[float(i) for i in range(1000)])
    assert watch(find_captures(module.f, [])) is None
    run = engine.compile(module.f)
    run(X)
    module.c[0] = 4.0
    np.testing.assert_array_equal(run(X)[0], X.data * 4.0)
