"""Outputs: the arrays for a program's results that a caller gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError, ShapeError
from .plan import Plan, output_layouts
from .program import Array
from .tracing import Traced


def given_outputs(traced: Traced, plan: Plan, out: Any, inputs: list[Array]) -> list[Array]:
    """Return the arrays of ``out`` in the order of the outputs.

    Raises:
        DataError: ``out`` has the wrong structure, or is not of writable ndarrays.
        ShapeError: an array has the wrong shape, dtype or order, or overlaps another one.
    """
    layouts = output_layouts(plan)
    arrays: list[Any] = [None] * len(layouts)
    try:
        value, gradients = out
        _collect(traced.structure, value, arrays)
        for index, gradient in zip(traced.gradients, gradients, strict=True):
            if index is not None:
                arrays[index] = gradient
    except (TypeError, ValueError, KeyError, IndexError):
        arrays = [None]
    for array in arrays:
        if type(array) is not np.ndarray or not array.flags.writeable:
            raise DataError(
                "compiled: out is a pair like the one that is returned, of writable ndarrays"
            )
    for i, (array, layout) in enumerate(zip(arrays, layouts, strict=True)):
        if array.shape != layout.shape or array.dtype != layout.dtype:
            raise ShapeError(
                f"compiled: an array of out is {array.dtype} {array.shape}; it must be "
                f"{layout.dtype} {layout.shape}"
            )
        if not array.flags.c_contiguous or not array.flags.aligned:
            raise ShapeError("compiled: an array of out is not C-contiguous")
        if any(np.may_share_memory(array, other) for other in (*inputs, *arrays[:i])):
            raise ShapeError("compiled: an array of out overlaps with another one or an argument")
    return arrays


def _collect(structure: Any, value: Any, arrays: list[Any]) -> None:
    if isinstance(structure, int):
        arrays[structure] = value
    elif isinstance(structure, dict):
        for key, part in structure.items():
            _collect(part, value[key], arrays)
    else:
        for part, element in zip(structure, value, strict=True):
            _collect(part, element, arrays)
