"""The NumPy functions that can be recorded, and their implementations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .recorded_array import RecordedArray, shape_tuple
from .recorder import Recorder, dtype_of
from .refusing import refuse

Recorded = Any  # a RecordedArray; NumPy's results of one are not typed as such
_MISSING: Any = np._NoValue


def _stand_in(recorder: Recorder, a: Any) -> Any:
    return a if isinstance(a, RecordedArray) else recorder.new(recorder.node_of(a))


def _reduce(name: str) -> Callable[..., Recorded]:
    def reduce(
        recorder: Recorder,
        a: Any,
        axis: Any = None,
        *,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
    ) -> Recorded:
        if out is not None:
            refuse(f"a reduction ({name}) into out=", "compute a new array")
        dtype = None if dtype is None else np.dtype(dtype)
        return recorder.reduce(name, a, axis, keepdims is not _MISSING and bool(keepdims), dtype)

    return reduce


_sum = _reduce("add")


def _mean(recorder: Recorder, a: Any, axis: Any = None, *, keepdims: Any = False) -> Recorded:
    a = _stand_in(recorder, a)
    if a.dtype == np.float16:
        refuse("a mean of float16", "use astype(np.float32)")
    dtype = None if a.dtype.kind == "f" else np.dtype(np.float64)
    total = _sum(recorder, a, axis, dtype=dtype, keepdims=keepdims)
    return _stand_in(recorder, total / (a.size // total.size)) if total.size else total


def _where(recorder: Recorder, condition: Any, *choices: Any) -> Recorded:
    if len(choices) != 2:
        refuse("np.where of a condition alone", "its shape depends on values; give x and y")
    return recorder.where(condition, *choices)


def _full_like(
    recorder: Recorder, a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None
) -> Recorded:
    dtype = np.dtype(dtype) if dtype is not None else dtype_of(a)
    if isinstance(fill_value, RecordedArray | np.ndarray):
        number = recorder.builder.cast(recorder.node_of(fill_value), dtype)
        return recorder.new(recorder.builder.broadcast(number, np.shape(a)))
    return recorder.constant(
        fill_value, np.shape(a) if shape is None else shape_tuple(shape), dtype
    )


def _like(value: int) -> Callable[..., Recorded]:
    def like(recorder: Recorder, a: Any, dtype: Any = None, *, shape: Any = None) -> Recorded:
        return _full_like(recorder, a, value, dtype, shape=shape)

    return like


def _expand_dims(recorder: Recorder, a: Any, axis: Any) -> Recorded:
    # NumPy computes the shape, on an array that takes no memory.
    shape = np.expand_dims(np.broadcast_to(0, a.shape), axis).shape
    axes = axis if isinstance(axis, tuple) else (axis,)
    new_axes = {i % len(shape) for i in axes}
    index = tuple(None if i in new_axes else slice(None) for i in range(len(shape)))
    return _stand_in(recorder, a)[index]


def _squeeze(recorder: Recorder, a: Any, axis: Any = None) -> Recorded:
    a = _stand_in(recorder, a)
    np.squeeze(np.broadcast_to(0, a.shape), axis)  # raises what NumPy raises
    if axis is None:
        removed_axes = {i for i, n in enumerate(a.shape) if n == 1}
    else:
        removed_axes = {i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))}
    return a[tuple(0 if i in removed_axes else slice(None) for i in range(a.ndim))]


def _swapaxes(recorder: Recorder, a: Any, axis1: int, axis2: int) -> Recorded:
    order = list(range(a.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return _stand_in(recorder, a).transpose(tuple(order))


def _moveaxis(recorder: Recorder, a: Any, source: Any, destination: Any) -> Recorded:
    moved = np.moveaxis(np.empty((0,) * a.ndim), source, destination)
    del moved  # only to raise what NumPy raises
    sources = [i % a.ndim for i in (source if isinstance(source, tuple | list) else [source])]
    ends = destination if isinstance(destination, tuple | list) else [destination]
    order = [i for i in range(a.ndim) if i not in sources]
    for end, start in sorted(zip([i % a.ndim for i in ends], sources, strict=True)):
        order.insert(end, start)
    return _stand_in(recorder, a).transpose(tuple(order))


def _transpose(recorder: Recorder, a: Any, axes: Any = None) -> Recorded:
    a = _stand_in(recorder, a)
    return a.transpose() if axes is None else a.transpose(tuple(axes))


def _broadcast_to(recorder: Recorder, a: Any, shape: Any) -> Recorded:
    return _stand_in(recorder, a)._view("broadcast", shape_tuple(shape))


def _reshape(recorder: Recorder, a: Any, shape: Any) -> Recorded:
    return _stand_in(recorder, a).reshape(shape)


def _clip(recorder: Recorder, a: Any, a_min: Any = None, a_max: Any = None) -> Recorded:
    clipped = a if a_min is None else np.maximum(a, a_min)
    return _stand_in(recorder, clipped if a_max is None else np.minimum(clipped, a_max))


def _dot(recorder: Recorder, a: Any, b: Any) -> Recorded:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return _stand_in(recorder, np.multiply(a, b))
    if np.ndim(b) > 2:
        refuse("np.dot of more than two axes", "use np.matmul")
    return recorder.matmul(a, b)


def _copy(recorder: Recorder, a: Any, order: str = "K", subok: bool = False) -> Recorded:
    return _stand_in(recorder, a).copy()


def _astype(recorder: Recorder, a: Any, dtype: Any, /, *, copy: bool = True) -> Recorded:
    return _stand_in(recorder, a).astype(dtype, copy=copy)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _sum,
    np.max: _reduce("maximum"),
    np.min: _reduce("minimum"),
    np.mean: _mean,
    np.where: _where,
    np.zeros_like: _like(0),
    np.ones_like: _like(1),
    np.empty_like: _like(0),  # any value will do
    np.full_like: _full_like,
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.swapaxes: _swapaxes,
    np.moveaxis: _moveaxis,
    np.transpose: _transpose,
    np.broadcast_to: _broadcast_to,
    np.reshape: _reshape,
    np.ravel: lambda recorder, a: _stand_in(recorder, a).ravel(),
    np.clip: _clip,
    np.dot: _dot,
    np.copy: _copy,
    np.shape: lambda recorder, a: a.shape,
    np.ndim: lambda recorder, a: a.ndim,
    np.size: lambda recorder, a: a.size,
}
if hasattr(np, "astype"):  # NumPy 2.1
    FUNCTIONS[np.astype] = _astype

METHODS: dict[str, Callable[..., Any]] = {
    "sum": _sum,
    "max": FUNCTIONS[np.max],
    "min": FUNCTIONS[np.min],
    "mean": _mean,
    "squeeze": _squeeze,
    "swapaxes": _swapaxes,
    "clip": _clip,
    "dot": _dot,
}
