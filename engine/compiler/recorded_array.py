"""Recorded arrays: arrays without values, whose arithmetic becomes a program."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..stand_in import StandIn
from ..variable import Variable
from .program import Builder, Shape
from .refusing import VALUES_UNKNOWN, refuse
from .ufuncs import is_numpy_ufunc, power_ufunc

REDUCTIONS = ("add", "maximum", "minimum")


class Recording(Protocol):
    """The recording as a recorded array uses it; see recorder.Recorder."""

    builder: Builder
    thread: int | None
    functions: Mapping[Any, Callable[..., Any]]
    methods: Mapping[str, Callable[..., Any]]

    def new(self, number: int) -> RecordedArray: ...
    def result(self, number: int) -> RecordedArray: ...
    def node_of(self, x: Any) -> int: ...
    def matmul(self, left: Any, right: Any) -> RecordedArray: ...
    def elementwise(
        self, ufunc: np.ufunc, inputs: tuple[Any, ...], out: RecordedArray | None = None
    ) -> RecordedArray: ...
    def reduce(
        self, name: str, x: Any, axis: Any, keepdims: bool, dtype: np.dtype[Any] | None
    ) -> RecordedArray: ...


class RecordedArray(NDArrayOperatorsMixin, StandIn):
    """An array of a shape and dtype whose values are not known while the program is recorded.

    Its memory behaves as NumPy's: an operation in place changes the array under all of its
    references, and its views.
    """

    __slots__ = (
        "_base",
        "_base_node",
        "_detail",
        "_is_input",
        "_is_scalar",
        "_node",
        "_operation",
        "_recorder",
    )
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, recorder: Recording, node: int) -> None:
        self._recorder = recorder
        self._node = node  # of a view: valid for the base's node `_base_node`
        self._base: RecordedArray | None = None
        self._operation = ""
        self._detail: Any = None
        self._base_node = -1
        self._is_input = False
        self._is_scalar = False  # a NumPy scalar, which an operation in place replaces

    def _view(self, operation: str, detail: Any) -> RecordedArray:
        """Return a view of this array."""
        base_node = self._node_for(self._recorder)
        view = RecordedArray(
            self._recorder, self._recorder.builder.view(operation, base_node, detail)
        )
        view._base, view._operation, view._detail, view._base_node = (
            self,
            operation,
            detail,
            base_node,
        )
        return view

    def _node_for(self, recorder: Recording) -> int:
        """Return the node that holds this array's present values.

        Raises:
            RecordingError: the array's recording is over, or is another one.
        """
        if recorder is not self._recorder or recorder.thread != threading.get_ident():
            refuse(
                "an array of another recording",
                "an array of a recording cannot be used outside of that recording: return it from "
                "the compiled function, and store it nowhere else",
            )
        if self._base is not None:
            base_node = self._base._node_for(recorder)
            if base_node != self._base_node:
                if self._operation == "reshape":  # a view or a copy, depending on the memory layout
                    refuse(
                        "an array reshaped, then written in place, then read in its new shape",
                        "compute a new array instead of writing in place",
                    )
                self._node = recorder.builder.view(self._operation, base_node, self._detail)
                self._base_node = base_node
        return self._node

    def _write(self, node: int) -> None:
        """Replace this array's values, as an operation in place does."""
        if self._is_input:
            refuse(
                "an operation in place on an argument's data",
                "a compiled function leaves its arguments as they are; compute a new array",
            )
        if self._base is not None:
            self._node_for(self._recorder)
            is_whole = self._operation == "index" and self._detail == (Ellipsis,)
            if not is_whole:
                refuse(
                    "an operation in place on a view",
                    "compute a new array instead of writing through a view",
                )
            self._base._write(node)
            self._node_for(self._recorder)
            return
        if self._recorder.thread != threading.get_ident():
            self._node_for(self._recorder)
        self._node = node

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        """The shape."""
        return self._recorder.builder.nodes[self._node].shape

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """The dtype."""
        return self._recorder.builder.nodes[self._node].dtype

    @property
    def ndim(self) -> int:  # type: ignore[override]
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.size * self.itemsize

    @property
    def T(self) -> RecordedArray:  # noqa: N802
        """The axes in reverse."""
        return self.transpose()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[RecordedArray]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<recorded array, {self.dtype} {self.shape}>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        out = kwargs.pop("out", (None,))
        if len(out) != 1 or not (out[0] is None or isinstance(out[0], RecordedArray)):
            refuse(
                f"np.{name} writing into an ndarray",
                "compute a new array instead",
            )
        if kwargs.pop("where", True) is not True:
            refuse(f"np.{name} with where=", "use np.where(condition, x, y)")
        recorder = self._recorder
        if method == "reduce" and name in REDUCTIONS and out[0] is None:
            kwargs = {k: v for k, v in kwargs.items() if v is not None or k == "axis"}
            axis = kwargs.pop("axis", inputs[1] if len(inputs) > 1 else 0)
            keepdims = kwargs.pop("keepdims", False)
            if not kwargs:
                return recorder.reduce(name, inputs[0], axis, keepdims, None)
        if method != "__call__":
            refuse(f"np.{name}.{method}", "use elementwise functions, np.sum and np.matmul")
        if kwargs:
            refuse(f"np.{name} with {', '.join(kwargs)}=", "leave it out; use astype for a dtype")
        if any(isinstance(x, Variable) for x in inputs):
            return NotImplemented
        if name == "matmul" and out[0] is None:
            return recorder.matmul(*inputs)
        if ufunc.signature is not None or ufunc.nout != 1 or not is_numpy_ufunc(ufunc):
            refuse(f"np.{name}", "compute it outside of the compiled function")
        return recorder.elementwise(ufunc, inputs, out[0])

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        implementation = self._recorder.functions.get(function)
        name = f"np.{getattr(function, '__name__', function)}"
        if implementation is None:
            refuse(name, "compute it outside of the compiled function")
        try:
            inspect.signature(implementation).bind(self._recorder, *args, **kwargs)
        except TypeError as error:
            refuse(f"{name} with these arguments ({error})", "leave out what is not needed")
        return implementation(self._recorder, *args, **kwargs)

    def __pow__(self, exponent: Any) -> Any:
        return self._power(exponent, None)

    def __ipow__(self, exponent: Any) -> Any:
        return self._power(exponent, self)

    def _power(self, exponent: Any, out: RecordedArray | None) -> Any:
        if isinstance(exponent, Variable):
            return NotImplemented
        ufunc, *inputs = power_ufunc(self.dtype, exponent)
        return self._recorder.elementwise(ufunc, (self, *inputs), out)

    def __getitem__(self, index: Any) -> RecordedArray:
        parts = index if isinstance(index, tuple) else (index,)
        detail: list[Any] = []
        for part in parts:
            if isinstance(part, slice):
                detail.append(("slice", part.start, part.stop, part.step))
            elif part is None or part is Ellipsis:
                detail.append(part)
            elif isinstance(part, int | np.integer) and not isinstance(part, bool):
                detail.append(int(part))
            else:
                refuse(
                    f"an index of type {type(part).__name__}",
                    "index with integers and slices; select by values with np.where",
                )
        view = self._view("index", tuple(detail))
        if not view.shape and Ellipsis not in detail:
            return self._recorder.result(view._node)  # a scalar, not a view
        return view

    def __setitem__(self, index: Any, value: Any) -> None:
        if not (index is Ellipsis or (isinstance(index, slice) and index == slice(None))):
            refuse("assigning to a part of an array", "build the whole with np.where")
        recorder = self._recorder
        value = np.asarray(value) if type(value) in (int, float, bool) else value
        number = recorder.builder.cast(recorder.node_of(value), self.dtype)
        self._write(recorder.builder.broadcast(number, self.shape))

    def copy(self) -> RecordedArray:
        """Return the same values in memory of their own."""
        return self._recorder.new(self._node_for(self._recorder))

    def astype(self, dtype: Any, *, copy: bool = True) -> RecordedArray:
        """Return the values in another dtype."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype and not copy:
            return self
        if dtype.kind not in "biuf":
            refuse(f"astype({dtype})", "use booleans, integers or floats")
        return self._recorder.new(
            self._recorder.builder.cast(self._node_for(self._recorder), dtype)
        )

    def plain(self) -> RecordedArray:
        """Return the same array, or a 0-d array of a scalar."""
        return self.copy() if self._is_scalar else self

    def reshape(self, *shape: Any, **options: Any) -> RecordedArray:
        """Return the same elements in another shape."""
        if options:
            refuse(f"reshape with {', '.join(options)}=", "leave it out")
        return self._view("reshape", shape_tuple(shape[0] if len(shape) == 1 else shape))

    def ravel(self) -> RecordedArray:
        """Return the same elements along one axis."""
        return self._view("reshape", (-1,))

    def flatten(self) -> RecordedArray:
        """Return a copy along one axis."""
        return self.ravel().copy()

    def transpose(self, *axes: Any) -> RecordedArray:
        """Return a view with the axes in another order; without arguments, reversed."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        order = order or tuple(range(self.ndim))[::-1]
        return self._view("transpose", tuple([i % max(self.ndim, 1) for i in order]))

    def __getattr__(self, name: str) -> Any:
        # During a copy the slots are not set yet.
        methods = {} if name.startswith("_") else self._recorder.methods
        if name in methods:
            function = methods[name]
            return lambda *args, **kwargs: function(self._recorder, self, *args, **kwargs)
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return refuse(f"an array's {name}", VALUES_UNKNOWN)

    def _needs_values(what: str) -> Callable[..., NoReturn]:  # type: ignore[misc]  # noqa: N805
        def refused(*_: Any, **__: Any) -> NoReturn:
            refuse(what, VALUES_UNKNOWN)

        return refused

    __array__ = _needs_values("making an ndarray (np.asarray, np.array) of a recorded array")
    __bool__ = _needs_values("a decision that depends on an array's values (if, while, and, or)")
    __float__ = _needs_values("float() of an array")
    __int__ = _needs_values("int() of an array")
    __index__ = _needs_values("an index that is an array's value")
    __complex__ = _needs_values("complex() of an array")
    __contains__ = _needs_values("`in` an array")
    __divmod__ = _needs_values("divmod() of an array")
    __rdivmod__ = _needs_values("divmod() of an array")
    __round__ = _needs_values("round() of an array")
    __deepcopy__ = _needs_values("a deep copy of an array")
    __reduce_ex__ = _needs_values("pickling an array")


def shape_tuple(shape: Any) -> Shape:
    """Return a shape as a tuple of Python integers."""
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(map(int, shape))
