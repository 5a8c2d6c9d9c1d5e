"""The residency meter: the peak of a program's resident memory.

Linux keeps the peak of a process's resident memory and can reset it, so the peak of one run
in a fresh process is separate from that of the imports before. The figure counts pages: it
includes memory that is not array data, and memory that the C library keeps for later.
Repetitions in fresh processes agree within the larger of 512 kB and 1%.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gradmeter.bench.cases.program import END, Program

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Residency:
    """One run of a program in a process that has run nothing of its size before.

    Attributes:
        method: "reset peak": bytes above what was resident before the run; with ", after one
            run", the process ran the program before and gave the pages back. "process peak":
            the whole process's peak, imports included; the platform has no other.
        bytes: the peak, by that method.
        before: bytes resident before the run.
        left: bytes above those that are resident when all of the program is dropped: what the
            C library keeps for later; None where only the process's peak is known.
        started, stopped: ``time.time()`` around the run, for a sampler outside.
    """

    method: str
    bytes: int
    before: int
    left: int | None
    started: float
    stopped: float


def _field(name: str) -> int:
    """A figure of /proc/self/status in bytes."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} has no {name}")


def resident() -> int:
    """The bytes of this process that are resident now."""
    return _field("VmRSS")


def resident_peak() -> int:
    """The most bytes that were resident since the start, or since the peak was reset."""
    return _field("VmHWM")


def can_reset() -> bool:
    """Whether this process may reset its resident peak."""
    try:
        _CLEAR.write_text("5")
        _field("VmHWM")
    except OSError:
        return False
    return True


def measure(make: Callable[[], Program], *, after_a_run: bool = False) -> Residency:
    """Run a program once and return its resident peak; meaningful in a fresh process only.

    Args:
        after_a_run: the process has run the program before, to compile it; the memory that
            the C library kept from that run is given back first.
    """
    gc.collect()
    if after_a_run:
        trim()
    reset = can_reset()
    before = _field("VmRSS") if reset else 0
    started = time.time()
    phases = make()
    for name in phases:
        if name == END:
            break
    stopped = time.time()
    peak = _field("VmHWM") - before if reset else _process_peak()
    phases.close()
    del phases
    gc.collect()
    if reset:
        method = "reset peak, after one run" if after_a_run else "reset peak"
        return Residency(method, peak, before, resident() - before, started, stopped)
    return Residency("process peak", peak, 0, None, started, stopped)


def trim() -> None:
    """Return the freed memory that the C library keeps to the system, where it can."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        _library().malloc_trim(0)


@cache
def _library() -> ctypes.CDLL:
    """The C library, opened once: each time would leave objects in cycles."""
    return ctypes.CDLL(None)


def _process_peak() -> int:
    import psutil

    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
