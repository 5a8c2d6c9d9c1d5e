"""The operations, each with its forward and its backward side by side.

Forward and backward are plain NumPy on whatever they are given, and write only into
arrays that they made themselves. Constants come as they were written, Python numbers
among them, and are ``None`` in ``self._edges``: nothing is saved or computed for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from .errors import DataError, EngineError, ShapeError
from .function import PYTHON_NUMBERS, Function
from .stand_in import StandIn
from .variable import Operand, Variable

Array: TypeAlias = Any  # whatever array-like an operation is given
Axis: TypeAlias = int | tuple[int, ...] | None


class Operation(Function):
    """The base of the engine's own operations: each declares what it saves, here nothing."""

    saved_for_backward: Any = ()
    built_in = True
    in_place: Literal["", "saved", "gradient or saved"] = "gradient or saved"
    operation_name = "operation"

    if TYPE_CHECKING:

        def __call__(self, *inputs: Operand) -> Variable: ...

    def __init_subclass__(cls) -> None:
        cls.operation_name = cls.__name__.lower()

    def _engine_error(self, error: Exception) -> type[EngineError] | None:
        if isinstance(error, EngineError):
            return None
        if isinstance(error, TypeError):
            return DataError
        return ShapeError if isinstance(error, ValueError | OverflowError) else None


class Add(Operation):
    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def backward(self, gy: Array, _out: Array | None) -> list[Array | None]:
        return [gy, gy]


class Sub(Operation):
    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def backward(self, gy: Array, out: Array | None) -> list[Array | None]:
        edge_a, edge_b = self._edges
        if edge_b is None:
            return [gy, None]
        return [gy, np.negative(gy, out if edge_a is None else None)]


class Neg(Operation):
    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, gy: Array, out: Array | None) -> list[Array | None]:
        return [np.negative(gy, out)]


class Mul(Operation):
    def forward(self, a: Array, b: Array) -> Array:
        edge_a, edge_b = self._edges
        self.saved_for_backward = (
            None if edge_a is None else b,
            None if edge_b is None or (edge_a is edge_b and a is b) else a,
        )
        return a * b

    def backward(self, gy: Array, out: Array | None) -> list[Array | None]:
        b, a = self.saved_for_backward
        if b is None:
            return [None, np.multiply(gy, a, out)]
        if a is not None:
            return [gy * b, np.multiply(gy, a, out)]
        ga = np.multiply(gy, b, out)
        if self._edges[1] is not None:  # x * x, which saves x once
            ga += ga
        return [ga, None]


class Div(Operation):
    def forward(self, a: Array, b: Array) -> Array:
        _, edge_b = self._edges
        self.saved_for_backward = (None if edge_b is None else a, b)
        return a / b

    def backward(self, gy: Array, out: Array | None) -> list[Array | None]:
        a, b = self.saved_for_backward
        if a is None:
            return [np.true_divide(gy, b, out), None]
        ga = gy / b
        gb = np.multiply(ga, a, None if out is b else out)
        gb /= b
        gb *= -1
        return [ga, gb]


class Pow(Operation):
    def forward(self, a: Array, b: Array) -> Array:
        _, edge_b = self._edges
        try:
            y = a**b
        except (ValueError, OverflowError):
            # NumPy has no integers to negative integer powers.
            if isinstance(b, StandIn) or not np.any(np.less(b, 0)):
                raise
            y = _as_floats(a) ** b
        self.saved_for_backward = (a, b, None if edge_b is None else y)
        return y

    def backward(self, gy: Array, out: Array | None) -> list[Array | None]:
        edge_a, edge_b = self._edges
        a, b, y = self.saved_for_backward
        if edge_b is None:
            return [self._base_gradient(gy, a, b, out), None]
        return [
            None if edge_a is None else self._base_gradient(gy, a, b, None),
            self._exponent_gradient(gy, a, b, y),
        ]

    @staticmethod
    def _base_gradient(gy: Array, a: Array, b: Array, out: Array | None) -> Array:
        if not isinstance(b, PYTHON_NUMBERS):
            # Where b is 0 the gradient is 0, also at a = 0, where a**(b-1) is infinite.
            gx = _as_floats(a) ** (np.where(b == 0, 1, b) - 1)
            return gx * b * gy
        if b == 2:
            gx = np.multiply(gy, a, out)
            gx += gx
            return gx
        if b == 0:
            return np.zeros_like(gy)
        if b == 1:
            return gy
        gx = _as_floats(a) ** (b - 1)
        gx *= b
        return gx * gy

    @staticmethod
    def _exponent_gradient(gy: Array, a: Array, b: Array, y: Array) -> Array:
        if isinstance(a, PYTHON_NUMBERS) and a > 0:
            return gy * y * math.log(a)
        # 0**b is 0 for every b > 0, so it does not change with b: log(1) is 0.
        return gy * y * np.log(np.where((a == 0) & (b > 0), 1, _as_floats(a)))


