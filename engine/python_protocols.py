"""What Python does with a Variable where the engine has no operation for it.

Nothing drops the graph silently: where a number or an ndarray would be meant, there is a
TypeError that says what to write. (``math.exp(x)`` and ``w[0] = x`` ask for a float, too.)

=====================================  =====================================================
the program writes                     and gets
=====================================  =====================================================
``bool(x)``, ``if x:``                 the truth of one element; ValueError of none or
                                       several, as with NumPy
``f"{x:.3f}"``                         the one element in that format; TypeError of several
``len(x)``                             the length of the first axis; TypeError of a 0-d one
``x == y`` of two Variables,           whether they are the same Variable: Variables are
``hash(x)``, dictionary keys           keys by identity
``x == 2.0``, ``x == x.data``,         TypeError: write ``x.data == ...``
``x < y`` and the other orders
``float(x)``, ``int(x)``,              TypeError: write ``float(x.data)``
``complex(x)``, ``math.exp(x)``
``x[0]``, ``x[0] = 1``, ``for v in``   TypeError: write ``x.data[0]``
``x``, ``1.0 in x``, ``a, b = x``
``x // 2``, ``x % 2``, ``divmod``,     TypeError: write it with ``x.data``
``x & y``, ``x << 1``, ``abs(x)``,
``round(x)``, ``+x``, ``~x``, ...
``range(x)``, ``numbers[x]``,          TypeError of Python's: a Variable is no integer and
``memoryview(x)``, ``bytes(x)``        no buffer
``copy``, ``deepcopy``, ``pickle``     a Variable of its own; of a recorded result, GraphError
=====================================  =====================================================

What NumPy's functions do is said in `numpy_protocols`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .errors import DataError
from .stand_in import StandIn

COMPARED_BY_VALUE = (np.ndarray, np.generic, StandIn, int, float, complex, list, tuple)


class PythonProtocols:
    """The base class of Variable that answers Python's own operations."""

    __slots__ = ()

    if TYPE_CHECKING:
        data: Any

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PythonProtocols):
            return self is other
        if isinstance(other, COMPARED_BY_VALUE):
            raise DataError(
                f"==: a Variable is compared with {_kind(other)}; write x.data == ..., or "
                "`is` for the same Variable"
            )
        return NotImplemented

    def __bool__(self) -> bool:
        data = self.data
        if isinstance(data, np.ndarray) and data.size != 1:
            raise ValueError(
                f"bool: the truth value of a Variable of shape {data.shape} is ambiguous; write "
                "x.data.any() or x.data.all(), or len(x) > 0"
            )
        return bool(data if isinstance(data, StandIn) else _number(data, "bool"))

    def __format__(self, specification: str) -> str:
        if not specification:
            return str(self)
        return format(_number(self.data, f"format {specification!r}"), specification)


def _number(data: Any, what: str) -> Any:
    """Return the one element of an array as a number.

    Raises:
        DataError: there are none or several, or there is no array.
    """
    if isinstance(data, StandIn):
        return data
    if data is None:
        raise DataError(f"{what}: the variable's data is None; assign an ndarray to it first")
    if data.size != 1:
        raise DataError(
            f"{what}: a Variable of shape {data.shape} is not one number; take elements of x.data"
        )
    return data.reshape(())[()]


def _kind(other: Any) -> str:
    if isinstance(other, np.ndarray | StandIn):
        return f"an array of shape {other.shape}"
    return f"{type(other).__name__} {other!r:.40}"


def _refusal(what: str, instead: str) -> Callable[..., NoReturn]:
    """Return a method that raises DataError and says what to write."""

    def refused(_self: PythonProtocols, *_: Any) -> NoReturn:
        raise DataError(
            f"{what}: the engine has no such operation on a Variable; write {instead}, which "
            "has no gradient"
        )

    return refused


def _binary_refusal(what: str, instead: str) -> Callable[..., Any]:
    """Return a method that refuses numbers, arrays and Variables, and leaves others to them."""
    refused = _refusal(what, instead)

    def operator(self: PythonProtocols, other: Any, *_: Any) -> Any:
        if isinstance(other, (PythonProtocols, *COMPARED_BY_VALUE)):
            refused(self)
        return NotImplemented

    return operator


_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_OPERATORS = {
    "floordiv": "//",
    "mod": "%",
    "and": "&",
    "or": "|",
    "xor": "^",
    "lshift": "<<",
    "rshift": ">>",
}
_BINARY = {
    **{f"__{name}__": (symbol, f"x.data {symbol} ...") for name, symbol in _COMPARISONS.items()},
    **{f"__{name}__": (symbol, f"x.data {symbol} ...") for name, symbol in _OPERATORS.items()},
    **{f"__r{name}__": (symbol, f"... {symbol} x.data") for name, symbol in _OPERATORS.items()},
    "__divmod__": ("divmod", "divmod(x.data, ...)"),
    "__rdivmod__": ("divmod", "divmod(..., x.data)"),
}
_OTHERS = {
    "__float__": ("float", "float(x.data)"),
    "__int__": ("int", "int(x.data)"),
    "__complex__": ("complex", "complex(x.data)"),
    "__pos__": ("unary +", "+x.data"),
    "__invert__": ("~", "~x.data"),
    "__abs__": ("abs", "abs(x.data)"),
    "__round__": ("round", "np.round(x.data)"),
    "__floor__": ("math.floor", "np.floor(x.data)"),
    "__ceil__": ("math.ceil", "np.ceil(x.data)"),
    "__trunc__": ("math.trunc", "np.trunc(x.data)"),
    "__getitem__": ("indexing", "x.data[...]"),
    "__setitem__": ("assignment to elements", "x.data[...] = ..."),
    "__delitem__": ("deletion of elements", "np.delete(x.data, ...)"),
    "__iter__": ("iteration", "x.data"),
    "__contains__": ("in", "`... in x.data`"),
}
for _name, _words in _BINARY.items():
    setattr(PythonProtocols, _name, _binary_refusal(*_words))
for _name, _words in _OTHERS.items():
    setattr(PythonProtocols, _name, _refusal(*_words))
