"""Users' own functions, written exactly as the book writes them, and what they see."""
# ruff: noqa: RET504 (the book names its results before it returns them)

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradmeter.engine import Function, Variable, add, no_grad, square, using_config

from ..thorough import examples

STYLES = ["as the book", "as the library", "declaring what it saves"]


class Square(Function):
    def forward(self, x):
        y = x**2
        return y

    def backward(self, gy):
        x = self.inputs[0].data
        gx = 2 * x * gy
        return gx


class Exp(Function):
    def forward(self, x):
        y = np.exp(x)
        return y

    def backward(self, gy):
        x = self.inputs[0].data
        gx = np.exp(x) * gy
        return gx


class Add(Function):
    def forward(self, x0, x1):
        y = x0 + x1
        return y

    def backward(self, gy):
        return gy, gy


class Mul(Function):
    def forward(self, x0, x1):
        y = x0 * x1
        return y

    def backward(self, gy):
        x0, x1 = self.inputs[0].data, self.inputs[1].data
        return gy * x1, gy * x0


class Pow(Function):
    def __init__(self, c):
        self.c = c

    def forward(self, x):
        y = x**self.c
        return y

    def backward(self, gy):
        x = self.inputs[0].data
        c = self.c
        gx = c * x ** (c - 1) * gy
        return gx


class SinCos(Function):
    def forward(self, x):
        return np.sin(x), np.cos(x)

    def backward(self, gs, gc):
        x = self.inputs[0].data
        return gs * np.cos(x) - gc * np.sin(x)


class Tanh(Function):
    """The library's way: the result is read from the output variable."""

    def forward(self, x):
        y = np.tanh(x)
        return y

    def backward(self, gy):
        y = self.outputs[0]().data
        gx = gy * (1 - y * y)
        return gx


class SavedTanh(Function):
    def forward(self, x):
        y = np.tanh(x)
        self.saved_for_backward = (y,)
        return y

    def backward(self, gy):
        (y,) = self.saved_for_backward
        return gy * (1 - y * y)


class BookTanh(Function):
    def forward(self, x):
        return np.tanh(x)

    def backward(self, gy):
        x = self.inputs[0].data
        return gy * (1 - np.tanh(x) ** 2)


TANHS = dict(zip(STYLES, [BookTanh, Tanh, SavedTanh], strict=True))


@pytest.mark.parametrize("style", STYLES)
@given(
    data=hnp.arrays(
        st.sampled_from([np.float64, np.float32]),
        hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3),
        elements=st.floats(-2, 2, width=16),
    ),
    depth=st.integers(1, 4),
    retain_grad=st.booleans(),
)
@settings(deadline=None, max_examples=examples(40))
def test_every_style_of_writing_gives_the_same_gradient(style, data, depth, retain_grad):
    x = Variable(data)
    y, expected, slope = x, data.astype(np.float64), np.ones(data.shape)
    for _ in range(depth):
        y = TANHS[style]()(y)  # the variables between die at once
        expected = np.tanh(expected)
        slope = slope * (1 - expected**2)
    y.backward(retain_grad=retain_grad)
    assert type(y.data) is type(x.grad) is np.ndarray
    assert y.dtype == x.grad.dtype == data.dtype
    tolerance = 1e-5 if data.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(y.data, expected, tolerance, tolerance)
    np.testing.assert_allclose(x.grad, slope, tolerance, tolerance)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_writing_works_twice_where_the_graph_is_retained(style):
    x = Variable(np.array([0.5, -1.0]))
    y = TANHS[style]()(TANHS[style]()(x))
    with using_config("retain_graph", True):
        y.backward()
        once = x.grad
        y.backward()
    np.testing.assert_allclose(x.grad, 2 * once)
    y.backward()
    np.testing.assert_allclose(x.grad, 3 * once)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_writing_works_with_strong_references(style):
    x = Variable(np.array([0.5, -1.0]))
    with using_config("output_references", "strong"):
        y = TANHS[style]()(x)
    y.backward()
    np.testing.assert_allclose(x.grad, 1 - np.tanh(x.data) ** 2)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_writing_frees_its_arrays_without_the_collector(style):
    gc.collect()
    gc.disable()
    try:
        x = Variable(np.array([0.5, -1.0]))
        t = TANHS[style]()(x)
        y = TANHS[style]()(t)
        y.backward(retain_grad=True)
        watched = [weakref.ref(a) for v in (x, t, y) for a in (v, v.data, v.grad)]
        assert all(r() is not None for r in watched)
        del x, t, y
        assert all(r() is None for r in watched)
    finally:
        gc.enable()


