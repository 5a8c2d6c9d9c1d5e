"""What a user's function may return: several outputs, scalars, None for no gradient."""

from collections import namedtuple

import numpy as np
import pytest

from gradmeter.engine import Function, Variable, square

Pair = namedtuple("Pair", "first second")


class SinCos(Function):
    def forward(self, x):
        return np.sin(x), np.cos(x)

    def backward(self, gs, gc):
        x = self.inputs[0].data
        return gs * np.cos(x) - gc * np.sin(x)


def test_two_outputs_are_a_tuple_of_variables():
    x = Variable(np.array([0.5, 1.0]))
    outputs = SinCos()(x)
    s, c = outputs
    assert type(outputs) is tuple
    assert s.creator is c.creator
    assert [r() for r in s.creator.outputs] == [s, c]
    (s * 2.0 + c).backward()
    np.testing.assert_allclose(x.grad, 2 * np.cos(x.data) - np.sin(x.data))


@pytest.mark.parametrize("retain_grad", [False, True])
@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("used", [0, 1])
def test_an_output_that_is_dropped_or_unused_has_a_gradient_of_zero(used, dropped, retain_grad):
    x = Variable(np.array([0.5, 1.0], np.float32))
    outputs = SinCos()(x)
    root, other = outputs[used], outputs[1 - used]
    del outputs
    if dropped:
        del other
    root.backward(retain_grad=retain_grad)
    expected = [np.cos, lambda a: -np.sin(a)][used](x.data)
    np.testing.assert_allclose(x.grad, expected, 1e-6)
    assert x.grad.dtype == np.float32
    if not dropped:
        assert (other.grad is None) is not retain_grad
        assert other.grad is None or other.grad.tolist() == [0.0, 0.0]


def test_a_tuple_of_one_is_one_variable():
    class One(Function):
        def forward(self, x):
            return (x * 2.0,)

        def backward(self, gy):
            return (gy * 2.0,)

    x = Variable(np.array([1.0]))
    y = One()(x)
    assert type(y) is Variable
    y.backward()
    assert x.grad.tolist() == [2.0]


def test_a_named_tuple_is_as_good_as_a_tuple():
    class Swap(Function):
        def forward(self, a, b):
            return Pair(b * 1.0, a * 1.0)

        def backward(self, gb, ga):
            return Pair(ga, gb)

    a, b = Variable(np.array([1.0])), Variable(np.array([2.0]))
    first, second = Swap()(a, b)
    (first * 3.0 + second * 5.0).backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([5.0], [3.0])


def test_a_scalar_result_and_a_scalar_gradient_become_arrays():
    class Total(Function):
        def forward(self, x):
            return x.sum()  # a NumPy scalar, not an array

        def backward(self, gy):
            return float(gy) * np.ones_like(self.inputs[0].data)

    x = Variable(np.array(2.0, np.float32))
    y = Total()(x)
    assert type(y.data) is np.ndarray
    y.backward()
    assert type(x.grad) is np.ndarray
    assert (x.grad.shape, x.grad.dtype) == ((), np.float32)


def test_none_says_that_there_is_no_gradient():
    class Gate(Function):
        def forward(self, x, switch):
            return x * (switch > 0)

        def backward(self, gy):
            return gy * (self.inputs[1].data > 0), None

    x, switch = Variable(np.array([1.0, 2.0])), Variable(np.array([1.0, -1.0]))
    Gate()(x, square(switch) - 2.0).backward()
    assert x.grad.tolist() == [0.0, 0.0]
    assert switch.grad is None
