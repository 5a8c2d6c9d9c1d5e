"""engine.checkpoint: the same gradients from less memory, counted to the array."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, GraphError, Variable, checkpoint, no_grad, using_config

from .programs import SIZE, STEPS, programs

BYTES = 8 * 10_000


def squares(n):
    def function(x):
        for _ in range(n):
            x = engine.square(x)
        return x

    return function


@pytest.fixture
def collector_off():
    engine.neg(Variable(np.ones(2))).backward()  # the seed of a sweep lives for ever
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("n", [4, 9, 16, 36, 100])
def test_a_chain_of_n_squares_peaks_at_twice_the_root_of_n_arrays(n, array_bytes, collector_off):
    """One more than that: the engine's n squares without checkpoints take n + 2, not n + 1."""
    root = math.isqrt(n)
    with array_bytes() as counter:
        x = y = Variable(np.ones(10_000))
        for _ in range(root):
            y = checkpoint(squares(root), y)
        y.backward()
        assert counter.peak == (2 * root + 1) * BYTES
        assert counter.live == 3 * BYTES
    assert (x.grad == 2.0**n).all()


def test_each_function_runs_once_forward_and_once_backward():
    calls = []

    def function(x):
        calls.append(engine.Config.enable_backprop)
        return engine.square(x)

    x = Variable(np.array([1.0, 2.0]))
    y = checkpoint(function, checkpoint(function, x))
    assert calls == [False, False]
    y.backward()
    assert calls == [False, False, True, True]
    assert x.grad.tolist() == [4.0, 32.0]


@given(programs(), st.lists(st.booleans(), min_size=12, max_size=12), st.booleans())
def test_any_part_of_any_program_may_be_a_checkpoint(steps, chosen, retain_grad):
    def result(checkpointed):
        pool = [Variable(np.linspace(-1, 1, SIZE)), Variable(np.full(SIZE, 0.3))]
        for (name, i, j), with_checkpoint in zip(steps, checkpointed, strict=False):
            a, b = pool[-1 - i % len(pool)], pool[-1 - j % len(pool)]
            if with_checkpoint:
                made = checkpoint(lambda a, b, name=name: tuple(STEPS[name](a, b)), a, b)
                pool += made if isinstance(made, tuple) else [made]
            else:
                pool += STEPS[name](a, b)
        total = pool[0]
        for y in pool[1:]:
            total = total + y
        total.backward(retain_grad=retain_grad)
        return [total.data, *[leaf.grad for leaf in pool[:2]]]

    with np.errstate(all="ignore"):
        for got, expected in zip(result(chosen), result([False] * 12), strict=True):
            np.testing.assert_allclose(got, expected, 1e-12, 1e-12)


def test_constants_numbers_and_unused_results():
    x, c = Variable(np.array([1.0, 2.0])), np.array([3.0, 4.0])
    y, _ = checkpoint(lambda x, c, k: (x * c * k, x + 1), x, c, 2)
    y.backward()
    assert x.grad.tolist() == [6.0, 8.0]
    x.cleargrad()
    checkpoint(lambda x, c: x, x, c).backward()
    assert x.grad.tolist() == [1.0, 1.0]
    with no_grad():
        y = checkpoint(lambda x: x * x.data, x)
    with pytest.raises(GraphError, match="no_grad"):
        y.backward()


def test_a_result_without_a_graph_of_its_own_gives_no_gradient():
    def function(x):
        with no_grad():
            return x * 2

    x = Variable(np.array([1.0]))
    (checkpoint(function, x) + x).backward()
    assert x.grad.tolist() == [1.0]


def test_it_works_twice_where_the_graph_is_retained():
    x = Variable(np.array([0.5]))
    y = checkpoint(squares(2), x)
    with using_config("retain_graph", True):
        y.backward()
        y.backward()
    assert x.grad.tolist() == [2 * 4 * 0.125]
    y.backward()
    with pytest.raises(GraphError, match="released"):
        y.backward()


def test_strong_references_and_nesting():
    x = Variable(np.array([0.5]))
    with using_config("output_references", "strong"):
        inner = squares(2)
        y = checkpoint(lambda x: checkpoint(inner, checkpoint(inner, x)), x)
        y.backward()
    assert x.grad == pytest.approx(16 * 0.5**15)


def test_a_variable_from_outside_is_refused_and_no_gradient_changes():
    x, w = Variable(np.array([1.0])), Variable(np.array([2.0]))
    h = w * 3
    for function in (lambda x: x * w, lambda x: x * h):
        y = checkpoint(function, x)
        with pytest.raises(GraphError, match="outside"):
            y.backward()
        assert x.grad is w.grad is None


def test_a_variable_that_the_function_makes_is_its_own():
    x = Variable(np.array([3.0]))
    checkpoint(lambda x: x * Variable(np.array([2.0])), x).backward()
    assert x.grad.tolist() == [2.0]


def test_what_the_function_returns_is_checked():
    x = Variable(np.array([1.0]))
    with pytest.raises(TypeError, match=r"checkpoint.*returned ndarray"):
        checkpoint(lambda x: x.data, x)
    results = iter([1, 2])

    def changing(x):
        return tuple(x * k for k in range(1 + next(results)))

    y = checkpoint(changing, x)
    with pytest.raises(GraphError, match="3 results, and 2 before"):
        y[0].backward()


def test_users_functions_inside():
    class Cube(Function):
        def forward(self, x):
            return x**3

        def backward(self, gy):
            gy *= 3
            gy *= self.inputs[0].data ** 2
            return gy

    x = Variable(np.array([2.0]))
    y = checkpoint(lambda x: Cube()(x), x)
    (y + y).backward()
    assert x.grad.tolist() == [24.0]
