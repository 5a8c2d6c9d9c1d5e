"""Computations: what a function computed, as digests, to compare with a second time.

Two computations are equal if the same operations ran in the same order, on the same
constants and inputs, and gave the same results. What operations compute from each other's
results follows from that, so that those are digested only where a user's own code computed
them.
"""

from __future__ import annotations

import threading
import zlib
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from weakref import ref

import numpy as np

from . import observer
from .stand_in import StandIn
from .variable import Variable

CHUNK = 8192  # elements of an array without a contiguous order, digested at a time


@dataclass(frozen=True, slots=True)
class Computation:
    """What a function computed.

    Attributes:
        operations: a digest of each operation: its kind, constants and result's shape.
        results: for each result its dtype, its shape and a digest of its values.
    """

    operations: array[int]
    results: tuple[Any, ...]


def computation_of(
    function: Callable[..., Any], arguments: Iterable[Any]
) -> tuple[Any, Computation, list[str]]:
    """Call a function.

    Returns:
        What the function returned; its computation; the names of its operations.
    """
    watch = _OperationWatch()
    with observer.observe(watch):
        value = function(*arguments)
    results = value if isinstance(value, tuple) else (value,)
    described = [_description(y.data) if isinstance(y, Variable) else type(y) for y in results]
    return value, Computation(watch.operations, tuple(described)), watch.names


def difference(first: Computation, second: Computation, names: list[str]) -> str | None:
    """Describe the first difference between two computations; None if there is none.

    Args:
        names: of the second one's operations.
    """
    pairs = zip(first.operations, second.operations, strict=False)
    for i, ((old, new), name) in enumerate(zip(pairs, names, strict=False)):
        if old != new:
            return f"its operation {i + 1}, {name}, is another one or has other constants or inputs"
    if len(first.operations) != len(second.operations):
        return f"it computed {len(second.operations)} operations, {len(first.operations)} before"
    for i, (old_result, new_result) in enumerate(zip(first.results, second.results, strict=False)):
        if old_result != new_result:
            what = "shape or dtype" if old_result[:2] != new_result[:2] else "values"
            return f"result {i} has other {what}"
    return None


class _OperationWatch:
    """Digests the operations of one thread; an observer."""

    def __init__(self) -> None:
        self.operations = array("q")
        self.names: list[str] = []
        self.thread = threading.get_ident()
        self.known: dict[int, tuple[ref[Any], Any]] = {}

    def __call__(self, event: observer.Event) -> None:
        if event.phase != "forward" or event.moment != "after":
            return
        if threading.get_ident() != self.thread:
            return
        function = event.function
        operands = tuple([self._operand(x) for x in event.inputs])
        details = tuple(
            [
                (name, self._operand(value))
                for name, value in vars(function).items()
                if not name.startswith("_") and name != "generation"
                if not (function.built_in and name == "saved_for_backward")
            ]
        )
        number = len(self.operations)
        for i, y in enumerate(event.outputs):
            digest = ("operation", number, i)
            if not function.built_in:
                digest = (*digest, *_description(y))
            self.known[id(y)] = ref(y), digest
        shapes = [(y.shape, y.dtype.str) for y in event.outputs]
        self.operations.append(hash((event.operation, operands, details, tuple(shapes))))
        if not function.built_in:
            self.operations[-1] ^= hash(tuple([self.known[id(y)][1] for y in event.outputs]))
        self.names.append(event.operation)

    def _operand(self, x: Any) -> Any:
        """Return the digest of what an operation was given, or keeps."""
        if isinstance(x, np.ndarray):
            reference, digest = self.known.get(id(x), (None, None))
            if reference is None or reference() is not x:
                digest = _description(x)
                self.known[id(x)] = ref(x), digest
            return digest
        if isinstance(x, Variable):
            return self._operand(x.data)
        if isinstance(x, tuple | list):
            return tuple([self._operand(part) for part in x])
        if isinstance(x, int | float | str | np.generic):
            return type(x).__name__, repr(x)
        return type(x).__name__


def _description(x: Any) -> tuple[Any, ...]:
    """Return an array's dtype, shape and a digest of its values."""
    if isinstance(x, StandIn):
        return x.dtype.str, x.shape
    return x.dtype.str, x.shape, _digest(x)


def _digest(x: np.ndarray[Any, Any]) -> int:
    """Return the CRC-32 of an array's values in C order; NumPy allocates nothing for it."""
    x = np.asarray(x)
    values: Any = x
    if x.dtype.type is np.longdouble and x.dtype.itemsize > 8:  # has bytes that mean nothing
        high = x.astype(np.float64)
        with np.errstate(all="ignore"):
            low: Any = (x - high).astype(np.float64)
        return zlib.crc32(low, _digest(high))
    if x.flags.c_contiguous:
        return zlib.crc32(values)
    if x.flags.f_contiguous:
        return zlib.crc32(values.T, 1)
    crc = 0
    flags = ["external_loop", "buffered", "zerosize_ok"]
    for chunk in np.nditer(x, flags, order="C", buffersize=CHUNK):  # type: ignore[call-overload]
        values = np.ascontiguousarray(chunk)
        crc = zlib.crc32(values, crc)
    return crc
