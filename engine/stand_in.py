"""StandIn: the base class of what replaces arrays while a program is recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np


class StandIn:
    """An object with an array's shape, dtype and arithmetic, and without its values.

    It is no ndarray, on purpose: code that needs its values (``np.asarray``, a branch, an
    index) fails, where a subclass of ndarray would silently return meaningless memory. The
    engine accepts it wherever it checks for arrays, and never uses its values.
    """

    __slots__ = ()

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    ndim: int

    def copy(self) -> StandIn:
        """Return another stand-in for the same values, as ``np.array`` does for an array."""
        raise NotImplementedError

    def plain(self) -> StandIn:
        """Return this stand-in, or one for a 0-d array if this one is for a NumPy scalar."""
        raise NotImplementedError

    def astype(self, dtype: Any, *, copy: bool = True) -> StandIn:
        """Return a stand-in for the values in another dtype."""
        raise NotImplementedError


ARRAYS: tuple[type[Any], ...] = (np.ndarray, StandIn)

lift: ContextVar[Callable[[Any], StandIn] | None] = ContextVar("engine_lift", default=None)
"""The function that makes an array's stand-in while a program is recorded, else None."""


def copy_array(array: Any) -> Any:
    """Return a writable copy that shares memory with nothing.

    While a program is recorded it is a stand-in, into which stand-ins can be written.
    """
    if isinstance(array, StandIn):
        return array.copy()
    stand_in_of = lift.get()
    return np.array(array) if stand_in_of is None else stand_in_of(array)


def as_plain(array: Any) -> Any:
    """Return an array or NumPy scalar as an ndarray, and a stand-in as one for an array."""
    return array.plain() if isinstance(array, StandIn) else np.asarray(array)
