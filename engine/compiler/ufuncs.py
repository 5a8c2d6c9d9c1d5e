"""NumPy's ufuncs: which ones can be recorded, and which one a power is."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

KNOWN = {f.__name__: f for f in vars(np).values() if isinstance(f, np.ufunc)}


def is_numpys(ufunc: np.ufunc) -> bool:
    """Whether a ufunc is NumPy's own, to be found by its name."""
    return KNOWN.get(ufunc.__name__) is ufunc


class _Asked(np.ndarray[Any, Any]):
    """An array that notes which ufunc NumPy calls on it."""

    calls: list[tuple[Any, ...]]

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **kwargs: Any) -> Any:
        self.calls.append((ufunc, *inputs[1:]))
        return NotImplemented


def what_a_power_calls(dtype: np.dtype[Any], exponent: Any) -> tuple[Any, ...]:
    """The ufunc, and its further operands, that ``array ** exponent`` is in this NumPy.

    Some powers are other functions (``x ** 2`` is np.square), and which ones depends on
    NumPy's version: NumPy itself is asked.
    """
    if not isinstance(exponent, int | float | np.generic):
        return (np.power, exponent)
    array = np.ones(1, dtype).view(_Asked)
    array.calls = []
    with contextlib.suppress(TypeError):
        array**exponent
    return array.calls[0] if array.calls else (np.power, exponent)
