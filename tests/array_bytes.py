"""An independent count of array data: every byte that NumPy allocates for arrays, exactly.

A NumPy data allocator (``PyDataMem_SetHandler``) is told of each block as it is made and
when it dies, so live bytes and their peak are known to the byte, whatever the collector or
the C library do later. Views cost nothing; what libraries below NumPy allocate as scratch
(matmul, FFT) is not array data and is not seen.

How a death is noticed: a free often happens while an exception is on its way (a temporary
on the stack of an expression that raised), and Python code must not run then: it would
swallow the exception. So the allocator's free is no Python function but
``PyMem_GetAllocator(domain, block)`` of CPython's C API, which can run at any moment and
writes five known pointers into the dead block. Whoever asks next (the next allocation, or a
reader of `Counter.live`) finds the mark, counts the death and gives the memory back. Nothing
is lost by waiting: the peak can only rise when a block is made. It costs each allocation a
look at every living block.
"""

from __future__ import annotations

import ctypes
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock

from numpy._core._multiarray_umath import _ARRAY_API

SET_HANDLER = 304  # the slots of numpy/_core/include/numpy/__multiarray_api.h
HANDLER_NAME = b"array_bytes"  # what numpy._core.multiarray.get_handler_name says
RAW_DOMAIN = 0  # PYMEM_DOMAIN_RAW, and as the allocator's context the free's first argument

_Size = ctypes.c_size_t
_Pointer = ctypes.c_void_p
_Malloc = ctypes.CFUNCTYPE(_Pointer, _Pointer, _Size)
_Calloc = ctypes.CFUNCTYPE(_Pointer, _Pointer, _Size, _Size)
_Realloc = ctypes.CFUNCTYPE(_Pointer, _Pointer, _Pointer, _Size)


class _Allocator(ctypes.Structure):
    """PyDataMemAllocator."""

    _fields_ = (
        ("ctx", _Pointer),
        ("malloc", _Malloc),
        ("calloc", _Calloc),
        ("realloc", _Realloc),
        ("free", _Pointer),
    )


