"""What cannot be recorded is refused: what it was, in which line of the user's, and what to do."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

import engine
from engine.errors import RecordingError

NOT_THE_USERS = tuple(
    str(Path(module.__file__ or "").parent) + "/" for module in (engine, np) if module.__file__
)
SWEEP = (str(Path(__file__).with_name("tracing.py")), "_gradients")
HOW_WITHOUT_VALUES = (
    "values are not known while the program is recorded: use np.where for a choice, and "
    "compute what needs values outside of the compiled function"
)


def refuse(what: str, instead: str) -> NoReturn:
    """Raise the RecordingError for something in the user's present line."""
    raise RecordingError(f"{what} cannot be recorded ({line_of_the_user()}); {instead}")


def line_of_the_user() -> str:
    """The innermost line that is neither the engine's nor NumPy's: file, number and text."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if (file, frame.f_code.co_name) == SWEEP:
            return "in the backward"  # of the engine's own operations
        if not file.startswith(NOT_THE_USERS):
            text = linecache.getline(file, frame.f_lineno).strip()
            file = file.removeprefix(os.getcwd() + os.sep)
            return f"{file}:{frame.f_lineno}" + (f": {text}" if text else "")
        frame = cast(Any, frame.f_back)
    return "an unknown line"
