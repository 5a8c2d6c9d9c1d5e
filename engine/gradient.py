"""Gradient arrays: their shape and dtype, and when the sweep may write into one.

Whether the sweep may write into an array is decided by CPython's reference count: an
array that owns its memory, and to which the sweep's own table holds the only reference,
is visible to nothing else. Where there are no reference counts to read, the sweep treats
every array as shared and copies it: slower, and equally correct.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from .errors import GradientError
from .stand_in import ARRAYS, StandIn, as_plain, copy_array

Array = np.ndarray[Any, Any]
ndarray = np.ndarray
Slots = list[Any]  # of arrays, or None where no gradient has arrived yet


getrefcount = getattr(sys, "getrefcount", lambda _: -1)


def _seen_references(slots: Slots) -> int:
    array = slots[0]
    return getrefcount(array)


# How many references are seen to an object that a list and a local name refer to: theirs
# and the call's own, whose number differs between Python versions.
SOLE_REFERENCES = _seen_references([np.empty(1)]) if hasattr(sys, "getrefcount") else 0


def is_unshared(slots: Slots | tuple[Any, ...], index: int) -> bool:
    """Whether ``slots[index]`` is a writable array that only this list refers to."""
    array = slots[index]
    return (
        getrefcount(array) == SOLE_REFERENCES
        and type(array) is ndarray
        and array.base is None
        and array.flags.writeable
    )


def spare(saved: tuple[Any, ...], gy: Array) -> Array | None:
    """Return an array of the shape and dtype of ``gy`` that only ``saved`` refers to, or None."""
    for i in range(len(saved)):
        if is_unshared(saved, i) and saved[i].dtype is gy.dtype and saved[i].shape == gy.shape:
            array: Array = saved[i]
            return array
    return None


def own(slots: Slots, index: int) -> None:
    """Replace ``slots[index]`` by a copy, unless only this list refers to it."""
    if not is_unshared(slots, index):
        slots[index] = copy_array(slots[index])


def accumulate(slots: Slots, index: int, incoming: Slots, i: int) -> None:
    """Add ``incoming[i]`` to ``slots[index]``, in place where one of the two is unshared.

    They are of one dtype; see `widen`.
    """
    if is_unshared(slots, index) and not isinstance(incoming[i], StandIn):
        np.add(slots[index], incoming[i], out=slots[index])
    elif is_unshared(incoming, i) and not isinstance(slots[index], StandIn):
        np.add(slots[index], incoming[i], out=incoming[i])
        slots[index] = incoming[i]
    else:
        slots[index] = as_plain(slots[index] + incoming[i])


def widen(slots: Slots, index: int, incoming: Slots, i: int) -> None:
    """Convert the narrower one of ``slots[index]`` and ``incoming[i]`` to the other's dtype."""
    dtype = np.result_type(slots[index].dtype, incoming[i].dtype)
    for arrays, k in ((slots, index), (incoming, i)):
        if arrays[k].dtype is not dtype:
            arrays[k] = as_plain(arrays[k]).astype(dtype, copy=False)


def accumulated_dtype(gradient: Any, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which a gradient is added to others for a variable of ``dtype``.

    That is the arithmetic's where it is wider: a sum is narrowed once, when it is complete.
    """
    given: np.dtype[Any] = getattr(gradient, "dtype", dtype)
    if given is dtype or given.kind not in "biuf":
        return dtype
    return np.result_type(given, dtype)


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a read-only array of zeros that takes no memory of its own."""
    return np.broadcast_to(_constant(0, dtype), shape)


def ones(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a read-only array of ones that takes no memory of its own."""
    return np.broadcast_to(_constant(1, dtype), shape)


@cache
def _constant(value: int, dtype: np.dtype[Any]) -> Array:
    array = np.array(value, dtype)
    array.flags.writeable = False
    return array


def sum_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which ``shape`` was broadcast to its shape.

    Raises:
        ValueError: ``shape`` does not broadcast to the gradient's shape.
    """
    if np.broadcast_shapes(gradient.shape, shape) != gradient.shape:
        raise ValueError(f"{shape} does not broadcast to {gradient.shape}")
    lead = gradient.ndim - len(shape)
    axes = (
        *range(lead),
        *[lead + i for i, n in enumerate(shape) if n == 1 and gradient.shape[lead + i] != 1],
    )
    # NumPy adds rows of float16 in float16, where a sum of ones ends at 2048.
    dtype = np.float32 if gradient.dtype == np.float16 else None
    total: Array
    if len(axes) == lead and shape[-1:] > (1,) and dtype is None and _is_in_c_order(gradient):
        # Adds row after row, as np.sum does of such an array, and takes a fourth of its time.
        dimensions = [*range(gradient.ndim)]
        total = np.einsum(gradient, dimensions, dimensions[lead:])
    else:
        total = as_plain(np.sum(gradient, axis=axes, dtype=dtype)).reshape(shape)
    return total


def _is_in_c_order(array: Any) -> bool:
    return type(array) is ndarray and array.flags.c_contiguous


def conform(
    gradient: Any, shape: tuple[int, ...], dtype: np.dtype[Any], broadcasts: bool, label: str
) -> Array:
    """Return a gradient as an array of this shape and dtype.

    Args:
        gradient: an array or number.
        broadcasts: whether a gradient of a shape that ``shape`` broadcasts to is summed.
        label: what the gradient is, for the message.

    Raises:
        GradientError: it is neither, or of another shape.
    """
    array: Any = (
        np.asarray(gradient) if isinstance(gradient, int | float | np.generic) else gradient
    )
    if not isinstance(array, ARRAYS) or array.dtype.kind not in "biuf":
        kind = f"an array of {array.dtype}" if isinstance(array, ARRAYS) else type(array)
        raise GradientError(
            f"{label} is {kind}; it must be an ndarray of {dtype} and shape {shape}"
        )
    if array.shape != shape:
        try:
            if not broadcasts:
                raise ValueError
            array = sum_to(array, shape)
        except ValueError:
            raise GradientError(f"{label} has shape {array.shape}, not {shape}") from None
    conformed: Array = as_plain(array).astype(dtype, copy=False)
    return conformed