class _Handler(ctypes.Structure):
    """PyDataMem_Handler."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("allocator", _Allocator),
    )


def _function(name: str, result: object, *arguments: object) -> ctypes._FuncPointer:
    function = ctypes.pythonapi[name]  # indexed, not an attribute: nobody else's prototype
    function.restype, function.argtypes = result, arguments
    return function


_raw_malloc = _function("PyMem_RawMalloc", _Pointer, _Size)
_raw_calloc = _function("PyMem_RawCalloc", _Pointer, _Size, _Size)
_raw_realloc = _function("PyMem_RawRealloc", _Pointer, _Pointer, _Size)
_raw_free = _function("PyMem_RawFree", None, _Pointer)
_get_allocator = _function("PyMem_GetAllocator", None, ctypes.c_int, _Pointer)
_capsule_pointer = _function("PyCapsule_GetPointer", _Pointer, ctypes.py_object, ctypes.c_char_p)
_new_capsule = _function("PyCapsule_New", ctypes.py_object, _Pointer, _Pointer, _Pointer)
_keep_for_ever = _function("Py_IncRef", None, ctypes.py_object)

_table = ctypes.cast(_capsule_pointer(_ARRAY_API, None), ctypes.POINTER(_Pointer))
_set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(_table[SET_HANDLER])


WORD = ctypes.sizeof(_Pointer)
MARK_BYTES = 5 * WORD  # PyMemAllocatorEx: ctx, malloc, calloc, realloc, free
_marks: set[bytes] = set()
_mark_words: set[int | None] = set()  # their mallocs, for a quick first look


def _learn_mark() -> None:
    """Add what a dead block begins with now; it differs while tracemalloc is on."""
    mark = ctypes.create_string_buffer(MARK_BYTES)
    _get_allocator(RAW_DOMAIN, mark)
    _marks.add(mark.raw)
    _mark_words.add(_Pointer.from_buffer(mark, WORD).value)


_learn_mark()
if not tracemalloc.is_tracing():
    tracemalloc.start()
    _learn_mark()
    tracemalloc.stop()


@dataclass(slots=True)
class Counter:
    """The array data allocated inside a block of `array_bytes`, wherever it dies.

    After the block ends nothing is added any more; what was counted is still taken away
    when it dies.

    Attributes:
        number: how many blocks were allocated; one that is resized counts anew.
        allocated: the bytes of all of them.
    """

    _live: int = 0
    _peak: int = 0
    _blocks: int = 0
    number: int = 0
    allocated: int = 0

    @property
    def live(self) -> int:
        """Bytes alive now."""
        _bury()
        return self._live

    @property
    def peak(self) -> int:
        """The most bytes that were alive at once, since the start or `reset_peak`."""
        return self._peak

    @property
    def blocks(self) -> int:
        """How many arrays that own their data are alive now."""
        _bury()
        return self._blocks

    def reset_peak(self) -> None:
        """Start a new peak from what is alive now."""
        self._peak = self.live

    def _add(self, size: int, blocks: int) -> None:
        self._live += size
        self._blocks += blocks
        self._peak = max(self._peak, self._live)

    def _allocate(self, size: int) -> None:
        self.number += 1
        self.allocated += size


_counting: list[Counter] = []
_alive: dict[int, tuple[int, tuple[Counter, ...]]] = {}  # by address: size, who counted it
_second_words: dict[int, ctypes.c_void_p] = {}  # by address: what stands in the block there


_one_at_a_time = RLock()
_burying = False


def _bury() -> None:
    """Count the deaths since the last look, and give their memory back."""
    global _burying
    with _one_at_a_time:
        if _burying:  # the collector ran in the middle, and a finalizer made an array
            return
        _burying = True
        try:
            words = list(_second_words.items())
            for address in [a for a, word in words if word.value in _mark_words]:
                if ctypes.string_at(address, MARK_BYTES) in _marks:
                    size, counters = _forget(address)
                    for counter in counters:
                        counter._add(-size, -1)
                    _raw_free(address)
        finally:
            _burying = False


def _remember(address: int, size: int, counters: tuple[Counter, ...]) -> None:
    _alive[address] = (size, counters)
    _second_words[address] = _Pointer.from_address(address + WORD)


def _forget(address: int) -> tuple[int, tuple[Counter, ...]]:
    del _second_words[address]
    return _alive.pop(address)


def _born(address: int | None, size: int) -> int | None:
    if address is not None:
        with _one_at_a_time:
            counters = tuple(_counting)
            _remember(address, size, counters)
            for counter in counters:
                counter._add(size, 1)
                counter._allocate(size)
    return address


def _malloc(_: int | None, size: int) -> int | None:
    _bury()
    address = _raw_malloc(max(size, MARK_BYTES))
    if address is not None:
        ctypes.memset(address, 0, MARK_BYTES)  # it may begin with the mark of an earlier one
    return _born(address, size)


def _calloc(_: int | None, number: int, item: int) -> int | None:
    _bury()
    return _born(_raw_calloc(1, max(number * item, MARK_BYTES)), number * item)


def _realloc(_: int | None, old: int, size: int) -> int | None:
    """Count a resized array as one block that grew or shrank in its place."""
    _bury()
    with _one_at_a_time:
        address = _raw_realloc(old, max(size, MARK_BYTES))
        if address is not None:
            old_size, counters = _forget(old)
            _remember(address, size, counters)
            for counter in counters:
                counter._add(size - old_size, 0)
                counter._allocate(size)
    return address


# An array frees its data through the handler that it was made with, however late.
_handler = _Handler(
    HANDLER_NAME,
    1,
    _Allocator(
        RAW_DOMAIN,
        _Malloc(_malloc),
        _Calloc(_calloc),
        _Realloc(_realloc),
        ctypes.cast(_get_allocator, _Pointer),
    ),
)
_capsule_name = ctypes.create_string_buffer(b"mem_handler")  # a capsule does not copy it
_capsule = _new_capsule(ctypes.addressof(_handler), ctypes.addressof(_capsule_name), None)
for _thing in (_handler, _capsule_name, _capsule):
    _keep_for_ever(_thing)


@contextmanager
def array_bytes() -> Iterator[Counter]:
    """Count the array data that this context allocates until the block ends.

    NumPy keeps its allocator in a context variable: an asyncio task counts with the one
    that started it; a new thread does not, unless it runs in a copy of the context
    (``contextvars.copy_context().run``). Blocks may be nested; each counts for itself.
    """
    counter = Counter()
    before = _set_handler(_capsule)
    _counting.append(counter)
    try:
        yield counter
    finally:
        _counting[:] = [c for c in _counting if c is not counter]
        _set_handler(before)
        _bury()
