"""The operators of a Variable with any operand on either side."""

import operator

import numpy as np
import pytest

from gradmeter.engine import Variable

OPERANDS = {
    "a Variable": lambda: Variable(np.array([[2.0, 1.0, 3.0]])),
    "an array": lambda: np.array([[2.0, 1.0, 3.0]]),
    "a float32 array": lambda: np.array([2.0, 1.0, 3.0], np.float32),
    "an integer array": lambda: np.array([2, 1, 3]),
    "a 0-d array": lambda: np.array(2.0),
    "a NumPy float64": lambda: np.float64(2.0),
    "a NumPy float32": lambda: np.float32(2.0),
    "a NumPy integer": lambda: np.int64(2),
    "a float": lambda: 2.0,
    "an integer": lambda: 2,
    "a boolean": lambda: True,
}
OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}


def data_of(x):
    return x.data if isinstance(x, Variable) else x


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("symbol", OPERATORS)
def test_an_operator_gives_a_variable_of_what_numpy_computes(symbol, operand, dtype):
    apply = OPERATORS[symbol]
    data = np.array([[1, 2, 3], [4, 5, 6]], dtype)
    for both_ways in (apply, lambda a, b: apply(b, a)):
        x, other = Variable(data), OPERANDS[operand]()
        y = both_ways(x, other)
        expected = both_ways(data, data_of(other))
        assert type(y) is Variable
        assert type(y.data) is np.ndarray
        assert y.dtype == expected.dtype
        np.testing.assert_array_equal(y.data, expected)
        y.backward()
        assert type(x.grad) is np.ndarray
        assert x.grad.shape == data.shape
        assert x.grad.dtype == (dtype if dtype is np.float32 else np.float64)


@pytest.mark.parametrize("operand", ["a Variable", "an array", "a float32 array"])
def test_the_matmul_operator_takes_a_variable_or_an_array_on_either_side(operand):
    other = OPERANDS[operand]()
    matrix = np.arange(6.0).reshape(3, 2)
    left, right = Variable(matrix), Variable(matrix)
    np.testing.assert_array_equal((other @ right).data, data_of(other) @ matrix)
    column = other.T if isinstance(other, np.ndarray) else Variable(other.data.T)
    np.testing.assert_array_equal((Variable(matrix.T) @ column).data, matrix.T @ data_of(column))
    y = other @ right
    y.backward()
    assert type(y) is Variable
    assert right.grad.shape == matrix.shape
    assert left.grad is None


def test_only_variables_receive_gradients():
    x, constant = Variable(np.array([1.0, 2.0])), np.array([3.0, 4.0])
    y = constant * x + 2.0
    y.backward()
    assert x.grad.tolist() == [3.0, 4.0]
    assert constant.tolist() == [3.0, 4.0]
    assert y.creator.inputs[0].creator.inputs == (x,)


def test_the_books_expressions_with_arrays_and_numbers():
    x = Variable(np.array(2.0))
    assert repr(x + np.array(3.0)) == "variable(5.0)"
    assert repr(x + 3.0) == "variable(5.0)"
    assert repr(3.0 * x + 1.0) == "variable(7.0)"
    assert repr(np.array([2.0]) + x) == "variable([4.])"
    assert repr(np.array([1.0]) + Variable(np.array([2.0]))) == "variable([3.])"
    assert repr(-x) == "variable(-2.0)"
    assert repr(2.0 - x) == "variable(0.0)"
    assert repr(x - 1.0) == "variable(1.0)"
    assert repr(3.0 / x) == "variable(1.5)"
    assert repr(x / 4) == "variable(0.5)"
    assert repr(x**3) == "variable(8.0)"
    assert repr(pow(x, 3)) == "variable(8.0)"