def test_the_books_functions_give_the_books_results():
    x = Variable(np.array(0.5))
    y = Square()(Exp()(Square()(x)))
    y.backward()
    assert x.grad == pytest.approx(3.297442541400256)
    x, w = Variable(np.array(2.0)), Variable(np.array(3.0))
    z = Add()(Square()(x), Square()(w))
    z.backward()
    assert (z.data, x.grad, w.grad) == (13.0, 4.0, 6.0)
    x = Variable(np.array(2.0))
    a = Square()(x)
    y = Add()(Square()(a), Square()(a))
    y.backward()
    assert (y.data, x.grad) == (32.0, 64.0)


def test_a_function_of_two_inputs_reads_both():
    a, b = Variable(np.array(3.0)), Variable(np.array(2.0))
    y = Add()(Mul()(a, b), Variable(np.array(1.0)))
    y.backward()
    assert (y.data, a.grad, b.grad) == (7.0, 2.0, 3.0)


def test_the_same_variable_may_be_both_inputs():
    x = Variable(np.array([3.0, 4.0]))
    Mul()(x, x).backward()
    assert x.grad.tolist() == [6.0, 8.0]


def test_a_function_with_its_own_constructor():
    x = Variable(np.array(2.0))
    Pow(3)(x).backward()
    assert x.grad == 12.0


def test_constants_are_inputs_that_can_be_read():
    for constant in (2.0, 2, np.float64(2.0), np.array(2.0), np.array([2.0, 2.0])):
        x = Variable(np.array([3.0, 4.0]))
        y = Mul()(x, constant)
        y.backward()
        assert x.grad.tolist() == [2.0, 2.0]
        x.cleargrad()
        Mul()(constant, x).backward()
        assert x.grad.tolist() == [2.0, 2.0]


def test_forward_receives_arrays_only_and_numbers_do_not_widen_them():
    seen = []

    class Look(Function):
        def forward(self, *xs):
            seen.extend(xs)
            return xs[0] * xs[1]

        def backward(self, gy):
            x0, x1 = (v.data for v in self.inputs)
            return gy * x1, gy * x0

    for number in (2.0, 2, True):
        x = Variable(np.ones(3, np.float32))
        y = Look()(x, number)
        y.backward()
        assert y.dtype == x.grad.dtype == np.float32
    assert {type(a) for a in seen} == {np.ndarray}
    assert {a.dtype for a in seen} == {np.dtype(np.float32)}


def test_an_instance_records_one_call():
    f, x = Square(), Variable(np.array(3.0))
    y = f(x)
    with pytest.raises(RuntimeError, match=r"Square.*one call"):
        f(y)
    with pytest.raises(RuntimeError, match=r"Square.*one call"):
        f(x)
    y.backward()
    assert x.grad == 6.0
    with pytest.raises(RuntimeError, match=r"Square.*one call"):
        f(x)


def test_an_instance_that_recorded_nothing_may_be_called_again():
    f, x = Square(), Variable(np.array(3.0))
    with no_grad():
        assert f(x).data == f(x).data == 9.0
    assert f(np.array(2.0)).data == 4.0
    f(x).backward()
    assert x.grad == 6.0


def test_an_instance_whose_forward_failed_may_be_called_again():
    f, x = Add(), Variable(np.ones(3))
    with pytest.raises(ValueError, match="broadcast"):
        f(x, np.ones(2))
    f(x, np.ones(3)).backward()
    assert x.grad.tolist() == [1.0] * 3


def test_users_and_built_in_functions_mix():
    x = Variable(np.array([1.0, 2.0]))
    s, c = SinCos()(square(x))
    y = add(Mul()(s, s), c * c) * x
    y.backward()
    np.testing.assert_allclose(x.grad, [1.0, 1.0])
