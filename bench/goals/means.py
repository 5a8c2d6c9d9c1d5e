"""The adapter of our engine under each means of keeping freed memory that was tried.

keeping.py compares them. `engine.keep_freed_memory` is the one that was kept; the others lie
here, so that the comparison can be made again.
"""

from __future__ import annotations

import ctypes
import mmap
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib import import_module
from typing import Any, Final

import numpy as np

from gradmeter import engine
from gradmeter.bench.engines import Engine, Setting
from gradmeter.bench.engines.ours import Ours
from gradmeter.bench.results.folders import temporary_folder

MEBIBYTE: Final = 2**20
RESERVED: Final = 3072 * MEBIBYTE  # more than the largest workload here holds
_MADV_HUGEPAGE: Final = 14
_TOP_PAD: Final = -2  # mallopt's parameter
_SET_HANDLER: Final = 304  # PyDataMem_SetHandler among NumPy's C functions


def _nothing() -> None:
    """Leave the process as it is."""


def _kept() -> None:
    engine.keep_freed_memory()


def _padded() -> None:
    engine.keep_freed_memory()
    ctypes.CDLL(None).mallopt(_TOP_PAD, 64 * MEBIBYTE)


def _reserved() -> None:
    """Give the heap address space in advance, to be backed by huge pages once it is written."""
    engine.keep_freed_memory()
    address, free = _block(RESERVED)
    start = -(-address // (2 * MEBIBYTE)) * 2 * MEBIBYTE
    ctypes.CDLL(None).madvise(
        ctypes.c_void_p(start), ctypes.c_size_t(RESERVED - 2 * MEBIBYTE), _MADV_HUGEPAGE
    )
    free()


def _touched() -> None:
    """Write into every page of the heap that will be needed, from two threads."""
    engine.keep_freed_memory()
    address, free = _block(RESERVED)
    pages = np.ctypeslib.as_array((ctypes.c_uint8 * RESERVED).from_address(address))
    half = RESERVED // 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda part: part[:: mmap.PAGESIZE].fill(0), (pages[:half], pages[half:])))
    free()


def _block(size: int) -> tuple[int, Callable[[], None]]:
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    address = library.malloc(ctypes.c_size_t(size))
    return address, lambda: library.free(ctypes.c_void_p(address))


# PyDataMem_Handler: blocks from lists of freed ones of the same size, which are found by hash;
# what is in no list comes from the C library. Without a lock: NumPy calls it under the GIL.
_POOL: Final = r"""
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
enum { SLOTS = 4096, TRIES = 16, SMALLEST = 4096 };
static struct { size_t size; void *first; } lists[SLOTS];
static void **list(size_t size)
{
    size_t slot = size / 16 * 40503 % SLOTS;
    for (int i = 0; size >= SMALLEST && i < TRIES; i++, slot = (slot + 1) % SLOTS) {
        if (!lists[slot].size)
            lists[slot].size = size;
        if (lists[slot].size == size)
            return &lists[slot].first;
    }
    return NULL;
}
static void *take(void *ctx, size_t size)
{
    void **first = list(size), *block = first ? *first : NULL;
    if (!block)
        return malloc(size ? size : 1);
    *first = *(void **)block;
    return block;
}
static void *zeros(void *ctx, size_t number, size_t item)
{
    void *block = take(ctx, number * item);
    return block ? memset(block, 0, number * item) : block;
}
static void *resized(void *ctx, void *block, size_t size) { return realloc(block, size); }
static void give(void *ctx, void *block, size_t size)
{
    void **first = block ? list(size) : NULL;
    if (!first) {
        free(block);
        return;
    }
    *(void **)block = *first;
    *first = block;
}
struct {
    char name[127]; uint8_t version;
    void *ctx, *malloc, *calloc, *realloc, *free;
} handler = { "pool", 1, NULL, take, zeros, resized, give };
"""
_ALIVE: list[Any] = []  # what NumPy calls for as long as the process lives


def _pooled() -> None:
    """Make the pool NumPy's allocator, in this context; takes a C compiler."""
    with temporary_folder() as folder:
        source, library = folder / "pool.c", folder / "pool.so"
        source.write_text(_POOL)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        pool = ctypes.CDLL(str(library))
    umath: Any = import_module("numpy._core._multiarray_umath")
    api: Any = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    api.PyCapsule_New.restype = ctypes.py_object
    api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    functions = ctypes.cast(
        api.PyCapsule_GetPointer(umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p)
    )
    name = ctypes.create_string_buffer(b"mem_handler")
    address = ctypes.addressof(ctypes.c_char.in_dll(pool, "handler"))
    capsule = api.PyCapsule_New(address, ctypes.cast(name, ctypes.c_char_p), None)
    _ALIVE.extend([pool, name, capsule])
    ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(functions[_SET_HANDLER])(capsule)


MEANS: Final[Mapping[str, Callable[[], None]]] = {
    "none": _nothing,
    "mallopt": _kept,
    "padded": _padded,
    "reserved": _reserved,
    "touched": _touched,
    "pool": _pooled,
}


class KeptBy(Ours):
    """Our engine, in a process that keeps freed memory by one of the means."""

    def __init__(self, *, means: str = "none", **settings: Any) -> None:
        super().__init__(**settings)
        self.keep = MEANS[means]

    def using(self) -> ExitStack:
        """Apply the means, for as long as the process lives."""
        self.keep()
        return super().using()


ENGINE = Engine(
    name="kept-by",
    meaning="the engine of this repository, with each means of keeping freed memory",
    make=KeptBy,
    settings=(Setting("means", "none", tuple(MEANS), "what keeps freed memory"),),
)
