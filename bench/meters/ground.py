"""What a count of instructions depends on besides the code: binaries, and the CPU's features.

Read in the worker, where valgrind shows a CPU of its own making.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


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
