"""What a worker answers when what it runs raises: the exception, and where a user can look."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from traceback import walk_tb

from gradmeter.bench.loading import described
from gradmeter.bench.meters.watched_files import WatchedFiles
from gradmeter.bench.runs.revision_packages import OriginError


def failure_of(error: Exception) -> dict[str, str]:
    """Return the answer to a request that raised an exception."""
    if type(error).__name__ == "CannotError":  # whose module needs NumPy, which may be missing
        return {"cannot": str(error)}
    if isinstance(error, OriginError):
        return {"refused": str(error)}
    notes = "; ".join(getattr(error, "__notes__", ()))
    return {"error": described(error).rstrip() + (notes and f" ({notes})") + raised_at(error)}


def raised_at(error: BaseException) -> str:
    """Return ", at FILE:LINE" of the last frame in a file of a user's; "" where there is none.

    The harness, installed packages and the standard library are nobody's.
    """
    is_users = WatchedFiles((Path(os.sep),)).file
    for frame, line in reversed(list(walk_tb(error.__traceback__))):
        if is_users(frame.f_code.co_filename):
            return f", at {_short(frame.f_code.co_filename)}:{line}"
    return ""


def _short(file: str) -> str:
    """A file's path from the folder that it is found by; all of it where none is known."""
    homes = [os.path.join(folder, "") for folder in (os.getcwd(), *sys.path) if folder]
    return file.removeprefix(max(filter(file.startswith, homes), key=len, default=""))
