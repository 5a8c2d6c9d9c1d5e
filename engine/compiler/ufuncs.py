"""NumPy's ufuncs: those that can be recorded, and the one that computes a power."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

NUMPY_UFUNCS = {f.__name__: f for f in vars(np).values() if isinstance(f, np.ufunc)}


def is_numpy_ufunc(ufunc: np.ufunc) -> bool:
    """Whether a ufunc is NumPy's own, under its name."""
    return NUMPY_UFUNCS.get(ufunc.__name__) is ufunc


class _UfuncProbe(np.ndarray[Any, Any]):
    """An array that records which ufunc NumPy calls on it."""

    calls: list[tuple[Any, ...]]

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **kwargs: Any) -> Any:
        self.calls.append((ufunc, *inputs[1:]))
        return NotImplemented


def power_ufunc(dtype: np.dtype[Any], exponent: Any) -> tuple[Any, ...]:
    """Return the ufunc that computes ``array ** exponent`` in this NumPy, and its operands.

    Some powers are other functions (``x ** 2`` is np.square), and which ones depends on
    NumPy's version. The power of a probe shows it. The operands are those after the array.
    """
    if not isinstance(exponent, int | float | np.generic):
        return (np.power, exponent)
    array = np.ones(1, dtype).view(_UfuncProbe)
    array.calls = []
    with contextlib.suppress(TypeError):
        array**exponent
    return array.calls[0] if array.calls else (np.power, exponent)
