"""The allocators of Python's memory domains, read and replaced."""

from __future__ import annotations

import ctypes
from typing import Any

RAW, MEM, OBJ = DOMAINS = (0, 1, 2)  # PYMEM_DOMAIN_RAW, _MEM, _OBJ


class Allocator(ctypes.Structure):
    """PyMemAllocatorEx: a context and four functions."""

    _fields_ = tuple(
        (name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")
    )


class UnavailableError(RuntimeError):
    """Memory cannot be counted here; the message says why."""


def read() -> list[Allocator]:
    """Return the allocator of each domain.

    Raises:
        UnavailableError: this is not CPython.
    """
    get = _function("PyMem_GetAllocator")
    allocators = [Allocator() for _ in DOMAINS]
    for domain, allocator in zip(DOMAINS, allocators, strict=True):
        get(domain, allocator)
    return allocators


def replace(domain: int, allocator: Allocator) -> None:
    """Give a domain an allocator, whose fields Python copies.

    It has to be able to free what the one before it allocated.
    """
    _function("PyMem_SetAllocator")(domain, allocator)


def _function(name: str) -> Any:
    try:
        function = getattr(ctypes.pythonapi, name)
    except AttributeError:
        raise UnavailableError("this Python has no PyMem_SetAllocator") from None
    function.argtypes = (ctypes.c_int, ctypes.POINTER(Allocator))
    function.restype = None
    return function
