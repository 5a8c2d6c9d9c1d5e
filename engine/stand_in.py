"""What takes an array's place while a program is recorded: the one thing the engine knows of it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np


class StandIn:
    """An object with an array's shape, dtype and arithmetic, and without its values.

    It is no ndarray, on purpose: whatever would take its values (``np.asarray``, a branch,
    an index) fails where a subclass would quietly hand over memory without meaning. The
    engine lets it through where it checks for arrays, and never computes with its values.
    """

    __slots__ = ()

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    ndim: int

    def copy(self) -> StandIn:
        """Another stand-in for the same values, as ``np.array`` makes of an array."""
        raise NotImplementedError

    def plain(self) -> StandIn:
        """A stand-in for an array, of one for an array or a NumPy scalar."""
        raise NotImplementedError

    def astype(self, dtype: Any, *, copy: bool = True) -> StandIn:
        """A stand-in for the values in another dtype."""
        raise NotImplementedError


ARRAYS: tuple[type[Any], ...] = (np.ndarray, StandIn)

lift: ContextVar[Callable[[Any], StandIn] | None] = ContextVar("engine_lift", default=None)
"""What makes a stand-in of an array, while a program is recorded."""


def copied(array: Any) -> Any:
    """A copy that shares memory with nothing, into which may be written.

    While a program is recorded it is a stand-in, into which other stand-ins may be written.
    """
    if isinstance(array, StandIn):
        return array.copy()
    stand_in_of = lift.get()
    return np.array(array) if stand_in_of is None else stand_in_of(array)


def as_plain(array: Any) -> Any:
    """An ndarray of an array or NumPy scalar; of a stand-in for one, a stand-in."""
    return array.plain() if isinstance(array, StandIn) else np.asarray(array)
