"""engine.checkpoint computes the same again, random numbers included, or refuses."""

from __future__ import annotations

import functools
import random
import threading
import time
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, GraphError, Variable, checkpoint

DATA = np.array([1.0, 2.0, 3.0])
SCALE = 2.0
GENERATOR = np.random.default_rng(5)


class Dropout:
    """A layer that keeps its generators in attributes and containers."""

    __slots__ = ("generators",)

    def __init__(self):
        self.generators = {"mask": [np.random.default_rng(1)]}

    def __call__(self, x):
        return x * (self.generators["mask"][0].random(3) < 0.5)


class Masked(Function):
    """A user's operation that draws in its forward."""

    def forward(self, x):
        self.mask = GENERATOR.random(x.shape)
        return x * self.mask

    def backward(self, gy):
        return gy * self.mask


def from_a_default(x, generator=np.random.default_rng(2)):  # noqa: B008
    return x * generator.random(3)


def closure():
    generator = np.random.RandomState(3)
    return lambda x: x * generator.random_sample(3)


class OfAClass:
    generator = random.Random(4)

    def __call__(self, x):
        return x * self.generator.random()


def legacy_normal(x):
    return x * np.random.randn()  # of two numbers drawn at once, the second one is kept


DRAWING = {
    "np.random": lambda x: x * np.random.rand(3),
    "np.random's kept number": legacy_normal,
    "random": lambda x: x * random.gauss(0, 1),
    "global": lambda x: x * GENERATOR.random(3),
    "bit generator": functools.partial(
        lambda bits, x: x * np.random.Generator(bits).random(3), np.random.PCG64(6)
    ),
    "attribute": Dropout(),
    "class": OfAClass(),
    "default": from_a_default,
    "closure": closure(),
    "partial": functools.partial(from_a_default, generator=np.random.default_rng(9)),
    "operation": lambda x: Masked()(x),
    "wrapped": lambda x: DRAWING["global"](x) + DRAWING["random"](x),
    "nested": lambda x: checkpoint(DRAWING["np.random"], checkpoint(DRAWING["global"], x)),
}


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("name", DRAWING)
def test_random_numbers_are_those_of_the_forward(name, zeros):
    """For x * mask, the gradient is the mask that the forward drew."""

    def used():
        generators = [np.random, random, GENERATOR]
        return [g.random() for g in generators]

    def program(with_checkpoint):
        x = Variable(np.zeros(3) if zeros else DATA.copy())
        function = DRAWING[name]
        y = checkpoint(function, x) if with_checkpoint else function(x)
        between = used()
        y.backward()
        return y.data.tolist(), x.grad.tolist(), between, used()

    def states():
        found = engine.checkpointing.generator_states(DRAWING[name])
        return [*found, *engine.generators.present_states([GENERATOR])]

    before = states()
    plain = program(False)
    engine.generators.restore(before)
    assert program(True) == plain


@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=6))
def test_any_chain_of_layers_that_draw(seed, kinds):
    def program(wrap):
        generator = np.random.default_rng(seed)
        np.random.seed(seed)
        layers = [
            lambda x: x * generator.random(3),
            lambda x: engine.tanh(x) + x * np.random.randn(3),
            lambda x: x * x,
        ]
        x = y = Variable(DATA.copy())
        for kind in kinds:
            y = wrap(layers[kind], y)
        y.backward()
        return y.data.tolist(), x.grad.tolist(), generator.random(), np.random.rand()

    assert program(checkpoint) == program(lambda f, x: f(x))


def changed_global():
    def change():
        global SCALE
        SCALE = 3.0

    return (lambda x: x * SCALE), change


def changed_constant(c):
    return (lambda x: x * c), lambda: np.negative(c, out=c)


def counter():
    numbers = count(1)
    return (lambda x: x * next(numbers)), lambda: None


def unreachable():
    generators = threading.local()
    generators.one = np.random.default_rng(0)
    return (lambda x: x * next(iter([generators])).one.random(3)), lambda: None


def branch():
    flags = []
    return (lambda x: x + x if flags else x * 2), lambda: flags.append(1)


def axis():
    axes = [0]
    return (
        lambda x: engine.sum(x * np.zeros((3, 3)), axis=axes[0]),
        lambda: axes.__setitem__(0, 1),
    )


