"""Set the address layout of a process: the same within a set, random from set to set.

Large arrays are faster on huge pages, and how much of an array lies on them depends on
where in its 2 MiB the heap begins, which address randomization decides for a
process's whole life. On large arrays this alone makes identical code differ by 5% between
two processes. So the processes of one set are moved to the same place, drawn anew for
each set: no layout is favoured, and the ratio within a set is free of it.
"""

from __future__ import annotations

import ctypes
import mmap

HUGE = 2 * 2**20
_kept: list[mmap.mmap] = []


def settle(place: int) -> bool:
    """Move the heap and the next large mapping to ``place`` within a huge page.

    Args:
        place: bytes, a multiple of the page size below `HUGE`.

    Returns:
        False where the C library has no ``sbrk``; the layout is then unchanged.
    """
    try:
        sbrk = ctypes.CDLL(None).sbrk
    except (AttributeError, OSError, TypeError):
        return False
    sbrk.restype, sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
    # malloc continues above memory that other code takes from the heap.
    sbrk((place - sbrk(0)) % HUGE)
    probe = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(probe))
    # The system maps downwards: a mapping made here moves the next one.
    _kept.append(probe)
    if (address - place) % HUGE:
        _kept.append(mmap.mmap(-1, (address - place) % HUGE))
    return True
