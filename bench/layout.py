"""The address layout of a process: alike in a set, different from set to set.

Large arrays are faster on huge pages, and how much of an array lies on them depends on
where in its 2 MiB the heap happens to begin, which address randomization decides for a
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
    """Have the heap and the next large mapping begin at ``place`` within a huge page.

    Args:
        place: bytes, a multiple of the page size below `HUGE`.

    Returns:
        False where the C library has no ``sbrk``: the layout is as it was.
    """
    try:
        sbrk = ctypes.CDLL(None).sbrk
    except (AttributeError, OSError, TypeError):
        return False
    sbrk.restype, sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
    # malloc goes on above what somebody else took of the heap.
    sbrk((place - sbrk(0)) % HUGE)
    probe = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(probe))
    # The system hands out addresses downwards: what is taken here moves what comes next.
    _kept.append(probe)
    if (address - place) % HUGE:
        _kept.append(mmap.mmap(-1, (address - place) % HUGE))
    return True
