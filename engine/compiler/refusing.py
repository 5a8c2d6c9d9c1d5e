"""Refusals: RecordingErrors that name the code, the user's line and the alternative."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
import weakref
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..errors import RecordingError

ENGINE_FOLDER = f"{Path(__file__).parent.parent}{os.sep}"
NUMPY_FOLDER = f"{Path(np.__file__).parent}{os.sep}"
INTERNAL_FOLDERS = (ENGINE_FOLDER, NUMPY_FOLDER)
SITE_PACKAGES = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")}
    # The user's own, those of Debian's packages, and what another environment lends.
    | {p + os.sep for p in sys.path if os.path.basename(p) in ("site-packages", "dist-packages")}
)
STANDARD_LIBRARY = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
SWEEP = (str(Path(__file__).with_name("tracing.py")), "_gradients")
VALUES_UNKNOWN = (
    "values are not known while the program is recorded: use np.where for a choice, and "
    "compute what needs values outside of the compiled function"
)


def refuse(what: str, instead: str) -> NoReturn:
    """Raise a RecordingError that names ``what``, the user's line and what to do ``instead``."""
    raise RecordingError(f"{what} cannot be recorded ({user_line()}); {instead}")


def is_library_file(file: str) -> bool:
    """Whether a source file is of the standard library; installed packages are not."""
    return file.startswith("<frozen") or (
        file.startswith(STANDARD_LIBRARY) and not file.startswith(SITE_PACKAGES)
    )


@cache
def _is_internal(file: str) -> bool:
    return file.startswith(INTERNAL_FOLDERS) or is_library_file(file)


def user_line(frame: Any = None) -> str:
    """Return the innermost line outside of the engine, NumPy and the standard library.

    Args:
        frame: where to begin; the caller's unless given.
    """
    frame = sys._getframe(1) if frame is None else frame
    while frame is not None:
        file = frame.f_code.co_filename
        if (file, frame.f_code.co_name) == SWEEP:
            return "in the backward"  # of the engine's own operations
        if not _is_internal(file):
            text = linecache.getline(file, frame.f_lineno).strip()
            file = file.removeprefix(os.getcwd() + os.sep)
            return f"{file}:{frame.f_lineno}" + (f": {text}" if text else "")
        frame = frame.f_back
    return "an unknown line"


def refuse_opaque(obj: Any, place: str) -> None:
    """Raise RecordingError if an object that a function reaches has state that no key follows."""
    kind = type(obj)
    if isinstance(obj, Iterator) and kind.__module__ in ("builtins", "itertools"):
        why, instead = "which each call would advance", "take the value from it outside"
    elif kind in weakref.ProxyTypes:
        why, instead = "whose object cannot be seen", "use weakref.ref, or the object itself"
    elif any(c.__module__ in ("_ctypes", "mmap") for c in kind.__mro__ if kind is not type):
        why, instead = "whose memory may change between calls", "read the value outside"
    else:
        return
    raise RecordingError(
        f"the compiled function reads {place!r}, a {kind.__name__} from outside, {why}; "
        f"{instead}, and pass it as an argument"
    )
