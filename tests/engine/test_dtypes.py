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


USES = 2_500  # ones added in float16 end at 2048


def plain(function, *arguments):
    return function(*arguments)


@pytest.mark.parametrize("wrap", [plain, engine.checkpoint])
@pytest.mark.parametrize("narrow", [np.float16, np.float32])
def test_a_gradient_is_narrowed_once_at_the_leaf(narrow, wrap):
    """Each contribution alone is lost in the sum of the others, in the leaf's dtype."""
    wide = {np.float16: np.float32, np.float32: np.float64}[narrow]
    large = {np.float16: 2048, np.float32: 2**24}[narrow]
    x, c = Variable(np.ones(3, narrow)), np.ones(3, wide)
    total = x * (c * large)
    for _ in range(USES):
        total = wrap(lambda total, x: total + x * c, total, x)
    total.backward()
    assert x.grad.dtype == narrow
    assert x.grad.tolist() == np.full(3, large + USES).astype(narrow).tolist()


def test_a_result_that_is_narrower_than_what_is_computed_from_it():
    x = Variable(np.ones(3, np.float16))
    y, total = x * 1, Variable(np.zeros(3, np.float32))
    for _ in range(USES):
        total = total + y
    total.backward(retain_grad=True)
    assert x.grad.dtype == y.grad.dtype == np.float16
    assert x.grad.tolist() == y.grad.tolist() == [USES] * 3


@pytest.mark.parametrize("other", [np.float16, np.float32, np.float64])
def test_a_narrow_leaf_that_is_broadcast(other):
    x = Variable(np.ones(3, np.float16))
    (x + np.ones((USES, 3), other)).backward()
    assert x.grad.dtype == np.float16
    assert x.grad.tolist() == [USES] * 3


def test_a_gradient_that_the_leaf_holds_is_added_before_narrowing():
    x = Variable(np.ones(1, np.float16))
    x.grad = np.array([2048], np.float16)
    (x * np.float32([0.5]) + x * np.float32([0.75])).backward()
    assert x.grad.tolist() == [2050.0]  # 2049.25; narrowed first, 1.25 would be lost
    x.grad = np.array([2048.9])
    (x * np.float32([0.2])).backward()
    assert x.grad.tolist() == [2050.0]


def test_gradients_of_several_dtypes_share_nothing():
    x, y = Variable(np.ones(3, np.float16)), Variable(np.ones(3, np.float32))
    z = Variable(np.ones(3))
    (x + y + z + x).backward()
    assert [v.grad.dtype for v in (x, y, z)] == [np.float16, np.float32, np.float64]
    x.grad *= 3
    y.grad *= 5
    assert (x.grad.tolist(), y.grad.tolist(), z.grad.tolist()) == ([6.0] * 3, [5.0] * 3, [1.0] * 3)


def test_an_integer_leaf_in_long_doubles():
    x = Variable(np.array([1, 2]))
    (x * np.longdouble([1, 1]) + x * np.ones(2, np.float16)).backward()
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_compiled_program_narrows_once_too():
    pytest.importorskip("llvmlite")

    def function(x, c, large):
        total = x * large
        for _ in range(40):
            total = total + x * c
        return total

    arrays = [np.ones(3, np.float16), np.ones(3, np.float32), np.full(3, 2048, np.float32)]
    _, (gradient, _, _) = engine.compile(function)(Variable(arrays[0]), *arrays[1:])
    x = Variable(arrays[0])
    function(x, *arrays[1:]).backward()
    assert gradient.dtype == x.grad.dtype == np.float16
    assert gradient.tolist() == x.grad.tolist() == [2088.0] * 3
