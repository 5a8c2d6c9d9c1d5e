"""Every operation against central numerical differentiation of the same NumPy expression."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradmeter import engine
from gradmeter.engine import Variable

from ..thorough import examples

FLOATS = [np.float64, np.float32]
NUMBERS = [np.float64, np.float32, np.int64, np.int32]
TOLERANCE = {np.float64: 1e-8, np.float32: 2e-4}
MANY = settings(deadline=None, max_examples=examples(120))

UNARY = {
    "neg": (engine.neg, np.negative, -3, 3),
    "square": (engine.square, np.square, -3, 3),
    "exp": (engine.exp, np.exp, -2, 2),
    "log": (engine.log, np.log, 1, 3),
    "tanh": (engine.tanh, np.tanh, -2, 2),
    "sum": (engine.sum, np.sum, -3, 3),
    "cube": (lambda x: x**3, lambda x: x**3, -2, 2),
    "root": (lambda x: x**0.5, lambda x: x**0.5, 1, 3),
    "inverse": (lambda x: x**-1.0, lambda x: x**-1.0, 1, 3),
    "exponential": (lambda x: 2.0**x, lambda x: 2.0**x, -2, 2),
}
BINARY = {  # with the least and the greatest value of each operand
    "add": (engine.add, np.add, (-3, 3), (-3, 3)),
    "sub": (engine.sub, np.subtract, (-3, 3), (-3, 3)),
    "mul": (engine.mul, np.multiply, (-3, 3), (-3, 3)),
    "div": (engine.div, np.divide, (-3, 3), (1, 3)),
    "pow": (engine.pow, np.power, (1, 3), (0, 3)),
    "maximum": (engine.maximum, np.maximum, (-1, 1), (-1, 1)),  # many ties: half each
}
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
PAIRS = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3)
SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def quarters(rng, low, high, shape, dtype):
    """Values on a coarse grid, exact in every dtype: equal ones are common, near ones absent."""
    parts = 4 if np.dtype(dtype).kind == "f" else 1
    steps = rng.integers(parts * low, parts * high, shape, endpoint=True)
    return np.asarray(steps / parts, dtype)


def differences(function, arrays, i, seed):
    """The gradient of sum(seed * function(*arrays)) for array i, by central differences."""
    wide = [np.asarray(a, np.longdouble) for a in arrays]
    gradient = np.empty(wide[i].shape, np.longdouble)
    step = np.longdouble(1e-6)
    for at in np.ndindex(wide[i].shape):
        ends = []
        for sign in (1, -1):
            moved = list(wide)
            moved[i] = wide[i].copy()
            moved[i][at] += sign * step
            ends.append((seed * function(*moved)).sum())
        gradient[at] = (ends[0] - ends[1]) / (2 * step)
    return gradient


def expected_dtype(dtype):
    return dtype if np.dtype(dtype).kind == "f" else np.float64


def check(operation, function, arrays, rng, leaves=None):
    """Compare an operation's value and gradients with NumPy's value and its differences."""
    leaves = range(len(arrays)) if leaves is None else leaves
    operands = [Variable(a) if i in leaves else a for i, a in enumerate(arrays)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = operation(*operands)
        value = function(*arrays)
        assert type(y) is Variable
        assert type(y.data) is np.ndarray
        assert y.dtype == value.dtype
        assert y.shape == np.shape(value)
        np.testing.assert_allclose(y.data, value, 1e-6 if value.dtype == np.float32 else 1e-14)
        seed = quarters(rng, -2, 2, y.shape, expected_dtype(y.dtype))
        y.grad = seed
        y.backward()
    dtypes = {np.dtype(a.dtype).type for a in (*arrays, y.data) if hasattr(a, "dtype")}
    tolerance = TOLERANCE[np.float32 if np.float32 in dtypes else np.float64]
    for i in leaves:
        x = operands[i]
        assert type(x.grad) is np.ndarray
        assert x.grad.shape == x.shape
        assert x.grad.dtype == expected_dtype(x.dtype)
        expected = differences(function, arrays, i, seed)
        np.testing.assert_allclose(x.grad, expected.astype(np.float64), tolerance, tolerance * 20)
        assert x.grad.flags.writeable
        assert not np.shares_memory(x.grad, seed)
        assert not any(np.shares_memory(x.grad, a) for a in (*arrays, y.data))


@pytest.mark.parametrize("name", UNARY)
@given(shape=SHAPES, dtype=st.sampled_from(NUMBERS), rng=SEEDS)
@MANY
def test_an_operation_on_one_array(name, shape, dtype, rng):
    operation, function, low, high = UNARY[name]
    check(operation, function, [quarters(rng, low, high, shape, dtype)], rng)


@pytest.mark.parametrize("name", BINARY)
@given(
    shapes=PAIRS,
    dtypes=st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS)),
    leaves=st.sampled_from([(0, 1), (0,), (1,)]),
    rng=SEEDS,
)
@MANY
def test_an_operation_on_two_arrays_that_broadcast(name, shapes, dtypes, leaves, rng):
    operation, function, *bounds = BINARY[name]
    arrays = [
        quarters(rng, *bound, shape, dtype)
        for bound, shape, dtype in zip(bounds, shapes.input_shapes, dtypes, strict=True)
    ]
    check(operation, function, arrays, rng, leaves)


@pytest.mark.parametrize("name", BINARY)
@given(
    shape=SHAPES,
    dtype=st.sampled_from(NUMBERS),
    kind=st.sampled_from([float, int, np.float32, np.float64, np.int64, np.bool_]),
    number_first=st.booleans(),
    rng=SEEDS,
)
@MANY
def test_an_operation_on_an_array_and_a_number(name, shape, dtype, kind, number_first, rng):
    operation, function, *bounds = BINARY[name]
    number = kind(rng.integers(max(1, bounds[1 - number_first][0]), 3, endpoint=True))
    array = quarters(rng, *bounds[number_first], shape, dtype)
    arrays = [number, array] if number_first else [array, number]
    check(operation, function, arrays, rng, [int(number_first)])


@pytest.mark.parametrize("name", BINARY)
@given(shape=SHAPES, dtype=st.sampled_from(FLOATS), rng=SEEDS)
@MANY
def test_an_operation_on_the_same_variable_twice(name, shape, dtype, rng):
    operation, function, *bounds = BINARY[name]
    low, high = max(b[0] for b in bounds), min(b[1] for b in bounds)
    data = quarters(rng, low, high, shape, dtype)
    check(lambda x: operation(x, x), lambda a: function(a, a), [data], rng)


@given(data=st.data(), shape=SHAPES, dtype=st.sampled_from(NUMBERS), rng=SEEDS)
@MANY
def test_a_sum_over_any_axes(data, shape, dtype, rng):
    ndim = len(shape)
    axes = [None, (), tuple(range(ndim))]
    if ndim:
        some = st.sets(st.integers(0, ndim - 1)).map(sorted)
        signs = st.lists(st.booleans(), min_size=ndim, max_size=ndim)
        several = st.tuples(some, signs).map(
            lambda drawn: tuple(a - ndim if drawn[1][a] else a for a in drawn[0])
        )
        axis = data.draw(st.sampled_from(axes) | st.integers(-ndim, ndim - 1) | several)
    else:
        axis = data.draw(st.sampled_from([*axes, 0, -1]))  # NumPy takes these for a 0-d array
    keepdims = data.draw(st.booleans())
    check(
        lambda x: engine.sum(x, axis=axis, keepdims=keepdims),
        lambda a: np.asarray(np.sum(a, axis=axis, keepdims=keepdims)),
        [quarters(rng, -3, 3, shape, dtype)],
        rng,
    )


@given(
    shapes=hnp.mutually_broadcastable_shapes(
        signature=np.matmul.signature, max_dims=2, min_side=0, max_side=3
    ),
    dtypes=st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS)),
    leaves=st.sampled_from([(0, 1), (0,), (1,)]),
    rng=SEEDS,
)
@settings(deadline=None, max_examples=examples(400))
def test_a_product_of_matrices(shapes, dtypes, leaves, rng):
    arrays = [
        quarters(rng, -2, 2, shape, dtype)
        for shape, dtype in zip(shapes.input_shapes, dtypes, strict=True)
    ]
    check(engine.matmul, np.matmul, arrays, rng, leaves)


@pytest.mark.parametrize("left", [(3,), (2, 3), (4, 2, 3), (1, 2, 3), (5, 1, 2, 3)])
@pytest.mark.parametrize("right", [(3,), (3, 2), (4, 3, 2), (1, 3, 2), (5, 1, 3, 2), (1, 4, 3, 2)])
def test_matmul_of_every_number_of_axes(left, right):
    rng = np.random.default_rng(0)
    arrays = [quarters(rng, -2, 2, shape, np.float64) for shape in (left, right)]
    check(engine.matmul, np.matmul, arrays, rng)


def contiguous(a):
    return a


def reversed_and_strided(a):
    return np.repeat(a[::-1], 2, 0)[::-2]


def transposed(a):
    return np.array(a.T, order="C").T


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def one_row_for_all(a):
    return np.broadcast_to(a[0], a.shape)


LAYOUTS = [contiguous, reversed_and_strided, transposed, read_only, one_row_for_all]


@pytest.mark.parametrize("name", [*BINARY, "matmul"])
@given(
    layouts=st.tuples(st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS)),
    dtype=st.sampled_from(FLOATS),
    rng=SEEDS,
)
@settings(deadline=None, max_examples=examples(25))
def test_operations_on_arrays_of_any_memory_layout(name, layouts, dtype, rng):
    matmul = (engine.matmul, np.matmul, (-2, 2), (-2, 2))
    operation, function, *bounds = BINARY.get(name, matmul)
    arrays = [
        layout(quarters(rng, *bound, (3, 3), dtype))
        for layout, bound in zip(layouts, bounds, strict=True)
    ]
    copies = [a.copy() for a in arrays]
    check(operation, function, arrays, rng)
    assert all((a == copy).all() for a, copy in zip(arrays, copies, strict=True))


@given(shapes=PAIRS, dtype=st.sampled_from(FLOATS), rng=SEEDS)
@MANY
def test_the_gradients_of_a_maximum_add_up_to_the_seed(shapes, dtype, rng):
    a, b = (Variable(quarters(rng, -1, 1, s, dtype)) for s in shapes.input_shapes)
    y = engine.maximum(a, b)
    seed = quarters(rng, -2, 2, y.shape, dtype)
    y.grad = seed
    y.backward()
    assert a.grad.sum() + b.grad.sum() == pytest.approx(seed.sum())


def test_a_tie_is_shared_by_halves():
    a, b = Variable(np.array([1.0, 2.0, 3.0])), Variable(np.array([1.0, 5.0, 0.0]))
    engine.maximum(a, b).backward()
    assert a.grad.tolist() == [0.5, 0.0, 1.0]
    assert b.grad.tolist() == [0.5, 1.0, 0.0]
    x = Variable(np.array([-1.0, 0.0, 1.0], np.float32))
    y = engine.maximum(x, 0)
    y.backward()
    assert x.grad.tolist() == [0.0, 0.5, 1.0]
    assert y.dtype == x.grad.dtype == np.float32


def test_a_tie_of_infinities_is_shared_and_a_nan_reaches_both():
    a, b = Variable(np.array([np.inf, -np.inf, np.nan])), Variable(np.array([np.inf, -np.inf, 0.0]))
    y = engine.maximum(a, b)
    y.backward()
    assert y.data[0] == np.inf
    assert np.isnan(y.data[2])
    assert a.grad.tolist() == b.grad.tolist() == [0.5, 0.5, 1.0]
