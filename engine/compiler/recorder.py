"""The recorder: NumPy's operations on recorded arrays, added to the program."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from ..stand_in import StandIn
from .keys import may_change
from .program import Builder, Program, Shape, numpy_function
from .recorded_array import RecordedArray
from .refusing import refuse, user_line

PLAIN = frozenset({RecordedArray, np.ndarray, np.float32, np.float64, np.bool_, bool, int, float})


class Recorder:
    """One recording: the builder, the arrays from outside, and the thread that records.

    Attributes:
        functions: the implementations of NumPy's functions that can be recorded.
        methods: the implementations of ndarray's methods, by name.
        builder: the program so far.
        outside_arrays: the ndarrays from outside, each with the line that used it, by id; they
            are kept alive, so that no id is used twice.
        thread: the id of the thread that records; None once the recording is over.
    """

    def __init__(
        self, functions: Mapping[Any, Callable[..., Any]], methods: Mapping[str, Callable[..., Any]]
    ) -> None:
        self.functions, self.methods = functions, methods
        self.builder = Builder(user_line)
        self.outside_arrays: dict[int, tuple[np.ndarray[Any, Any], str]] = {}
        self._baked: dict[int, tuple[int, np.ndarray[Any, Any]]] = {}
        self.thread: int | None = threading.get_ident()

    def input(self, index: int, shape: Shape, dtype: np.dtype[Any]) -> RecordedArray:
        """Return the stand-in of an argument."""
        array = self.new(self.builder.input(index, shape, dtype))
        array._is_input = True
        return array

    def constant(self, value: Any, shape: Shape, dtype: np.dtype[Any]) -> RecordedArray:
        """Return a stand-in for an array of one number."""
        return self.new(self.builder.constant(value, shape, dtype))

    def new(self, number: int) -> RecordedArray:
        """Return a stand-in for a new array that holds a node's value."""
        return RecordedArray(self, number)

    def result(self, number: int) -> RecordedArray:
        """Return a stand-in for a computation's result: a NumPy scalar where it is 0-d."""
        array = RecordedArray(self, number)
        array._is_scalar = not array.shape
        return array

    def finish(self, outputs: list[Any]) -> Program:
        """End the recording and return the program that computes these outputs."""
        program = self.builder.finish([self.node_of(x) for x in outputs])
        self.thread = None
        return program

    def node_of(self, x: Any) -> int:
        """Return the node of an operand: a stand-in, an array or a NumPy number.

        Raises:
            RecordingError: a stand-in of another recording.
        """
        if isinstance(x, RecordedArray):
            return x._node_for(self)
        if isinstance(x, bool):
            x = np.bool_(x)
        if isinstance(x, np.generic):
            return self.builder.constant(x, (), x.dtype)
        if isinstance(x, list | tuple):
            x = np.array(x)
        if type(x) is not np.ndarray or x.dtype.kind not in "biuf":
            refuse(f"an operand of type {type(x).__name__}", "use ndarrays of numbers")
        number, array = self._baked.get(id(x), (-1, x))
        # The array may have been written into since its first use.
        if number < 0 or (array is not x and array.tobytes() != x.tobytes()):
            self.outside_arrays[id(x)] = (x, user_line())
            array = x.copy() if may_change(x) else x
            number = self.builder.array(array)
            self._baked[id(x)] = (number, array)
        return number

    def elementwise(
        self, ufunc: np.ufunc, inputs: tuple[Any, ...], out: RecordedArray | None = None
    ) -> RecordedArray:
        """Record a ufunc on operands, of which Python numbers do not decide the dtype."""
        profile = sys.getprofile()
        if type(profile) is not FunctionType or not PLAIN.issuperset(map(type, inputs)):
            return self._elementwise(ufunc, inputs, out)
        # No code of the user's runs in here, so what watches its calls need not see ours.
        sys.setprofile(None)
        try:
            return self._elementwise(ufunc, inputs, out)
        finally:
            sys.setprofile(profile)

    def _elementwise(
        self, ufunc: np.ufunc, inputs: tuple[Any, ...], out: RecordedArray | None
    ) -> RecordedArray:
        name = ufunc.__name__
        if out is not None and out._is_scalar:
            out = None  # `scalar += x` makes a new one
        operand_types = [type(x) if type(x) in (int, float) else dtype_of(x) for x in inputs]
        *operand_dtypes, result = ufunc.resolve_dtypes(
            (*operand_types, out.dtype if out is not None else None)
        )
        if not all(dtype.kind in "biuf" for dtype in (*operand_dtypes, result)):
            refuse(
                f"np.{name} of {', '.join(map(str, operand_types))}",
                "use booleans, integers or floats",
            )
        if name == "power" and result.kind in "iu" and type(inputs[1]) is not int:
            refuse("a power of integers", "its dtype depends on values; make one of them float")
        if name == "power" and result.kind in "iu" and inputs[1] < 0:
            raise ValueError("Integers to negative integer powers are not allowed.")
        numbers = []
        for x, dtype in zip(inputs, operand_dtypes, strict=True):
            if type(x) in (int, float):
                with np.errstate(all="ignore"):
                    numbers.append(self.builder.constant(np.array(x, dtype), (), dtype))
            else:
                numbers.append(self.builder.cast(self.node_of(x), dtype))
        shapes = [self.builder.nodes[n].shape for n in numbers]
        shape = shapes[0] if len(set(shapes)) == 1 else np.broadcast_shapes(*shapes)
        if out is not None and shape != out.shape:
            if np.broadcast_shapes(shape, out.shape) != out.shape:
                raise ValueError(
                    f"non-broadcastable output operand with shape {out.shape} doesn't match "
                    f"the broadcast shape {shape}"
                )
            shape = out.shape
        number = self.builder.elementwise(name, numbers, shape, result)
        if out is None:
            return self.result(number)
        out._write(self.builder.cast(number, out.dtype))
        return out

    def where(self, condition: Any, x: Any, y: Any) -> RecordedArray:
        """Record ``np.where`` of three operands."""
        dtype = np.result_type(*[v if type(v) in (int, float) else dtype_of(v) for v in (x, y)])
        numbers = [self.as_bool(condition)]
        for value in (x, y):
            if type(value) in (int, float, bool):
                numbers.append(self.builder.constant(value, (), dtype))
            else:
                numbers.append(self.builder.cast(self.node_of(value), dtype))
        shape = np.broadcast_shapes(*[self.builder.nodes[n].shape for n in numbers])
        return self.new(self.builder.elementwise("where", numbers, shape, dtype))

    def as_bool(self, condition: Any) -> int:
        """Return the node of a condition, as booleans."""
        if type(condition) in (int, float, bool):
            condition = np.bool_(condition)
        return self.builder.cast(self.node_of(condition), np.dtype(bool))

    def reduce(
        self, name: str, x: Any, axis: Any, keepdims: bool, dtype: np.dtype[Any] | None
    ) -> RecordedArray:
        """Record a reduction over an axis, several, or all (None)."""
        number = self.node_of(x)
        node = self.builder.nodes[number]
        axes = normalize_axes(axis, len(node.shape))
        if name != "add" and any(node.shape[i] == 0 for i in axes):
            raise ValueError(f"zero-size array to reduction operation {name} which has no identity")
        if dtype is None:
            function = numpy_function(name)
            dtype = function.reduce(np.ones(1, node.dtype)).dtype  # type: ignore[attr-defined]
        result = number
        if axes or dtype != node.dtype:
            result = self.builder.reduce(name, number, axes, dtype)
        elif name == "add":  # to a zero, so that -0.0 becomes 0.0
            zero = self.builder.constant(dtype.type(0), (), dtype)
            result = self.builder.elementwise(name, [number, zero], node.shape, dtype)
        if keepdims:
            reduced_shape = tuple(1 if i in axes else n for i, n in enumerate(node.shape))
            result = self.builder.view("reshape", result, reduced_shape)
        return self.result(result)

    def matmul(self, left: Any, right: Any) -> RecordedArray:
        """Record ``np.matmul``."""
        numbers = [self.node_of(x) for x in (left, right)]
        *operand_dtypes, result = np.matmul.resolve_dtypes((dtype_of(left), dtype_of(right), None))
        a, b = [
            self.builder.cast(n, dtype) for n, dtype in zip(numbers, operand_dtypes, strict=True)
        ]
        shape = matmul_shape(self.builder.nodes[a].shape, self.builder.nodes[b].shape)
        return self.result(self.builder.matmul(a, b, shape, result))


def dtype_of(x: Any) -> np.dtype[Any]:
    """Return the dtype of an operand."""
    return x.dtype if isinstance(x, StandIn | np.ndarray | np.generic) else np.asarray(x).dtype


def normalize_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes as non-negative integers in order; all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    if any(not -ndim <= i < ndim for i in axes):
        if ndim == 0 and all(i in (0, -1) for i in axes):
            return ()  # NumPy reduces a 0-d array over axis 0 and -1
        raise np.exceptions.AxisError(next(i for i in axes if not -ndim <= i < ndim), ndim)
    if len({i % ndim for i in axes}) != len(axes):
        raise ValueError("duplicate value in 'axis'")
    return tuple(sorted(i % ndim for i in axes))


def matmul_shape(a: Shape, b: Shape) -> Shape:
    """Return the shape of a matrix product.

    Raises:
        ValueError: the shapes do not fit.
    """
    if not a or not b or a[-1] != (b[-2] if len(b) > 1 else b[0]):
        raise ValueError(f"matmul: shapes {a} and {b} do not fit")
    stack = np.broadcast_shapes(a[:-2], b[:-2])
    return stack + a[-2:-1] + (b[-1:] if len(b) > 1 else ())
