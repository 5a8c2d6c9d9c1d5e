"""The allocation meter: the exact bytes of array data that are alive, and their peak.

NumPy reports each block of array data that it allocates or frees to tracemalloc. By itself,
tracemalloc would count Python's own objects too, whose sizes differ from one Python version
to the next. So the meter starts tracemalloc and then restores Python's allocators: from
there on, tracemalloc counts array data and nothing else, to the byte, in any Python
version, and no Python code runs at an allocation.

Not counted, because NumPy does not report it: scratch memory that native code allocates for
itself (FFT, linear algebra). Views are free.
"""

from __future__ import annotations

import ctypes
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gradmeter.bench.cases.program import END, Program

PASSES = 3  # reports call a figure deterministic if these agree
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
def counting(frames: int = 1) -> Iterator[Count]:
    """Count array data inside the block.

    Args:
        frames: how much of its stack tracemalloc keeps for each array.

    Raises:
        UnavailableError: tracemalloc is tracing already, or this is not CPython.
    """
    if tracemalloc.is_tracing():
        raise UnavailableError("tracemalloc is tracing already; the meter needs it for itself")
    try:
        get, set_ = ctypes.pythonapi.PyMem_GetAllocator, ctypes.pythonapi.PyMem_SetAllocator
    except AttributeError:
        raise UnavailableError("this Python has no PyMem_SetAllocator") from None
    get.argtypes = set_.argtypes = (ctypes.c_int, ctypes.POINTER(_Allocator))
    get.restype = set_.restype = None
    allocators = [_Allocator() for _ in _DOMAINS]
    for domain, allocator in zip(_DOMAINS, allocators, strict=True):
        get(domain, allocator)
    tracemalloc.start(frames)
    try:
        # tracemalloc's hooks add nothing to a block, so a block that was allocated with them
        # may be freed without them, and the reverse.
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
        forward, backward: the most alive during that phase (0 without such a phase).
        peak: the most alive during the whole run.
        held: alive at the end, while inputs and result are held.
    """

    forward: int
    backward: int
    peak: int
    held: int


def measure(make: Callable[[], Program]) -> Allocations:
    """Run a program once and return the bytes that it allocates, phase by phase."""
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