class Square(Operation):
    def forward(self, x: Array) -> Array:
        self.saved_for_backward = (x,)
        return x * x

    def backward(self, gy: Array, out: Array | None) -> list[Array | None]:
        (x,) = self.saved_for_backward
        gx = np.multiply(gy, x, out)
        gx += gx
        return [gx]


class Exp(Operation):
    def forward(self, x: Array) -> Array:
        y = np.exp(x)
        self.saved_for_backward = (y,)
        return y

    def backward(self, gy: Array, out: Array | None) -> list[Array | None]:
        (y,) = self.saved_for_backward
        return [np.multiply(gy, y, out)]


class Log(Operation):
    def forward(self, x: Array) -> Array:
        self.saved_for_backward = (x,)
        return np.log(x)

    def backward(self, gy: Array, out: Array | None) -> list[Array | None]:
        (x,) = self.saved_for_backward
        return [np.true_divide(gy, x, out)]


class Tanh(Operation):
    in_place = "saved"  # it needs the gradient until its end

    def forward(self, x: Array) -> Array:
        y = np.tanh(x)
        self.saved_for_backward = (y,)
        return y

    def backward(self, gy: Array, out: Array | None) -> list[Array | None]:
        (y,) = self.saved_for_backward
        gx = np.multiply(y, y, out)
        gx = np.subtract(1, gx, out=_ufunc_out(gx))
        gx *= gy
        return [gx]


class Maximum(Operation):
    def forward(self, a: Array, b: Array) -> Array:
        self.saved_for_backward = (a, b)
        return np.maximum(a, b)

    def backward(self, gy: Array, _out: Array | None) -> list[Array | None]:
        edge_a, edge_b = self._edges
        a, b = self.saved_for_backward
        return [
            None if edge_a is None else self._share(gy, a, b),
            None if edge_b is None else self._share(gy, b, a),
        ]

    @staticmethod
    def _share(gy: Array, operand: Array, other: Array) -> Array:
        # At a tie each operand gets half, as a central difference does.
        gx = np.where(operand < other, 0, gy)
        return np.where(operand == other, gx * 0.5, gx)


class Sum(Operation):
    def __init__(self, axis: Axis, keepdims: bool) -> None:
        self.axis = axis
        self.keepdims = keepdims

    def forward(self, x: Array) -> Array:
        self.shape = np.shape(x)
        return np.sum(x, axis=self.axis, keepdims=self.keepdims)

    def backward(self, gy: Array, _out: Array | None) -> list[Array | None]:
        if self.axis is not None and not self.keepdims and self.shape:
            gy = np.expand_dims(gy, self.axis)
        return [np.broadcast_to(gy, self.shape)]


