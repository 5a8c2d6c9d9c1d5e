"""The seed of a sweep: which are taken, which are refused, and what becomes of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradmeter import engine
from gradmeter.engine import Variable

from ..thorough import examples

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


def results(shape, dtype=np.float64):
    """A leaf, and results of several kinds, each of this shape."""
    x = Variable(np.ones(shape, dtype))
    yield x, x
    for make in (lambda x: x + 1.0, lambda x: engine.exp(x) * x, engine.square):
        x = Variable(np.ones(shape, dtype))
        yield x, make(x)


@given(shape=SHAPES, seed_shape=SHAPES, retain=st.booleans())
@settings(deadline=None, max_examples=examples(60))
def test_a_seed_of_another_shape_is_refused_with_both_shapes(shape, seed_shape, retain):
    for x, y in results(shape):
        y.grad = seed = np.full(seed_shape, 2.0)
        if shape == seed_shape:
            y.backward(retain)
            assert (x.grad == 2.0 * (1 if x is y else x.grad / 2.0)).all()
            continue
        with pytest.raises(ValueError, match="seed") as caught:
            y.backward(retain)
        assert str(shape) in str(caught.value)
        assert str(seed_shape) in str(caught.value)
        assert y.grad is seed
        assert x.grad is (seed if x is y else None)


@given(
    shape=SHAPES,
    dtype=st.sampled_from(["f4", "f8", "i8", "?"]),
    seed_dtype=st.sampled_from(["f2", "f4", "f8", "i4", "i8", "u1", "?", ">f8"]),
    layout=st.sampled_from(["C", "F", "reversed", "read-only", "broadcast"]),
)
@settings(deadline=None, max_examples=examples(100))
def test_a_seed_of_any_real_dtype_and_layout_is_taken_and_left_alone(
    shape, dtype, seed_dtype, layout
):
    x = Variable(np.ones(shape, dtype))
    y = x * 3
    seed = (np.arange(np.prod(shape, dtype=int)) % 2).reshape(shape).astype(seed_dtype)
    if layout == "F":
        seed = np.asfortranarray(seed).reshape(shape)
    elif layout == "reversed":
        seed = seed[(..., *[slice(None, None, -1)] * len(shape))]
    elif layout == "read-only":
        seed.flags.writeable = False
    elif layout == "broadcast":
        seed = np.broadcast_to(np.ones((), seed_dtype), shape)
    copy = seed.copy()
    y.grad = seed
    y.backward(retain_grad=True)
    expected = np.float32 if dtype == "f4" else np.float64
    for variable, factor in ((x, 3), (y, 1)):
        assert type(variable.grad) is np.ndarray
        assert variable.grad.dtype == expected
        assert variable.grad.flags.writeable
        np.testing.assert_array_equal(variable.grad, factor * seed.astype(float))
        assert not np.shares_memory(variable.grad, seed)
    np.testing.assert_array_equal(seed, copy)


@pytest.mark.parametrize(
    "seed",
    [
        [1.0, 1.0],
        "ones",
        1j,
        object(),
        Variable(np.ones(2)),
        np.array([1j, 1j]),
        np.array([1.0, 1.0], object),
        np.array(["a", "b"]),
        np.array(["2000-01-01"] * 2, "M8[D]"),
    ],
    ids=lambda seed: type(seed).__name__,
)
def test_a_seed_of_a_wrong_type_is_refused(seed):
    for x, y in results((2,)):
        y.grad = seed
        with pytest.raises((ValueError, TypeError), match="seed"):
            y.backward()
        assert y.grad is seed
        assert x is y or x.grad is None


@pytest.mark.parametrize("number", [3, 3.0, np.float32(3), np.int64(3)])
def test_a_number_is_a_seed_for_a_0d_result_only(number):
    x = Variable(np.array(2.0))
    y = engine.square(x)
    y.grad = number
    y.backward()
    assert x.grad == 12.0
    x = Variable(np.array([2.0]))
    y = engine.square(x)
    y.grad = number
    with pytest.raises(ValueError, match=r"\(\).*\(1,\)|\(1,\).*\(\)"):
        y.backward()
    assert x.grad is None


def test_the_seed_of_one_variable_may_be_the_gradient_of_another():
    x = Variable(np.array([1.0, 2.0]))
    x.grad = np.array([10.0, 20.0])
    y = x + 0.0
    y.grad = x.grad
    held = x.grad
    y.backward()
    assert x.grad.tolist() == [20.0, 40.0]
    assert held.tolist() == [10.0, 20.0]


def test_a_retained_seed_is_the_seed_of_the_next_sweep():
    x = Variable(np.array([1.0, 2.0]))
    with engine.using_config("retain_graph", True):
        y = engine.square(x)
        y.grad = np.array([1.0, 10.0])
        y.backward(retain_grad=True)
        assert x.grad.tolist() == [2.0, 40.0]
        y.backward(retain_grad=False)  # from the retained one
        assert x.grad.tolist() == [4.0, 80.0]
        y.backward()  # from ones
        assert x.grad.tolist() == [6.0, 84.0]


def test_a_gradient_that_the_user_set_on_a_leaf_is_added_to_or_refused():
    for old in (np.array([1, 2]), np.array([1.0, 2.0], np.float32)):
        x = Variable(np.array([1.0, 1.0]))
        x.grad = old
        (x * 2.0).backward()
        assert x.grad.dtype == np.float64
        assert x.grad.tolist() == [3.0, 4.0]
        assert old.tolist() == [1, 2]
    for old in (np.ones(3), np.ones(1), np.array([1j, 1j]), "gradient", [1.0, 1.0]):
        x, w = Variable(np.array([1.0, 1.0])), Variable(np.array([1.0, 1.0]))
        x.grad = old
        y = w * x * w
        with pytest.raises(ValueError, match="grad"):
            y.backward(retain_grad=True)
        assert x.grad is old
        assert w.grad is y.grad is None
