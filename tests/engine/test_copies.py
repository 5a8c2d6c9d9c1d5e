"""Copies of variables, by whatever protocol: a copy never changes what it was copied from."""

from __future__ import annotations

import copy
import pickle
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import EngineError, Function, Variable


def unpickled(v):
    return pickle.loads(pickle.dumps(v))


deep = pytest.mark.parametrize("copied", [copy.deepcopy, unpickled])
every = pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, unpickled])


@deep
@given(st.lists(st.floats(-9, 9), max_size=4), st.none() | st.text(), st.booleans())
def test_a_deep_copy_of_a_leaf_is_an_equal_leaf_that_shares_nothing(copied, values, name, swept):
    x = Variable(np.array(values), name)
    if swept:
        (x * 3.0).backward()
    other = copied(x)
    assert other.data.tolist() == values
    assert other.name == name
    assert other.creator is None
    assert (other.grad is None) == (x.grad is None)
    assert not np.shares_memory(other.data, x.data)
    (other * 5.0).backward()
    assert other.grad.tolist() == [5.0 + 3.0 * swept] * len(values)
    assert (x.grad.tolist() if swept else x.grad) == ([3.0] * len(values) if swept else None)


def refusing(copied, v):
    """A copy, or None where the engine says that it does not make one."""
    try:
        return copied(v)
    except (EngineError, TypeError):
        return None


@deep
@pytest.mark.parametrize("retain_grad", [False, True])
def test_sweeping_a_deep_copy_of_a_result_leaves_the_originals_gradients(copied, retain_grad):
    """To refuse the copy is as good."""
    x = Variable(np.array([2.0]))
    t = x * x
    y = t * 3.0
    t.grad, y.grad = np.array([7.0]), np.array([8.0])
    other = refusing(copied, y)
    if other is None:
        return
    other.grad = None
    other.backward(retain_grad=retain_grad)
    assert (y.grad, t.grad, x.grad) == ([8.0], [7.0], None)


@every
def test_the_original_still_sweeps_after_it_was_copied(copied):
    x = Variable(np.array([2.0]))
    y = x * x
    other = refusing(copied, y)
    y.backward(retain_grad=True)
    assert x.grad.tolist() == [4.0]
    assert y.grad.tolist() == [1.0]
    if other is not None:
        assert other.data.tolist() == [4.0]
        assert other.grad is None


class Named(Variable):
    """A user's subclass with more attributes and its own representation."""

    def __init__(self, data, unit):
        super().__init__(data)
        self.unit = unit

    def __repr__(self):
        return f"{self.data} {self.unit}"


def test_a_subclass_of_variable_is_a_variable():
    x = Named(np.array([3.0]), "m")
    y = engine.square(x) * x + Named(np.array([1.0]), "s")
    y.backward()
    assert x.grad.tolist() == [27.0]
    assert repr(x) == "[3.] m"
    other = copy.deepcopy(x)
    assert (other.unit, other.grad.tolist()) == ("m", [27.0])


def test_weak_references_to_variables_live_as_long_as_their_names():
    x = Variable(np.ones(2))
    t = x * 2.0
    y = engine.square(t)
    first, second = weakref.ref(t), weakref.ref(t)
    assert first() is t
    del t
    assert first() is second() is None
    y.backward()
    assert x.grad.tolist() == [8.0, 8.0]


class Keeps(Function):
    """A careless one: it keeps what it is given and hands out what it keeps."""

    def forward(self, x):
        self.x = x
        return x

    def backward(self, gy):
        self.gy = gy
        return gy


def test_what_a_function_keeps_is_not_what_anybody_else_holds():
    x = Variable(np.ones(3))
    functions = [Keeps() for _ in range(3)]
    y = functions[2](functions[1](functions[0](x)))
    (y + x).backward(retain_grad=True)
    for function in functions:
        function.gy += 100.0
    assert x.grad.tolist() == [2.0] * 3
    assert y.grad.tolist() == [1.0] * 3
    x.grad += 5.0
    assert y.grad.tolist() == [1.0] * 3
    assert x.data.tolist() == [1.0] * 3


def test_graphs_built_in_one_thread_are_swept_in_another():
    graphs = []
    for i in range(1, 9):
        x = Variable(np.full(3, float(i)))
        graphs.append((x, engine.square(x) + x * x))
    threads = [threading.Thread(target=y.backward) for _, y in graphs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [x.grad.tolist() for x, _ in graphs] == [[4.0 * i] * 3 for i in range(1, 9)]


def test_a_kept_exception_shares_no_gradient_with_later_sweeps():
    class Raises(Function):
        def forward(self, x):
            return x * 2.0

        def backward(self, gy):
            raise ValueError("kept")

    x = Variable(np.ones(3))
    x.grad = np.full(3, 5.0)
    y = Raises()(x * 2.0) + engine.exp(x * 0.0)
    kept = []
    with engine.using_config("retain_graph", True):
        for _ in range(2):
            try:
                y.backward()
            except ValueError as error:
                kept.append(error)
    assert len(kept) == 2
    assert x.grad.tolist() == [5.0] * 3
    Raises.backward = lambda self, gy: gy * 2.0
    y.backward()
    assert x.grad.tolist() == [9.0] * 3  # 5, and 4 from the repaired function; exp' is times 0


def test_a_product_with_a_copy_that_has_other_data_is_no_square():
    x = Variable(np.ones(3))
    y = engine.square(x)
    z = copy.copy(y)
    z.data = np.full(3, 5.0)
    (y * z).backward()  # both gradients go to y: 5 + 1, and to x twice that
    np.testing.assert_array_equal(x.grad, np.full(3, 12.0))