def shape():
    size = [1]
    return (lambda x: x * np.zeros((size[0], 3))), lambda: size.append(size.pop() + 1)


def dtype():
    kinds = [np.float64]
    return (lambda x: x * np.ones(3, kinds[-1])), lambda: kinds.append(np.longdouble)


def result_type():
    flags = []
    return (lambda x: 1 if flags else x * 2), lambda: flags.append(1)


def in_place():
    flags = []

    def function(x):
        y = x * 1.0
        if flags:
            y.data[:] = 7.0
        return y

    return function, lambda: flags.append(1)


CHANGING = {
    "a global": changed_global,
    "an array": lambda: changed_constant(np.ones(3)),
    "an array without order": lambda: changed_constant(np.ones((4, 3, 2))[::2, ::-1, 0]),
    "a transposed array": lambda: changed_constant(np.ones((3, 3)).T),
    "a long double": lambda: changed_constant(np.ones(3, np.longdouble)),
    "a half": lambda: changed_constant(np.ones(3, np.float16)),
    "a counter": counter,
    "time": lambda: ((lambda x: x * time.perf_counter_ns()), lambda: None),
    "a new generator": lambda: (
        (lambda x: x * np.random.default_rng().random(3)), lambda: None),
    "a generator out of reach": unreachable,
    "the operations": branch,
    "a parameter": axis,
    "a shape": shape,
    "a dtype": dtype,
    "the type of a result": result_type,
    "the recording": lambda: (
        (lambda x: x * 2 if engine.Config.enable_backprop else x * 3), lambda: None),
    "values in place": in_place,
}  # fmt: skip


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("name", CHANGING)
def test_what_differs_is_refused_and_no_gradient_changes(monkeypatch, name, zeros):
    """Also where every result is zero, so that no result shows it."""
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    function, change = CHANGING[name]()
    x = Variable(np.zeros(3) if zeros else DATA.copy())
    y = checkpoint(function, x)
    change()
    with pytest.raises(GraphError, match="did something else when backward computed it again"):
        y.backward()
    assert x.grad is None


def test_an_input_that_is_written_into_is_noticed():
    x = Variable(DATA.copy())
    y = checkpoint(engine.square, x)  # of -x, the result is the same and the gradient not
    x.data *= -1
    with pytest.raises(GraphError, match="operation 1, square"):
        y.backward()


def test_what_does_not_matter_is_allowed():
    """New equal constants, other threads' operations, logging, an array without an order."""
    calls = []
    c = np.ones((6, 3))[::2]

    def function(x):
        calls.append(time.time())
        return engine.sum(x * np.full(3, 2.0) * c.copy()[::1] * c + np.float32(1), axis=0)

    stop = threading.Event()

    def others():
        while not stop.is_set():
            engine.neg(Variable(np.ones(2)))

    thread = threading.Thread(target=others)
    thread.start()
    try:
        for _ in range(20):
            x = Variable(DATA.copy())
            checkpoint(function, x).backward()
            assert x.grad.tolist() == [6.0] * 3
    finally:
        stop.set()
        thread.join()


def test_checkpoints_in_several_threads_at_once():
    errors = []

    def work(seed):
        generator = np.random.default_rng(seed)
        try:
            for _ in range(50):
                x = Variable(DATA.copy())
                y = checkpoint(lambda x: x * generator.random(3), x)
                y.backward()
                np.testing.assert_array_equal(x.grad * x.data, y.data)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_an_exception_in_the_second_computation_leaves_the_generators_as_they_are():
    calls = count()

    def function(x):
        k = GENERATOR.random()
        if next(calls):
            raise KeyError("second")
        return x * k

    y = checkpoint(function, Variable(DATA.copy()))
    before = GENERATOR.bit_generator.state
    with pytest.raises(KeyError):
        y.backward()
    assert GENERATOR.bit_generator.state == before


def test_random_functions_in_a_compiled_checkpoint_are_refused():
    pytest.importorskip("llvmlite")
    f = engine.compile(lambda x: checkpoint(lambda x: x * np.random.rand(), x))
    with pytest.raises(engine.RecordingError, match="draws random numbers"):
        f(Variable(DATA.copy()))
