"""The allocation meter: bytes of array data, alive and at their peak, exact.

NumPy reports each block of array data that it takes or gives back to tracemalloc. Left
alone, tracemalloc would count Python's own objects too, whose sizes differ from one
Python version to the next. So the meter starts it and then puts Python's allocators back
as they were before: what tracemalloc counts from there on is array data and nothing else,
to the byte, in any Python version, without a line of Python run at each allocation.

Not seen, because NumPy does not report it: scratch that native code takes for itself
(FFT, linear algebra). Views are free.
"""

from __future__ import annotations

import ctypes
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.program import END, Program

PASSES = 3  # "deterministic" is said of what they agree on
_DOMAINS = (0, 1, 2)  # PYMEM_DOMAIN_RAW, _MEM, _OBJ


class _Allocator(ctypes.Structure):
    """PyMemAllocatorEx: a context and four functions."""

    _fields_ = tuple(
        (name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")
    )


class UnavailableError(RuntimeError):
    """Array data cannot be counted here; the message says why."""


class Count:
    """Bytes of array data allocated since the block of `counting` was entered."""

    def __init__(self) -> None:
        self._before = tracemalloc.get_traced_memory()[0]

    @property
    def live(self) -> int:
        """Bytes alive now."""
        return tracemalloc.get_traced_memory()[0] - self._before

    @property
    def peak(self) -> int:
        """The most bytes alive at once since the start or the last `reset_peak`."""
        return tracemalloc.get_traced_memory()[1] - self._before

    def reset_peak(self) -> None:
        """Start a new peak from what is alive now."""
        tracemalloc.reset_peak()


@contextmanager
def counting() -> Iterator[Count]:
    """Count array data inside the block.

    Raises:
        UnavailableError: tracemalloc is at work already, or this is no CPython.
    """
    if tracemalloc.is_tracing():
        raise UnavailableError("tracemalloc is tracing already, and the meter needs it for itself")
    try:
        get, set_ = ctypes.pythonapi.PyMem_GetAllocator, ctypes.pythonapi.PyMem_SetAllocator
    except AttributeError:
        raise UnavailableError("this Python has no PyMem_SetAllocator") from None
    get.argtypes = set_.argtypes = (ctypes.c_int, ctypes.POINTER(_Allocator))
    get.restype = set_.restype = None
    allocators = [_Allocator() for _ in _DOMAINS]
    for domain, allocator in zip(_DOMAINS, allocators, strict=True):
        get(domain, allocator)
    tracemalloc.start(1)
    try:
        # tracemalloc's hooks add nothing to a block, so what they allocated may be freed
        # without them, and the other way round.
        for domain, allocator in zip(_DOMAINS, allocators, strict=True):
            set_(domain, allocator)
        tracemalloc.clear_traces()
        yield Count()
    finally:
        tracemalloc.stop()


@dataclass(frozen=True)
class Allocations:
    """Bytes of array data in one run of a program, its inputs included.

    Attributes:
        forward, backward: the most alive during that phase (0 where there was none).
        peak: the most alive in all.
        held: alive at the end, while inputs and result are held.
    """

    forward: int
    backward: int
    peak: int
    held: int


def measure(make: Callable[[], Program]) -> Allocations:
    """Run a program once and return what it allocated, phase by phase."""
    with counting() as count:
        peaks: dict[str, int] = {}
        phases = make()
        name = next(phases)
        peaks["start"] = count.peak
        while name != END:
            count.reset_peak()
            following = next(phases)
            peaks[name] = max(peaks.get(name, 0), count.peak)
            name = following
        held = count.live
        phases.close()
    return Allocations(
        peaks.get("forward", 0), peaks.get("backward", 0), max(peaks.values(), default=0), held
    )
