"""Fill the holes of the C library's heap, so that what ran before decides no count of instructions.

An array is placed in a hole that earlier code left, which takes a search and a split, or at the
end of the heap. After imports that differ in one module, identical code thus executed 0.35% more.
"""

from __future__ import annotations

import ctypes

LARGEST, SMALLEST = 2**22, 2**10  # bytes; smaller blocks have caches of their own


class _Information(ctypes.Structure):
    """The struct mallinfo2 of malloc.h."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd",
            "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    )  # fmt: skip


def fill() -> bool:
    """Fill every hole of `SMALLEST` bytes or more with a block that is never freed.

    Returns:
        False where the C library is not glibc 2.33 or later; the heap is then unchanged.
    """
    try:
        library = ctypes.CDLL(None)
        information, malloc, free, sbrk = (
            library.mallinfo2, library.malloc, library.free, library.sbrk
        )  # fmt: skip
    except (AttributeError, OSError, TypeError):
        return False
    information.restype = _Information
    malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    free.restype, free.argtypes = None, [ctypes.c_void_p]
    sbrk.restype, sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
    size = LARGEST
    while size >= SMALLEST:
        end = sbrk(0) - information().keepcost  # from here on, the heap is empty
        block = malloc(size)
        while block and block < end:
            block = malloc(size)
        free(block)
        size //= 2
    return True
