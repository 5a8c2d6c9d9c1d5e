"""Operands, data, seeds and arguments that are wrong: an error that says what and where."""

from decimal import Decimal
from operator import add, matmul, mul, neg, pow, sub, truediv  # noqa: A004

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis.extra import numpy as hnp

from gradmeter import engine
from gradmeter.engine import EngineError, Function, Variable, no_grad, using_config

from ..thorough import examples

BINARY = {
    "add": [engine.add, add],
    "sub": [engine.sub, sub],
    "mul": [engine.mul, mul],
    "div": [engine.div, truediv],
    "pow": [engine.pow, pow],
    "maximum": [engine.maximum],
    "matmul": [engine.matmul, matmul],
}
UNARY = ["neg", "square", "exp", "log", "tanh", "sum"]
SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=4)
NOT_ARRAYS = {
    "a string": "a",
    "None": None,
    "a list": [1.0, 2.0],
    "a tuple": (1.0, 2.0),
    "a dictionary": {},
    "an object": object(),
    "a class": Variable,
    "a complex number": 1j,
    "a decimal": Decimal(1),
    "a NumPy string": np.str_("a"),
    "a NumPy complex number": np.complex128(1j),
    "a date": np.datetime64("2000-01-01"),
}
NOT_NUMERIC = {
    "complex": np.array([1j, 2.0]),
    "object": np.array([1.0, 2.0], object),
    "strings": np.array(["a", "b"]),
    "bytes": np.array([b"a", b"b"]),
    "dates": np.array(["2000-01-01"] * 2, "M8[D]"),
    "durations": np.array([1, 2], "m8[s]"),
    "records": np.zeros(2, [("a", "f8")]),
    "a 0-d object": np.array(1.0, object),
}
BAD = {**NOT_ARRAYS, **NOT_NUMERIC}


def whole_message(error):
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


class Times(Function):  # as the book writes it
    def forward(self, a, b):
        return a * b

    def backward(self, gy):
        a, b = self.inputs[0].data, self.inputs[1].data
        return gy * b, gy * a


# Operands.


@pytest.mark.parametrize("name", [n for n in BINARY if n != "matmul"])
@given(left=SHAPES, right=SHAPES)
@settings(deadline=None, max_examples=examples(25))
def test_shapes_that_do_not_broadcast_are_named_with_the_operation(name, left, right):
    try:
        np.broadcast_shapes(left, right)
        assume(False)
    except ValueError:
        pass
    for operation in BINARY[name]:
        for a, b in [
            (Variable(np.ones(left)), Variable(np.ones(right))),
            (Variable(np.ones(left)), np.ones(right)),
            (np.ones(left), Variable(np.ones(right))),
        ]:
            with pytest.raises(ValueError, match=name) as caught:
                operation(a, b)
            assert isinstance(caught.value, EngineError)
            assert str(left) in str(caught.value)
            assert str(right) in str(caught.value)


@pytest.mark.parametrize(
    ("left", "right"),
    [((2, 3), (2, 3)), ((3,), (2,)), ((2, 2, 3), (3, 3, 2)), ((), (2,)), ((2,), ()), ((0,), (1,))],
)
def test_matmul_names_the_shapes_that_it_cannot_multiply(left, right):
    for operation in BINARY["matmul"]:
        with pytest.raises(ValueError, match="matmul") as caught:
            operation(Variable(np.ones(left)), Variable(np.ones(right)))
        assert str(left) in str(caught.value)
        assert str(right) in str(caught.value)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("bad", BAD)
def test_an_operand_of_a_wrong_type_is_refused_by_the_operation(name, bad):
    x = Variable(np.ones(2))
    no_matrix = name == "matmul" and isinstance(BAD[bad], np.generic | np.ndarray)
    for operation in BINARY[name]:
        for operands in [(x, BAD[bad]), (BAD[bad], x)]:
            with pytest.raises((TypeError, ValueError) if no_matrix else TypeError, match=name):
                operation(*operands)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("bad", BAD)
