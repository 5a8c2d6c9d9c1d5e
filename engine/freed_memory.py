"""What becomes of the memory of arrays that nothing holds any more: kept or returned.

The C library takes a large array's pages from the system, and gives them back when the array
is freed; the next array's pages are new again, and each costs a fault. Of an eager forward,
which saves its results, that is most of the time. Kept, pages are paid for once, and the
process stays as large as it was at its largest.

This belongs to the process, not to a context as `Settings` does, and is never set by an
import. It is the GNU C library's `mallopt`, to which NumPy's arrays and all others that are
allocated by ``malloc`` are subject. Which bytes are alive when is the same either way.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

# By the names of mallopt(3). Kept: no block is mapped by itself, and the end of the heap is
# never given back. Returned: both as in a new process, and no freed block changes them.
KEPT: Final[Mapping[str, int]] = {"MMAP_MAX": 0, "TRIM_THRESHOLD": -1}
RETURNED: Final[Mapping[str, int]] = {
    "MMAP_MAX": 2**16,
    "MMAP_THRESHOLD": 2**17,
    "TRIM_THRESHOLD": 2**17,
}
_PARAMETERS: Final = {"TRIM_THRESHOLD": -1, "MMAP_THRESHOLD": -3, "MMAP_MAX": -4}  # malloc.h


def keep_freed_memory() -> bool:
    """Keep freed memory in the process from now on, for its next arrays.

    For the whole process and all its threads, until `return_freed_memory`. Blocks of 64 MB
    and more that are allocated in another thread than the main one are returned all the same.

    Returns:
        Whether it is so now; where the C library cannot, a RuntimeWarning says why.
    """
    return _set(KEPT, _library("freed memory is not kept"))


def return_freed_memory() -> bool:
    """Return freed memory to the system from now on, and what is kept at once.

    Every block of 128 KiB or more is then mapped by itself and unmapped when it is freed, as
    in a new process. The C library raises that threshold as blocks are freed until a process
    has chosen one: after this call it stays.

    Returns:
        As `keep_freed_memory`.
    """
    library = _library("freed memory is treated as before")
    return _set(RETURNED, library) and _trim(library)


def release_freed_memory() -> bool:
    """Return the freed memory that the process has kept to the system, once.

    Returns:
        As `keep_freed_memory`.
    """
    return _trim(_library("freed memory is not released"))


def unavailable() -> str:
    """Say why this process has no choice, in a sentence; empty where it has."""
    try:
        library = ctypes.CDLL(None)
        version, allocator = library.gnu_get_libc_version, library.malloc
        owner, other = _file_of(library, version), _file_of(library, allocator)
    except (AttributeError, OSError, TypeError):  # TypeError: Windows opens no nameless library
        return "it takes the GNU C library, which this Python does not run on"
    if other == _file_of(library, ctypes.pythonapi.Py_GetVersion):
        # A stub in the interpreter's own file, which calls the first malloc that was loaded.
        other = next((file for file in map(_with_malloc, _loaded()) if file), owner)
    if owner != other:
        return f"it takes the GNU C library's malloc, and here it is that of {other}"
    return ""


class _Symbol(ctypes.Structure):
    """Where a symbol lies; see dladdr(3)."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def _file_of(library: ctypes.CDLL, function: Any) -> str:
    """Return the name of the file that a function was loaded from."""
    symbol = _Symbol()
    library.dladdr(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(symbol))
    return os.path.basename(os.fsdecode(symbol.file or b""))


def _loaded() -> list[str]:
    """Return the paths of the libraries that the process has loaded, the C library's last."""
    paths: set[str] = set()
    with suppress(OSError), open("/proc/self/maps") as maps:
        paths = {line.split(maxsplit=5)[-1].rstrip("\n") for line in maps if ".so" in line}
    return sorted(paths, key=lambda path: "libc." in path)


def _with_malloc(path: str) -> str:
    """Return the name of a loaded library if it has a malloc of its own; else an empty one."""
    try:
        library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        file = _file_of(ctypes.CDLL(None), library.malloc)
    except (AttributeError, OSError):
        return ""
    name = os.path.basename(path)
    # Before glibc 2.32 the loader has a malloc, which serves itself alone.
    return file if file == name and not name.startswith("ld-") else ""


def _library(lost: str) -> ctypes.CDLL | None:
    """Return the C library; where it is another one, warn, and return None."""
    reason = unavailable()
    if reason:
        warnings.warn(f"{lost}: {reason}", RuntimeWarning, stacklevel=3)
        return None
    return ctypes.CDLL(None)


def _set(thresholds: Mapping[str, int], library: ctypes.CDLL | None) -> bool:
    if library is None:
        return False
    for name, value in thresholds.items():
        library.mallopt(_PARAMETERS[name], value)
    return True


def _trim(library: ctypes.CDLL | None) -> bool:
    if library is None:
        return False
    library.malloc_trim(0)
    return True
