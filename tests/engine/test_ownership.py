"""What a user's backward does with its arrays, and a user with gradients, harms no other."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, Variable, using_config

from ..thorough import examples


class Double(Function):
    """Twice its input; its backward is one of many that are right, but take liberties."""

    def __init__(self, liberty, declares):
        self.liberty, self.declares = LIBERTIES[liberty], declares

    def forward(self, x):
        if self.declares:
            self.saved_for_backward = (x,)
        return x * 2.0

    def backward(self, gy):
        return self.liberty(self, gy)


BUFFERS = {}
KEPT = []


def in_place(function, gy):
    gy *= 2.0
    return gy


def in_place_and_spoiled(function, gy):
    gx = gy * 2.0
    gy[...] = np.nan
    return gx


def view(function, gy):
    return (gy * 2.0)[::-1][::-1]


def view_of_gy(function, gy):
    gy *= 2.0
    return gy[...]


def transposed(function, gy):
    return np.asfortranarray(gy * 2.0)


def read_only(function, gy):
    gx = gy * 2.0
    gx.flags.writeable = False
    return gx


def larger_base(function, gy):
    return np.stack([gy, gy * 2.0, gy])[1]


def own_buffer(function, gy):
    """The same array from every instance and call."""
    buffer = BUFFERS.setdefault((gy.shape, gy.dtype), np.empty_like(gy))
    return np.multiply(gy, 2.0, out=buffer)


def kept(function, gy):
    """It keeps what it returns, and spoils all that it kept before."""
    for array in KEPT:
        array[...] = np.nan
    gy *= 2.0
    KEPT[:] = [gy]
    return gy


def data(function, gy):
    """Its input's own array, where that is right: only for an input of ones."""
    x = function.saved_for_backward[0] if function.declares else function.inputs[0].data
    right = gy * 2.0
    return x if (x == right).all() else right


def output(function, gy):
    """Its output's own array, where that is right."""
    y = function.inputs[0].data * 2.0 if function.declares else function.outputs[0]().data
    right = gy * 2.0
    return y if (y == right).all() else right


def view_of_data(function, gy):
    """A fresh view of its input's array, where that is right."""
    x = function.saved_for_backward[0] if function.declares else function.inputs[0].data
    right = gy * 2.0
    return x[...] if (x == right).all() else right


def view_of_buffer(function, gy):
    return own_buffer(function, gy)[...]


def subclass(function, gy):
    class Tagged(np.ndarray):
        pass

    return (gy * 2.0).view(Tagged)


LIBERTIES = {
    f.__name__: f
    for f in [
        *(in_place, in_place_and_spoiled, view, view_of_gy, transposed, read_only),
        *(larger_base, own_buffer, kept, data, output, view_of_data, view_of_buffer, subclass),
    ]
}


class Share(Function):
    """Two inputs, added; both get the very array that came."""

    def forward(self, a, b):
        return a + b

    def backward(self, gy):
        return gy, gy


class Fork(Function):
    """One input, given out twice; one of the gradients is written into and returned."""

    def forward(self, x):
        return x * 1.0, x * 1.0

    def backward(self, g0, g1):
        g0 += g1
        g1[...] = np.nan
        return g0


def arrays_of(variables):
    arrays = [v.data for v in variables]
    return arrays + [v.grad for v in variables if v.grad is not None]


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([*LIBERTIES, *LIBERTIES, "share", "add", "neg", "fork", "plus zero"]),
            st.integers(0, 9),
            st.integers(0, 9),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
    retain=st.booleans(),
    sweeps=st.integers(1, 3),
    dtype=st.sampled_from([np.float64, np.float32]),
)
@settings(deadline=None, max_examples=examples(400))
def test_no_liberty_of_a_backward_is_seen_by_anybody_else(steps, retain, sweeps, dtype):
    shape = (2, 2)
    variables = [Variable(np.ones(shape, dtype)), Variable(np.full(shape, 2.0, dtype))]
    slopes = [np.array([1.0, 0.0]), np.array([0.0, 1.0])]  # by the two leaves
    for name, i, j, declares in steps:
        i, j = -1 - i % len(variables), -1 - j % len(variables)
        a, b = variables[i], variables[j]
        if name in LIBERTIES:
            results, slope = Double(name, declares)(a), 2 * slopes[i]
        elif name == "share" or name == "add":
            results = Share()(a, b) if name == "share" else a + b
            slope = slopes[i] + slopes[j]
        elif name == "fork":
            results, slope = Fork()(a), slopes[i]
        else:
            results, slope = (-a, -slopes[i]) if name == "neg" else (a + 0.0, slopes[i])
        for result in results if type(results) is tuple else (results,):
            variables.append(result)
            slopes.append(slope)
    y = variables[-1] + variables[-2]
    slope = slopes[-1] + slopes[-2]
    copies = [v.data.copy() for v in variables]
    seed = np.arange(1.0, 5.0).reshape(shape)
    seed_copy = seed.copy()
    held = []
    for sweep in range(1, sweeps + 1):
        y.grad = seed
        with using_config("retain_graph", sweep < sweeps):
            y.backward(retain_grad=retain)
        for leaf, factor in zip(variables[:2], slope, strict=True):
            if leaf.grad is not None:
                np.testing.assert_array_equal(leaf.grad, sweep * factor * seed_copy)
                assert type(leaf.grad) is np.ndarray
                held.append((leaf.grad, leaf.grad.copy()))
            else:
                assert factor == 0
        assert all((array == copy).all() for array, copy in held)
        assert all((v.data == copy).all() for v, copy in zip(variables, copies, strict=True))
        assert (seed == seed_copy).all()
        hidden = [*BUFFERS.values(), *KEPT]
        for a, b in combinations([*arrays_of([*variables, y]), seed, *hidden], 2):
            assert not np.shares_memory(a, b)


