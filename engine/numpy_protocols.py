"""What NumPy's functions do with a Variable among their arguments.

A Variable never becomes an element of an object array, and never an ndarray unasked:
either the engine's operation computes the function, with gradients, or there is a
TypeError that names the function and what to write.

=====================================  =====================================================
the program writes                     and gets
=====================================  =====================================================
``w * x``, ``w @ x``, ``2.0 - x``      the engine's operation; also with an ndarray or NumPy
                                       scalar ``w`` on the left
``np.add(w, x)``, ``subtract``,        the engine's operation
``multiply``, ``divide``, ``power``,
``matmul``, ``maximum``, ``negative``,
``square``, ``exp``, ``log``, ``tanh``
``np.sum(x, axis, keepdims=...)``      the engine's sum
``np.dot(w, x)``                       the engine's product, of arrays of up to two axes
``np.shape(x)``, ``ndim``, ``size``    those of ``x.data``
one of these with ``out=``,            TypeError: they write into an ndarray or compute
``where=``, ``dtype=``, ...;           part of a result, which has no gradient here.
``w += x``                             Write ``w = w + x``
``np.add.reduce``, ``accumulate``,     TypeError: write ``sum(x)``, or use ``x.data``
``at``, ``outer``
every other function: ``np.where``,    TypeError: use ``x.data``
``np.outer``, ``np.stack``,
``np.zeros_like``, ``np.argmax``,
``np.array_equal``, ``np.save``,
``np.equal`` (``w == x``), ...
``np.asarray(x)``, also of objects;    TypeError: use ``x.data``
``np.array([x, x])``, ``w.dot(x)``
and the other methods of ndarray,
``w[x]``, ``np.float64(x)``
``w[0] = x``                           TypeError, or NumPy's ValueError that it causes
=====================================  =====================================================
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NoReturn

import numpy as np

from . import operations
from .errors import DataError
from .operations import Axis, Operation
from .stand_in import ARRAYS
from .variable import Variable

KNOWN: Final[tuple[type[Any], ...]] = (Variable, *ARRAYS, np.generic, int, float)

OPERATIONS: Final[dict[np.ufunc, type[Operation]]] = {
    np.add: operations.Add,
    np.subtract: operations.Sub,
    np.multiply: operations.Mul,
    np.divide: operations.Div,
    np.power: operations.Pow,
    np.matmul: operations.Matmul,
    np.maximum: operations.Maximum,
    np.negative: operations.Neg,
    np.square: operations.Square,
    np.exp: operations.Exp,
    np.log: operations.Log,
    np.tanh: operations.Tanh,
}


def _sum(
    a: Any, axis: Axis = None, dtype: None = None, out: None = None, keepdims: bool = False
) -> Variable:
    _refuse_keywords("np.sum", {"dtype": dtype, "out": out}, "sum(x, axis, keepdims)")
    return operations.sum(a, axis, keepdims)


def _dot(a: Any, b: Any, out: None = None) -> Variable:
    _refuse_keywords("np.dot", {"out": out}, "matmul(w, x)")
    dimensions = [getattr(x, "ndim", 0) for x in (a, b)]
    if 0 in dimensions:
        return operations.mul(a, b)
    if max(dimensions) > 2:
        raise DataError(
            f"np.dot: the engine has none for arrays of {dimensions[0]} and {dimensions[1]} axes; "
            "write matmul(w, x), which multiplies stacks of matrices"
        )
    return operations.matmul(a, b)


def _shape(a: Variable) -> tuple[int, ...]:
    return a.shape


def _ndim(a: Variable) -> int:
    return a.ndim


def _size(a: Variable, axis: int | None = None) -> int:
    return a.size if axis is None else a.shape[axis]


FUNCTIONS: Final[dict[Any, Callable[..., Any]]] = {
    np.sum: _sum,
    np.dot: _dot,
    np.shape: _shape,
    np.ndim: _ndim,
    np.size: _size,
}


def _array_ufunc(
    _self: Variable, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any
) -> Any:
    """Compute a ufunc with the engine's operation.

    Raises:
        DataError: (a TypeError) there is none, or not with this method or these keywords.
    """
    operation = OPERATIONS.get(ufunc)
    if operation is not None and method == "__call__" and not keywords:
        try:
            return operation()(*inputs)
        except DataError:
            if _another_library_is_asked(inputs):
                return NotImplemented
            raise
    if _another_library_is_asked(inputs):
        return NotImplemented
    name = f"np.{ufunc.__name__}"
    if method != "__call__":
        instead = "sum(x, axis)" if ufunc is np.add and method == "reduce" else ""
        _refuse(f"{name}.{method}", instead)
    if operation is None:
        _refuse(name)
    if keywords.get("where") is True:  # as without it
        del keywords["where"]
    in_place = " (in `w += x`, too)" if "out" in keywords else ""
    _refuse_keywords(name + in_place, keywords, f"w = {operation.operation_name}(w, x)")
    return operation()(*inputs)


def _another_library_is_asked(inputs: tuple[Any, ...]) -> bool:
    """Whether there is an array of another library, which may know what to do."""
    return any(not isinstance(x, KNOWN) and hasattr(type(x), "__array_ufunc__") for x in inputs)


def _array_function(_self: Variable, function: Any, _types: Any, args: Any, kwargs: Any) -> Any:
    """Compute a function of NumPy's with the engine's operation.

    Raises:
        DataError: (a TypeError) there is none, or not with these arguments.
    """
    name = f"{function.__module__}.{function.__name__}".replace("numpy.", "np.", 1)
    implementation = FUNCTIONS.get(function)
    if implementation is None:
        _refuse(name)
    try:
        inspect.signature(implementation).bind(*args, **kwargs)
    except TypeError as error:
        raise DataError(
            f"{name} of a Variable: {error}; leave it out, or use .data for values without a "
            "gradient"
        ) from None
    return implementation(*args, **kwargs)


def _array(_self: Variable, *_: Any, **__: Any) -> NoReturn:
    """Refuse to become an ndarray, which would have no graph."""
    raise DataError(
        f"NumPy would make an ndarray of a Variable, without its graph{_calling_line()}; write "
        "x.data for its values, or the engine's operation, such as matmul(w, x) for w.dot(x)"
    )


def _calling_line() -> str:
    """Quote the line that called NumPy, which does not say which of its functions it was."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("numpy."):
        frame = frame.f_back
    if frame is None:
        return ""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return f", in `{line:.80}`" if line else ""


def _refuse(name: str, instead: str = "") -> NoReturn:
    if not instead:
        known = ", ".join(sorted(["sum", *[o.operation_name for o in OPERATIONS.values()]]))
        instead = f"it with the engine's operations ({known})"
    raise DataError(
        f"{name}: the engine has no such operation on Variables; use .data of each for values "
        f"without a gradient, or write {instead}"
    )


def _refuse_keywords(name: str, keywords: dict[str, Any], instead: str) -> None:
    """Raise DataError if one of the keywords has a value."""
    words = [f"{keyword}=" for keyword, value in keywords.items() if value is not None]
    if words:
        raise DataError(
            f"{name} of a Variable with {', '.join(words)} has no gradient; write {instead}"
        )


for _name, _method in {
    "__array_ufunc__": _array_ufunc,
    "__array_function__": _array_function,
    "__array__": _array,
}.items():
    setattr(Variable, _name, _method)
