"""NumPy's functions with a Variable: the engine's operation, or a TypeError with what to write."""

from __future__ import annotations

import io
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradmeter import engine
from gradmeter.engine import DataError, Variable

W = np.array([10.0, 20.0, 30.0])

BINARY = {
    np.add: engine.add,
    np.subtract: engine.sub,
    np.multiply: engine.mul,
    np.divide: engine.div,
    np.true_divide: engine.div,
    np.power: engine.pow,
    np.maximum: engine.maximum,
}
UNARY = {
    np.negative: engine.neg,
    np.square: engine.square,
    np.exp: engine.exp,
    np.log: engine.log,
    np.tanh: engine.tanh,
}
OPERATORS = {
    operator.add: engine.add,
    operator.sub: engine.sub,
    operator.mul: engine.mul,
    operator.truediv: engine.div,
    operator.pow: engine.pow,
}

sides = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3)
numbers = st.floats(0.25, 4.0)


@st.composite
def operands(draw):
    """A pair of operands of which one at least is a Variable, and copies of them."""
    kinds = draw(
        st.sampled_from([("v", "v"), ("v", "a"), ("a", "v"), ("v", "s"), ("s", "v"), ("n", "v")])
    )
    pair = []
    for kind, shape in zip(kinds, draw(sides).input_shapes, strict=True):
        if kind == "n":
            pair.append(draw(numbers))
        elif kind == "s":
            pair.append(np.float64(draw(numbers)))
        else:
            array = draw(hnp.arrays(np.float64, shape, elements=numbers))
            pair.append(Variable(array) if kind == "v" else array)
    return pair


def copies(pair):
    return [Variable(x.data.copy()) if isinstance(x, Variable) else x for x in pair]


def outcome(function, pair):
    pair = copies(pair)
    y = function(*pair)
    assert isinstance(y, Variable)
    y.backward()
    return [y.data, *[x.grad for x in pair if isinstance(x, Variable)]]


def assert_same(function, operation, pair):
    for ours, right in zip(outcome(function, pair), outcome(operation, pair), strict=True):
        np.testing.assert_array_equal(ours, right, strict=True)


@given(st.sampled_from([*BINARY.items(), *OPERATORS.items()]), operands())
@settings(deadline=None)
def test_a_function_of_two_operands_is_the_engines_operation(functions, pair):
    assert_same(*functions, pair)


@pytest.mark.parametrize(("function", "operation"), UNARY.items())
def test_a_function_of_one_operand_is_the_engines_operation(function, operation):
    assert_same(function, operation, [Variable(W)])


@given(st.sampled_from([(), (1,), (2,), (1, 2), (0, 2)]), st.data())
def test_sums(shape, data):
    x = Variable(np.ones((3, *shape)))
    axis = data.draw(st.sampled_from([None, 0, -1, tuple(range(x.ndim))]))
    keepdims = data.draw(st.booleans())
    for call in (
        lambda x: np.sum(x, axis, keepdims=keepdims),
        lambda x: np.sum(x, axis=axis, dtype=None, out=None, keepdims=keepdims),
    ):
        assert_same(call, lambda x: engine.sum(x, axis, keepdims), [x])
    assert_same(np.sum, engine.sum, [x])


@pytest.mark.parametrize(
    ("left", "right"),
    [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 2)), ((), (3,)), ((2, 3), ())],
)
def test_products(left, right):
    a, b = np.full(left, 2.0), np.full(right, 3.0)
    for pair in ([Variable(a), Variable(b)], [Variable(a), b], [a, Variable(b)]):
        assert outcome(np.dot, pair)[0].tolist() == np.dot(a, b).tolist()
        if left and right:
            for function in (np.dot, np.matmul, operator.matmul):
                assert_same(function, engine.matmul, pair)
    with pytest.raises(DataError, match=r"np\.dot.*matmul"):
        np.dot(Variable(np.ones((2, 2, 2))), W[:2])


def test_descriptions_are_those_of_the_data():
    x = Variable(np.ones((2, 3)))
    assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)) == ((2, 3), 2, 6, 3)


def test_what_is_given_by_default_changes_nothing():
    x = Variable(W)
    assert_same(lambda x: np.multiply(W, x, out=None, where=True), lambda x: W * x, [x])