@pytest.mark.parametrize("declares", [True, False])
@pytest.mark.parametrize("liberty", LIBERTIES)
def test_branches_do_not_see_each_others_arrays(liberty, declares):
    a, b, w = (Variable(np.array([1.0, 2.0])) for _ in range(3))
    y = Double(liberty, declares)(a) + Double(liberty, declares)(b) * 10.0 + w
    y.grad = seed = np.array([1.0, 3.0])
    y.backward(retain_grad=True)
    assert a.grad.tolist() == [2.0, 6.0]
    assert b.grad.tolist() == [20.0, 60.0]
    assert w.grad.tolist() == y.grad.tolist() == seed.tolist() == [1.0, 3.0]


@pytest.mark.parametrize("declares", [True, False])
def test_a_backward_may_write_into_the_zeros_of_an_unused_output(declares):
    class Two(Function):
        def forward(self, x):
            if declares:
                self.saved_for_backward = ()
            return x * 1.0, x * 2.0

        def backward(self, g0, g1):
            g1 *= 2.0
            g1 += g0
            return g1

    gradients = []
    for _ in range(2):  # the zeros of the first are not those of the second
        x = Variable(np.array([1.0, 2.0]))
        used, _unused = Two()(x)
        used.backward()
        gradients.append(x.grad.tolist())
    assert gradients == [[1.0, 1.0], [1.0, 1.0]]


def test_changing_one_gradient_in_place_changes_nothing_else():
    x0, x1 = Variable(np.array([1.0, 2.0])), Variable(np.array([3.0, 4.0]))
    t = x0 + x1
    y = t + 0.0
    with using_config("retain_graph", True):
        y.backward(retain_grad=True)
        for changed in (x0, x1, t, y):
            before = [v.grad.tolist() for v in (x0, x1, t, y) if v is not changed]
            changed.grad *= 100.0
            assert [v.grad.tolist() for v in (x0, x1, t, y) if v is not changed] == before
    assert x0.data.tolist() == [1.0, 2.0]


def test_a_gradient_that_was_taken_away_is_not_written_to_later():
    x = Variable(np.array([1.0, 2.0]))
    with using_config("retain_graph", True):
        y = engine.square(x)
        y.backward()
        first = x.grad
        y.backward()
    assert first.tolist() == [2.0, 4.0]
    assert x.grad.tolist() == [4.0, 8.0]
    assert not np.shares_memory(first, x.grad)


def test_changing_a_gradient_in_place_does_not_change_the_next_sweep():
    x = Variable(np.array([1.0, 2.0]))
    with using_config("retain_graph", True):
        t = engine.exp(x)
        y = engine.sum(t + x)
        y.backward(retain_grad=True)
        expected = x.grad.copy()
        for v in (x, t, y):
            v.grad *= 0.0
        y.grad = x.grad = None
        y.backward()
    assert x.grad.tolist() == expected.tolist()


def test_one_array_may_be_the_data_of_two_variables():
    data = np.array([1.0, 2.0])
    a, b = Variable(data), Variable(data[::-1])
    (a * b + a).backward(retain_grad=True)
    assert a.grad.tolist() == [3.0, 2.0]
    assert b.grad.tolist() == [1.0, 2.0]
    assert data.tolist() == [1.0, 2.0]


def test_a_backward_may_run_a_sweep_of_its_own():
    class Inner(Function):
        def forward(self, x):
            return engine.tanh(Variable(x)).data

        def backward(self, gy):
            v = Variable(self.inputs[0].data)
            inner = engine.tanh(v)
            inner.grad = gy
            inner.backward()
            return v.grad

    x = Variable(np.array([0.5, 1.0]))
    (Inner()(x) * Inner()(x)).backward()
    y = np.tanh(x.data)
    np.testing.assert_allclose(x.grad, 2 * y * (1 - y * y))
