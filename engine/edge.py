"""Targets: where a gradient goes, and the shape and dtype that it must have there."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

FLOAT64: Final = np.dtype(np.float64)


class Target:
    """A leaf, or one of several outputs. A function of one output is its own target.

    Attributes:
        source: the leaf variable, or the function whose output ``index`` this is.
        index: None for a leaf.
    """

    __slots__ = ("_dtype", "_shape", "index", "source")

    _number = None  # a function has one

    def __init__(self, source: Any, index: int | None, data: np.ndarray[Any, Any]) -> None:
        self.source = source
        self.index = index
        self._shape = data.shape
        self._dtype = gradient_dtype(data)


def gradient_dtype(data: np.ndarray[Any, Any]) -> np.dtype[Any]:
    """Return the dtype of a gradient of ``data``: its own if it is a float, else float64."""
    dtype = data.dtype
    return dtype if dtype is FLOAT64 or dtype.kind == "f" else FLOAT64


def place_of(edge: Any) -> tuple[Any, Any]:
    """Return the function that an edge leads to and the index of its output; or a leaf and None."""
    return (edge.source, edge.index) if isinstance(edge, Target) else (edge, 0)


def source_of(edge: Any) -> Any:
    """Return the function or leaf variable that an edge leads to."""
    return place_of(edge)[0]
