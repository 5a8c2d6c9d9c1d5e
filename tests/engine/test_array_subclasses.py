"""Arrays that are more than arrays: computed as plain ones, or refused where they differ."""

import warnings

import numpy as np
import pytest

from gradmeter import engine
from gradmeter.engine import Variable


class Tagged(np.ndarray):
    """A subclass that computes as any other array."""


def matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy advises against it
        return np.matrix([[1.0, 2.0], [3.0, 4.0]])


DIFFERENT = {  # whose * is a product of matrices; whose sum leaves entries out
    "a matrix": matrix,
    "a masked array": lambda: np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]]),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_data_that_computes_differently_is_refused(kind):
    with pytest.raises(TypeError, match="Variable"):
        Variable(DIFFERENT[kind]())
    x = Variable(np.ones((2, 2)))
    x.data = DIFFERENT[kind]()
    with pytest.raises(TypeError, match="sum"):
        engine.sum(x)


@pytest.mark.parametrize("kind", DIFFERENT)
def test_a_constant_that_computes_differently_is_refused(kind):
    x = Variable(np.array([[5.0, 6.0], [7.0, 8.0]]))
    for multiply in (lambda c: engine.mul(x, c), lambda c: engine.mul(c, x)):
        with pytest.raises(TypeError, match="mul"):
            multiply(DIFFERENT[kind]())


def test_a_memory_map_is_data_like_any_other(tmp_path):
    mapped = np.memmap(tmp_path / "data", np.float32, "w+", shape=(2, 3))
    mapped[:] = np.arange(6).reshape(2, 3)
    x = Variable(mapped)
    y = engine.sum(x * x * 2.0 + mapped)
    y.backward(retain_grad=True)
    assert type(x.grad) is type(y.grad) is np.ndarray
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == (4 * np.arange(6.0)).reshape(2, 3).tolist()
    x.data -= x.grad
    assert mapped[1, 2] == -15.0


def test_gradients_of_a_subclass_are_plain_arrays():
    x = Variable(np.array([1.0, 2.0]).view(Tagged))
    t = x * x
    y = t + x
    y.backward(retain_grad=True)
    assert {type(v.grad) for v in (x, t, y)} == {np.ndarray}
    assert x.grad.tolist() == [3.0, 5.0]


@pytest.mark.parametrize("axis", [np.int64(0), np.array(1), np.uint8(1)])
def test_an_axis_may_be_anything_that_numpy_takes_for_an_index(axis):
    x = Variable(np.ones((2, 3)))
    y = engine.sum(x, axis=axis)
    assert y.shape == np.sum(x.data, axis=axis).shape
    y.backward()
    assert x.grad.tolist() == [[1.0] * 3] * 2