def test_the_only_operand_of_a_wrong_type_is_refused_too(name, bad):
    with pytest.raises(TypeError, match=name):
        getattr(engine, name)(BAD[bad])


@pytest.mark.parametrize("bad", BAD)
def test_a_users_function_refuses_operands_of_a_wrong_type(bad):
    with pytest.raises(TypeError) as caught:
        Times()(Variable(np.ones(2)), BAD[bad])
    assert "Times" in whole_message(caught.value)


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_number_too_large_for_the_dtype_is_an_error_of_the_operation(number):
    x = Variable(np.ones(2))
    for operation in (engine.add, engine.mul, engine.maximum, engine.div, Times()):
        with pytest.raises((ValueError, OverflowError)) as caught:
            operation(x, number)
        name = type(operation).__name__ if isinstance(operation, Times) else operation.__name__
        assert name in whole_message(caught.value)


@pytest.mark.parametrize("number", [300, -1])
def test_a_number_outside_a_small_integer_dtype_is_an_error_of_the_operation(number):
    x = Variable(np.array([1, 2], np.uint8))
    for operation in (engine.add, Times()):
        with pytest.raises((ValueError, OverflowError)) as caught:
            operation(x, number)
        name = type(operation).__name__ if isinstance(operation, Times) else operation.__name__
        assert name in whole_message(caught.value)


@pytest.mark.parametrize("axis", [2, -3, (0, 2), (0, 0), (0, -2)])
def test_an_axis_that_does_not_exist_is_named_with_the_operation_and_shape(axis):
    with pytest.raises(ValueError, match=r"sum.*\(2, 3\)"):
        engine.sum(Variable(np.ones((2, 3))), axis=axis)


@pytest.mark.parametrize("axis", [0.5, "rows", [0]])
def test_an_axis_of_a_wrong_type_is_named_with_the_operation(axis):
    with pytest.raises(TypeError, match=r"sum.*\(2, 3\)"):
        engine.sum(Variable(np.ones((2, 3))), axis=axis)


def test_booleans_cannot_be_subtracted_or_negated():
    x = Variable(np.array([True, False]))
    with pytest.raises(TypeError, match=r"sub.*bool.*\(2,\)"):
        x - x
    with pytest.raises(TypeError, match=r"neg.*bool.*\(2,\)"):
        neg(x)


# Data.


@pytest.mark.parametrize("bad", [b for b in BAD if b != "None"])
def test_data_of_a_wrong_type_is_refused(bad):
    with pytest.raises(TypeError, match="Variable"):
        Variable(BAD[bad])
    with pytest.raises(TypeError, match="already"):
        Variable(Variable(np.ones(2)))


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("recorded", [True, False])
def test_data_replaced_by_something_wrong_is_refused_by_the_next_operation(bad, recorded):
    x = Variable(np.ones(2))
    t = x * 2.0
    x.data = t.data = BAD[bad]
    with using_config("enable_backprop", recorded):
        for v in (x, t):
            for name in UNARY:
                with pytest.raises(TypeError, match=name):
                    getattr(engine, name)(v)
            for name, operations in BINARY.items():
                for operation in operations:
                    with pytest.raises(TypeError, match=name):
                        operation(np.ones(2), v)
            with pytest.raises(TypeError, match="Times"):
                Times()(v, 2.0)
    with pytest.raises(TypeError, match="backward"):
        x.backward()
    assert x.grad is None


def test_an_empty_variable_cannot_be_computed_with():
    x = Variable(None)
    with pytest.raises(TypeError, match=r"square.*None"):
        engine.square(x)
    with pytest.raises(TypeError, match=r"backward.*None"):
        x.backward()
    x.data = np.array(3.0)
    engine.square(x).backward()
    assert x.grad == 6.0


def test_data_that_is_gone_at_the_backward_fails_there_and_changes_nothing():
    x, w = Variable(np.array([1.0, 2.0])), Variable(np.array([3.0, 4.0]))
    y = Times()(x, w) + x
    x.data = None
    with pytest.raises(TypeError) as caught:
        y.backward(retain_grad=True)
    assert "Times" in whole_message(caught.value)
    assert x.grad is w.grad is y.grad is None