X = Variable(np.array([1.0, 2.0, 3.0]))
ONE = Variable(np.array(2.0))
REFUSED = {
    "np.where": lambda: np.where(W > 0, X, W),
    "np.outer": lambda: np.outer(W, X),
    "np.stack": lambda: np.stack([X, X]),
    "np.concatenate": lambda: np.concatenate([W, X]),
    "np.zeros_like": lambda: np.zeros_like(X),
    "np.argmax": lambda: np.argmax(X),
    "np.array_equal": lambda: np.array_equal(X, X.data),
    "np.allclose": lambda: np.allclose(X.data, X),
    "np.save": lambda: np.save(io.BytesIO(), X),
    "np.savez": lambda: np.savez(io.BytesIO(), x=X),
    "np.copy": lambda: np.copy(X),
    "np.copyto": lambda: np.copyto(W.copy(), X),
    "np.einsum": lambda: np.einsum("i,i", W, X),
    "np.mean": lambda: np.mean(X),
    "np.prod": lambda: np.prod(X),
    "np.max": lambda: np.max(X),
    "np.linalg.norm": lambda: np.linalg.norm(X),
    "np.zeros": lambda: np.zeros(3, like=X),
    "np.sqrt": lambda: np.sqrt(X),
    "np.absolute": lambda: np.abs(X),
    "np.isnan": lambda: np.isnan(X),
    "np.positive": lambda: np.positive(X),
    "np.divmod": lambda: np.divmod(W, X),
    "np.equal": lambda: W == X,
    "np.not_equal": lambda: W != X,
    "np.less": lambda: W < X,
    "np.floor_divide": lambda: W // X,
    "np.remainder": lambda: np.float64(2.0) % X,
    "np.add.reduce": lambda: np.add.reduce(X),
    "np.add.accumulate": lambda: np.add.accumulate(X),
    "np.add.reduceat": lambda: np.add.reduceat(X, [0]),
    "np.add.at": lambda: np.add.at(W.copy(), [0], ONE),
    "np.multiply.outer": lambda: np.multiply.outer(W, X),
    "np.add": lambda: np.add(W, X, out=W.copy()),
    "np.subtract": lambda: operator.isub(W.copy(), X),
    "np.multiply": lambda: np.multiply(W, X, where=W > 10),
    "np.exp": lambda: np.exp(X, dtype=np.float32),
    "np.negative": lambda: np.negative(W, out=X),
    "np.sum with dtype": lambda: np.sum(X, dtype=np.float32),
    "np.sum with out": lambda: np.sum(X, out=np.array(0.0)),
    "np.sum with where": lambda: np.sum(X, where=W > 10),
    "np.sum with initial": lambda: np.sum(X, initial=1.0),
    "np.dot with out": lambda: np.dot(W, X, out=np.array(0.0)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_engine_has_not_is_refused_by_name_with_what_to_write(name):
    before = W.copy()
    with pytest.raises(DataError, match=name.split(" with")[0].replace(".", r"\.")) as error:
        REFUSED[name]()
    assert any(words in str(error.value) for words in (".data", "write "))
    assert isinstance(error.value, TypeError)
    np.testing.assert_array_equal(W, before)


UNASKED = {
    "asarray": lambda: np.asarray(X),
    "asarray of objects": lambda: np.asarray(X, dtype=object),
    "array": lambda: np.array([X, X]),
    "array of objects": lambda: np.array([X, 1.0], dtype=object),
    "array of arrays": lambda: np.array([[ONE], [2.0]]),
    "ascontiguousarray": lambda: np.ascontiguousarray(X),
    "sum of a list": lambda: np.sum([X, X]),
    "full": lambda: np.full(3, ONE),
    "arange": lambda: np.arange(ONE),
    "float64": lambda: np.float64(ONE),
    "int64": lambda: np.int64(ONE),
    "bool_": lambda: np.bool_(ONE),
    "dot": lambda: W.dot(X),
    "searchsorted": lambda: W.searchsorted(X),
    "take": lambda: W.take(X),
    "repeat": lambda: W.repeat(ONE),
    "put": lambda: W.copy().put(0, ONE),
    "fill": lambda: W.copy().fill(ONE),
    "index": lambda: W[X],
    "index of one": lambda: W[ONE],
    "slice": lambda: operator.setitem(W.copy(), slice(None), X),
    "element": lambda: operator.setitem(W.copy(), 0, ONE),
    "initial": lambda: W.sum(initial=ONE),
    "broadcast": lambda: np.broadcast(X, X),
    "random": lambda: np.random.default_rng(0).normal(X),
    "testing": lambda: np.testing.assert_allclose(X, W),
    "vectorize": lambda: np.vectorize(abs)(X),
    "masked": lambda: np.ma.array(X),
    "masked product": lambda: np.ma.array(W, mask=[0, 0, 1]) * X,
}


@pytest.mark.parametrize("name", UNASKED)
def test_a_variable_becomes_no_ndarray_unasked(name):
    with pytest.raises((TypeError, ValueError)) as error:
        UNASKED[name]()
    errors = [error.value]
    while errors[-1].__cause__ is not None:
        errors.append(errors[-1].__cause__)
    assert isinstance(errors[-1], DataError)
    assert ".data" in str(errors[-1])


def test_the_message_quotes_the_line_that_called_numpy():
    with pytest.raises(DataError, match=r"in `W\.dot\(X\)`"):
        W.dot(X)
    with pytest.raises(DataError, match=r"in `np\.testing\.assert_allclose"):
        np.testing.assert_allclose(X, W)


def test_another_librarys_array_is_asked_first():
    class Other:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return f"{ufunc.__name__} of another library"

    for ufunc in (np.multiply, np.arctan2):
        for inputs in ((X, Other()), (Other(), X)):
            assert ufunc(*inputs) == f"{ufunc.__name__} of another library"


def test_an_array_of_objects_is_refused_as_an_operand():
    for array in (np.array([1.0, None]), np.array(["a"])):
        with pytest.raises(DataError, match="cannot be differentiated"):
            array * X
