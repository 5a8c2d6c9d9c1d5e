"""What a figure depends on besides the code: binaries, versions, and the CPU's features.

Read in the process that is measured: valgrind shows a CPU of its own making.
"""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


def of_objects() -> dict[str, str]:
    """Return what the sizes and numbers of Python's objects depend on."""
    return {"interpreter": f"{sys.implementation.name} {platform.python_version()}"}


def of_heap() -> dict[str, str]:
    """Return what the bytes that a process takes depend on."""
    import numpy as np

    return {**of_objects(), "NumPy": np.__version__, "C library": _c_library()}


def describe() -> dict[str, str]:
    """Return names and sizes of the interpreter's, NumPy's and the C library's files, and features.

    A version is not enough: a distribution builds the same one again with other options.
    """
    import numpy as np

    core: Any = sys.modules.get("numpy._core._multiarray_umath") or sys.modules.get(
        "numpy.core._multiarray_umath"
    )
    features = getattr(core, "__cpu_features__", {})
    return {
        "interpreter": f"{sys.implementation.name} {sys.version}{_size(_library('libpython'))}",
        "NumPy": f"{np.__version__}{_size(getattr(core, '__file__', '') or '')}",
        "C library": f"{_c_library()}{_size(_library('libc.so') or _library('libc-'))}",
        "CPU features": " ".join(sorted(name for name, present in features.items() if present)),
    }


def _c_library() -> str:
    with suppress(AttributeError, ValueError, OSError):
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    return ""


def _library(name: str) -> str:
    """The file of a library that is loaded; empty where it is not known."""
    with suppress(OSError):
        for line in Path("/proc/self/maps").read_text().splitlines():
            path = line.partition("/")[2]
            if path.rpartition("/")[2].startswith(name):
                return f"/{path}"
    return ""


def _size(path: str) -> str:
    with suppress(OSError):
        return f", {os.path.getsize(path):,} bytes" if path else ""
    return ""