def test_an_operation_that_saved_its_arrays_does_not_mind_replaced_data():
    x = Variable(np.array([1.0, 2.0]))
    t = engine.square(x)
    y = t * x
    x.data, t.data, y.data = np.zeros(2), None, None
    y.backward()
    assert x.grad.tolist() == [3.0, 12.0]


@pytest.mark.parametrize(("before", "after"), [((3,), (1,)), ((1,), (3,)), ((2, 3), (3,))])
def test_a_leaf_that_was_used_with_two_shapes_has_no_gradient(before, after):
    x = Variable(np.ones(before))
    t = x * 2.0
    x.data = np.ones(after)
    y = engine.sum(t) + engine.sum(x)
    with pytest.raises(ValueError, match="shape") as caught:
        y.backward()
    assert str(before) in str(caught.value)
    assert str(after) in str(caught.value)
    assert x.grad is None


# Values that are not finite.


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [*UNARY, "add", "sub", "mul", "div", "pow", "maximum"])
def test_what_is_not_finite_propagates_as_in_numpy(name, value):
    data = np.array([1.0, value, 2.0])
    numpy_name = {"neg": "negative", "sub": "subtract", "mul": "multiply"}.get(name, name)
    numpy_name = {"div": "divide", "pow": "power"}.get(numpy_name, numpy_name)
    constants = [] if name in UNARY else [3.0]
    with np.errstate(invalid="ignore"):
        y = getattr(engine, name)(Variable(data), *constants)
        np.testing.assert_array_equal(y.data, getattr(np, numpy_name)(data, *constants))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "name", ["neg", "square", "exp", "log", "tanh", "add", "mul", "div", "pow"]
)
def test_a_seed_that_is_not_finite_reaches_its_own_entries_only(name, value):
    data, seed = np.array([1.0, 0.5, 2.0]), np.array([1.0, value, 1.0])
    gradients = []
    for s in (np.ones(3), seed):
        x = Variable(data)
        y = getattr(engine, name)(x, *([] if name in UNARY else [3.0]))
        y.grad = s
        y.backward()
        gradients.append(x.grad)
    assert not np.isfinite(gradients[1][1])
    assert gradients[1][[0, 2]].tolist() == gradients[0][[0, 2]].tolist()


# Where there is no graph, and where it is gone.


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
@pytest.mark.parametrize("shape", [(), (2, 3), (0,)])
def test_backward_on_a_leaf_makes_its_grad_the_seed(shape, dtype):
    x = Variable(np.ones(shape, dtype))
    for _ in range(2):
        x.backward()
        assert type(x.grad) is np.ndarray
        assert x.grad.dtype == (dtype if dtype is np.float32 else np.float64)
        assert x.grad.shape == shape
        assert (x.grad == 1).all()
        assert not np.shares_memory(x.grad, x.data)
        x.grad += 0  # writable
    x.grad = np.full(shape, 5)
    x.backward()
    assert x.grad.tolist() == np.full(shape, 5).tolist()
    assert x.grad.dtype == (dtype if dtype is np.float32 else np.float64)


def test_backward_without_a_graph_says_why():
    x = Variable(np.ones(2))
    with no_grad():
        unrecorded = x * 2.0
    for y in (unrecorded, engine.add(np.ones(2), 2.0), engine.exp(1.0)):
        y.grad = seed = np.ones(y.shape)
        with pytest.raises(RuntimeError, match="no_grad"):
            y.backward()
        assert y.grad is seed
    assert x.grad is None


def test_a_second_backward_says_what_to_do():
    x = Variable(np.array([1.0, 2.0]))
    t = engine.square(x)
    y, z = t * 3.0, t + 1.0
    y.backward()
    once = x.grad
    for root in (y, z, t):
        root.grad = seed = np.ones(2)
        with pytest.raises(RuntimeError, match="retain_graph"):
            root.backward(retain_grad=True)
        assert root.grad is seed
    assert x.grad is once
    assert once.tolist() == [6.0, 12.0]
