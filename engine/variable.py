"""Variable: an array, the operation that computed it, and its gradient."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .edge import source_of
from .errors import DataError
from .python_protocols import PythonProtocols
from .stand_in import ARRAYS, StandIn

if TYPE_CHECKING:
    from .function import Edge, Function


Operand: TypeAlias = "Variable | np.ndarray[Any, Any] | np.generic | float"

NO_GRAPH: tuple[()] = ()
"""The edge of a result that was not recorded; a leaf's edge is None."""


class Variable(PythonProtocols):
    """An array that refers to the operation that computed it, and can hold a gradient.

    Args:
        data: an ndarray of booleans, integers or floats, of any shape; or None.
        name: a name to show in traces and reports.

    Attributes:
        data: the array. Only read by the engine; assigning another one is allowed.
        grad: the gradient, an ndarray of the shape of ``data`` and of its dtype (float64
            where ``data`` is not of floats), or None. Shares memory with nothing.
        name: as given.

    Raises:
        DataError: (a TypeError) if data is anything else.
    """

    __slots__ = ("__weakref__", "_edge", "data", "grad", "name")

    data: np.ndarray[Any, Any]  # None is allowed, as in the book; few uses meet it
    grad: np.ndarray[Any, Any] | None
    name: str | None
    _edge: Edge | tuple[()] | None

    def __init__(self, data: np.ndarray[Any, Any] | None, name: str | None = None) -> None:
        if data is not None:
            check_data(data, "Variable")
        self.data = data  # type: ignore[assignment]
        self.grad = None
        self.name = name
        self._edge = None

    @property
    def creator(self) -> Function | None:
        """The Function that computed this variable; None for a leaf or an unrecorded result."""
        source: Any = source_of(self._edge)
        return None if source is NO_GRAPH else source

    @property
    def generation(self) -> int:
        """0 for a leaf; for a result, one more than its creator's generation."""
        creator = self.creator
        return 0 if creator is None else creator.generation + 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of data."""
        shape: tuple[int, ...] = self.data.shape
        return shape

    @property
    def ndim(self) -> int:
        """The number of axes of data."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements of data."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of data."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        if self.data is None:
            return "variable(None)"
        return "variable(" + str(self.data).replace("\n", "\n" + " " * 9) + ")"

    def cleargrad(self) -> None:
        """Set ``grad`` to None, so that the next backward() starts a new one."""
        self.grad = None

    def backward(self, retain_grad: bool | None = None) -> None:
        """Compute the gradients of this variable with respect to its leaves.

        They are added to the leaves' ``grad``. ``self.grad``, where it is set, is the seed
        (of this variable's shape); otherwise the seed is ones. If anything is raised, no
        variable's ``grad`` has changed. On a leaf, its grad becomes the seed.

        Args:
            retain_grad: keep the gradients of intermediate variables and of this one,
                readable there and through ``creator.inputs``; off, they are None
                afterwards. Default: the setting ``retain_grad``.

        Raises:
            GraphError: this variable was computed without a graph (under ``no_grad()``, or
                from constants only), or the graph was released by an earlier backward().
            GradientError: the seed or a gradient has the wrong shape, dtype or number.
        """
        from .backward import backward  # imported late: that module needs this class

        backward(self, retain_grad)

    if TYPE_CHECKING:  # engine.operations attaches these

        def __neg__(self) -> Variable: ...
        def __add__(self, other: Operand) -> Variable: ...
        def __radd__(self, other: Operand) -> Variable: ...
        def __sub__(self, other: Operand) -> Variable: ...
        def __rsub__(self, other: Operand) -> Variable: ...
        def __mul__(self, other: Operand) -> Variable: ...
        def __rmul__(self, other: Operand) -> Variable: ...
        def __truediv__(self, other: Operand) -> Variable: ...
        def __rtruediv__(self, other: Operand) -> Variable: ...
        def __pow__(self, other: Operand) -> Variable: ...
        def __rpow__(self, other: Operand) -> Variable: ...
        def __matmul__(self, other: Operand) -> Variable: ...
        def __rmatmul__(self, other: Operand) -> Variable: ...


def check_data(data: Any, where: str) -> None:
    """Raise DataError unless ``data`` is an array of booleans, integers or floats."""
    if isinstance(data, np.matrix) or _is_masked(data):
        raise DataError(
            f"{where}: a {type(data).__name__} changes NumPy's arithmetic; "
            "use a plain ndarray (np.asarray, or .filled())"
        )
    if isinstance(data, ARRAYS):
        check_dtype(data, where)
    elif isinstance(data, Variable):
        raise DataError(f"{where}: this is a Variable already; take its .data")
    elif data is None:
        raise DataError(f"{where}: the variable's data is None; assign an ndarray to it first")
    else:
        raise DataError(
            f"{where}: data must be an ndarray, not {type(data).__name__}; "
            f"write np.array({data!r:.40})"
        )


def _is_masked(data: Any) -> bool:
    """Whether this is a masked array; there is none before its module is imported."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(data, masked.MaskedArray)


def check_dtype(data: np.ndarray[Any, Any] | np.generic | StandIn, where: str) -> None:
    """Raise DataError unless ``data`` holds booleans, integers or floats."""
    if data.dtype.kind not in "biuf":
        raise DataError(
            f"{where}: an array of {data.dtype} cannot be differentiated; "
            "use booleans, integers or floats"
        )


def as_array(x: Any) -> Any:
    """Return a Python or NumPy scalar as a 0-d ndarray, and anything else as it is."""
    return np.array(x) if np.isscalar(x) else x


def as_variable(x: Any) -> Variable:
    """Return a Variable as it is, and an ndarray or number in a new Variable.

    Raises:
        DataError: if x is anything else.
    """
    return x if isinstance(x, Variable) else Variable(as_array(x))
