"""The adapter of our engine under each means of keeping freed memory that was tried.

keeping.py compares them. `engine.keep_freed_memory` is the one that was kept; the others lie
here, so that the comparison can be made again.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib import import_module
from typing import Any, Final

import numpy as np

from gradmeter import engine
from gradmeter.bench.engines import Engine, Setting
from gradmeter.bench.engines.ours import Ours

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


def _pooled() -> None:
    """Let NumPy take blocks from lists of freed ones of the same size, in native code.

    What is not in a list comes from the C library. Not safe without the GIL.
    """
    import numba
    from numba import types

    from gradmeter.engine.compiler.kernels import _intrinsic

    read: Any = _intrinsic("word")
    write: Any = _intrinsic("store_int64_99")
    lists = np.zeros(2 * 4096, np.int64)  # by a size's hash: the size, and the first free block
    _ALIVE.append(lists)
    table, smallest = lists.ctypes.data, 4096
    library = ctypes.CDLL(None)
    malloc, free = library.malloc, library.free
    malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_size_t
    free.argtypes, free.restype = [ctypes.c_size_t], None
    size_t, pointer = types.uintp, types.voidptr

    @numba.njit
    def slot(size: Any) -> Any:
        index = (size // 16 * 40503) % 4096
        for _ in range(16):
            found = read(table, 2 * index)
            if found == size or found == 0:
                return index
            index = (index + 1) % 4096
        return -1

    @numba.njit
    def take(size: Any) -> Any:
        if size >= smallest:
            index = slot(size)
            if index >= 0:
                block = read(table, 2 * index + 1)
                if block != 0:
                    write(table, 2 * index + 1, read(block, 0))
                    return block
        return np.int64(malloc(max(size, 16)))

    @numba.njit
    def give(block: Any, size: Any) -> None:
        index = slot(size) if size >= smallest else -1
        if index < 0:
            free(block)
            return
        write(table, 2 * index, size)
        write(block, 0, read(table, 2 * index + 1))
        write(table, 2 * index + 1, block)

    @numba.cfunc(size_t(pointer, size_t))
    def allocate(_: Any, size: Any) -> Any:
        return np.uint64(take(np.int64(size)))

    @numba.cfunc(size_t(pointer, size_t, size_t))
    def allocate_zeros(_: Any, number: Any, item: Any) -> Any:
        size = np.int64(number * item)
        block = take(size)
        for word in range((size + 7) // 8):
            write(block, word, 0)
        return np.uint64(block)

    @numba.cfunc(types.void(pointer, size_t, size_t))
    def release(_: Any, block: Any, size: Any) -> None:
        if block != 0:
            give(np.int64(block), np.int64(size))

    functions: tuple[Any, ...] = (allocate, allocate_zeros, release)
    _install([function.address for function in functions])


_ALIVE: list[Any] = []  # what NumPy calls for as long as the process lives


class _Handler(ctypes.Structure):
    """PyDataMem_Handler."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("ctx", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )


def _install(addresses: Sequence[int]) -> None:
    """Make these NumPy's allocator in this context; arrays are not resized in place here."""
    malloc, calloc, free = addresses
    umath: Any = import_module("numpy._core._multiarray_umath")

    api: Any = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    api.PyCapsule_New.restype = ctypes.py_object
    api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    functions = ctypes.cast(
        api.PyCapsule_GetPointer(umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p)
    )
    handler = _Handler(b"pool", 1, None, malloc, calloc, None, free)
    name = ctypes.create_string_buffer(b"mem_handler")
    capsule = api.PyCapsule_New(ctypes.addressof(handler), ctypes.cast(name, ctypes.c_char_p), None)
    _ALIVE.extend([handler, name, capsule])
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