class Matmul(Operation):
    def forward(self, a: Array, b: Array) -> Array:
        edge_a, edge_b = self._edges
        self.saved_for_backward = (
            None if edge_b is None else a,
            None if edge_a is None else b,
        )
        self.shapes = (np.shape(a), np.shape(b))
        return a @ b

    def backward(self, gy: Array, _out: Array | None) -> list[Array | None]:
        # A vector is a matrix of one row on the left, of one column on the right.
        a, b = self.saved_for_backward
        shape_a, shape_b = self.shapes
        if len(shape_b) == 1:
            gy = np.expand_dims(gy, -1)
        if len(shape_a) == 1:
            gy = np.expand_dims(gy, -2)
        ga = gb = None
        if b is not None:
            columns = np.expand_dims(b, -1) if len(shape_b) == 1 else b
            rows = np.swapaxes(columns, -1, -2)
            ga = gy * rows if np.shape(gy)[-1] == 1 else gy @ rows  # quicker for one column
            if len(shape_a) == 1:
                ga = np.squeeze(ga, -2)
        if a is not None:
            rows = np.expand_dims(a, -2) if len(shape_a) == 1 else a
            gb = np.swapaxes(rows, -1, -2) @ gy
            if len(shape_b) == 1:
                gb = np.squeeze(gb, -1)
        return [ga, gb]


def _ufunc_out(x: Any) -> Any:
    """Return ``x`` as a ufunc's ``out`` if it is an array; None for a NumPy scalar."""
    return x if isinstance(x, np.ndarray) else None


def _as_floats(a: Any) -> Any:
    """Return ``a`` as floats, of which NumPy computes every power."""
    if isinstance(a, PYTHON_NUMBERS):
        return float(a)
    return a if a.dtype.kind == "f" else a.astype(np.float64)


# Calling the function is quicker than calling the instance, which looks it up.
record: Callable[..., Variable] = Function.__call__


def add(x0: Operand, x1: Operand) -> Variable:
    """x0 + x1, broadcast as NumPy does."""
    return record(Add(), x0, x1)


def sub(x0: Operand, x1: Operand) -> Variable:
    """x0 - x1, broadcast as NumPy does."""
    return record(Sub(), x0, x1)


def mul(x0: Operand, x1: Operand) -> Variable:
    """x0 * x1, broadcast as NumPy does."""
    return record(Mul(), x0, x1)


def div(x0: Operand, x1: Operand) -> Variable:
    """x0 / x1, broadcast as NumPy does; of integers, float64."""
    return record(Div(), x0, x1)


def neg(x: Operand) -> Variable:
    """-x."""
    return record(Neg(), x)


def pow(x0: Operand, x1: Operand) -> Variable:  # noqa: A001
    """x0 ** x1, broadcast as NumPy does; integers to negative powers are float64.

    The gradient of x**0 is 0 everywhere, that of 0**c with respect to c > 0 is 0; that
    of a negative base with respect to its exponent does not exist (nan).
    """
    return record(Pow(), x0, x1)


def square(x: Operand) -> Variable:
    """x * x."""
    return record(Square(), x)


def exp(x: Operand) -> Variable:
    """e to the power of x."""
    return record(Exp(), x)


def log(x: Operand) -> Variable:
    """The natural logarithm of x."""
    return record(Log(), x)


def tanh(x: Operand) -> Variable:
    """The hyperbolic tangent of x."""
    return record(Tanh(), x)


def maximum(x0: Operand, x1: Operand) -> Variable:
    """The larger of x0 and x1, elementwise, broadcast as NumPy does.

    Where they are equal each gets half of the gradient; where one is nan, each gets all.
    """
    return record(Maximum(), x0, x1)


def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Variable:  # noqa: A001
    """The sum of x over an axis, several (a tuple), or all of them (None)."""
    return record(Sum(axis, keepdims), x)


def matmul(x0: Operand, x1: Operand) -> Variable:
    """x0 @ x1 as NumPy has it: vectors, matrices, and stacks of matrices that broadcast."""
    return record(Matmul(), x0, x1)


def _reflected(operation: Callable[[Any, Any], Variable]) -> Callable[[Any, Any], Variable]:
    return lambda self, other: operation(other, self)


for _symbol, _operation in {
    "add": add,
    "sub": sub,
    "mul": mul,
    "truediv": div,
    "pow": pow,
    "matmul": matmul,
}.items():
    setattr(Variable, f"__{_symbol}__", _operation)
    setattr(Variable, f"__r{_symbol}__", _reflected(_operation))
setattr(Variable, "__neg__", neg)  # noqa: B010
