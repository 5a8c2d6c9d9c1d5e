"""NumPy's reports of array data to tracemalloc: counted on their way there, or withheld.

NumPy reports each block of array data that it allocates by a call of PyTraceMalloc_Track, with
the block's size. The dynamic linker keeps the address of that function in one word of NumPy's
library, and here that word is changed and put back. So every block is seen, of whatever thread
and allocator, and no Python code runs at an allocation.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from gradmeter.bench.meters import machine_code
from gradmeter.bench.meters.machine_code import Counted, Tally, UnsupportedError

_WORD = 8
_TALLY = Tally()


@contextmanager
def counted() -> Iterator[Tally]:
    """Count the blocks of array data that NumPy allocates inside, and their bytes; not nested.

    Raises:
        UnsupportedError: they cannot be counted here.
    """
    slots, track = _slots(), _track()
    (counting,) = machine_code.counting(_TALLY, (Counted(track, "third"),))
    _TALLY.reset()
    with _replaced(slots, track, counting):
        yield _TALLY


@contextmanager
def withheld() -> Iterator[None]:
    """Keep NumPy's reports from tracemalloc inside.

    Raises:
        UnsupportedError: they cannot be withheld here.
    """
    # A function that takes nothing and does nothing, in place of one that returns an integer.
    nothing = _address(ctypes.pythonapi.Py_IsInitialized)
    with _replaced(_slots(), _track(), nothing):
        yield


@contextmanager
def _replaced(slots: list[int], before: int, after: int) -> Iterator[None]:
    try:  # around the first write, too: an interruption may come right after it
        _write(slots, before, after)
        yield
    finally:
        _write(slots, after, before)


def _write(slots: list[int], before: int, after: int) -> None:
    """Write an address into words that hold another one; words that do not are left alone."""
    for slot in slots:
        word = ctypes.c_uint64.from_address(slot)
        if word.value == before:
            word.value = after


@cache
def _slots() -> list[int]:
    """The addresses of the words that hold PyTraceMalloc_Track's in NumPy's library.

    Raises:
        UnsupportedError: there are none, or they cannot be written.
    """
    np = sys.modules.get("numpy")
    if np is None:
        raise UnsupportedError("NumPy is not imported")
    np.empty(1)  # by now the dynamic linker has found the function
    core = getattr(np, "_core", None) or np.core
    file = core._multiarray_umath.__file__
    wanted = struct.pack("=Q", _track())
    found = []
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        raise UnsupportedError("allocations of arrays are told apart on Linux only") from None
    for line in lines:
        words = line.split(maxsplit=5)
        if len(words) < 6 or words[5] != file or words[1] not in ("rw-p", "r--p"):
            continue
        start, end = (int(word, 16) for word in words[0].split("-"))
        content = ctypes.string_at(start, end - start)
        at = content.find(wanted)
        while at >= 0:
            if at % _WORD == 0:
                found.append(start + at)
                if words[1] == "r--p":  # read-only since it was linked
                    machine_code.protect(start + at, _WORD, mmap.PROT_READ | mmap.PROT_WRITE)
            at = content.find(wanted, at + 1)
    if not found:
        raise UnsupportedError("this NumPy's reports to tracemalloc cannot be found")
    return found


def _track() -> int:
    try:
        return _address(ctypes.pythonapi.PyTraceMalloc_Track)
    except AttributeError:
        raise UnsupportedError("this Python has no PyTraceMalloc_Track") from None


def _address(function: object) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert address is not None
    return address
