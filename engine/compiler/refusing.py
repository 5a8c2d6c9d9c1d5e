"""Refusals: RecordingErrors that name the code, the user's line and the alternative."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from ..errors import RecordingError

INTERNAL_FOLDERS = (f"{Path(__file__).parent.parent}/", f"{Path(np.__file__).parent}/")
SWEEP = (str(Path(__file__).with_name("tracing.py")), "_gradients")
VALUES_UNKNOWN = (
    "values are not known while the program is recorded: use np.where for a choice, and "
    "compute what needs values outside of the compiled function"
)


def refuse(what: str, instead: str) -> NoReturn:
    """Raise a RecordingError that names ``what``, the user's line and what to do ``instead``."""
    raise RecordingError(f"{what} cannot be recorded ({user_line()}); {instead}")


def user_line() -> str:
    """Return the innermost line outside of the engine and NumPy: file, number and text."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if (file, frame.f_code.co_name) == SWEEP:
            return "in the backward"  # of the engine's own operations
        if not file.startswith(INTERNAL_FOLDERS):
            text = linecache.getline(file, frame.f_lineno).strip()
            file = file.removeprefix(os.getcwd() + os.sep)
            return f"{file}:{frame.f_lineno}" + (f": {text}" if text else "")
        frame = cast(Any, frame.f_back)
    return "an unknown line"
