"""A gradient has its variable's dtype; float64 where that is not of floats."""

import numpy as np
import pytest

from gradmeter import engine
from gradmeter.engine import Variable


def expected_dtype(dtype):
    return dtype if np.dtype(dtype).kind == "f" else np.float64


def test_booleans_are_leaves_whose_gradients_are_float64():
    flags, x = Variable(np.array([True, False])), Variable(np.array([2.0, 3.0], np.float32))
    y = engine.sum(flags * x + (flags + flags) * 1.0)
    y.backward()
    assert y.data == 3.0
    assert flags.grad.dtype == np.float64
    assert flags.grad.tolist() == [4.0, 5.0]
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", ">f4", ">f8", "i1", "u1", ">i4", "u8"])
@pytest.mark.parametrize("uses", [1, 2, 3])
def test_a_gradient_has_its_variables_dtype_however_often_it_is_used(dtype, uses):
    x = Variable(np.array([1, 2, 3], dtype))
    y = x * 1
    for _ in range(uses - 1):
        y = y + x
    y.backward()
    assert x.grad.dtype == expected_dtype(x.dtype)
    assert x.grad.tolist() == [uses] * 3


def test_float32_stays_float32_with_python_numbers():
    x = Variable(np.array([1.0, 2.0], np.float32))
    for y in (
        2.0 * x,
        x + 1,
        1 - x,
        x / 3.0,
        3.0 / x,
        x**2,
        x**0.5,
        2.0**x,
        engine.maximum(x, 1.0),
    ):
        assert y.dtype == np.float32
        x.cleargrad()
        y.backward(retain_grad=True)
        assert x.grad.dtype == y.grad.dtype == np.float32


def test_mixed_float_dtypes_give_each_leaf_its_own():
    narrow, wide = Variable(np.ones(2, np.float32)), Variable(np.ones(2))
    y = narrow * wide + narrow
    y.backward()
    assert (y.dtype, narrow.grad.dtype, wide.grad.dtype) == (np.float64, np.float32, np.float64)
