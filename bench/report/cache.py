"""What takes a second to make and never changes, kept in the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from bench import files


def folder() -> Path:
    """Where it is kept; see the XDG Base Directory Specification."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "gradmeter"


def kept(key: str, make: Callable[[], str]) -> str:
    """What ``make`` returns, which is called only if nobody has for this key.

    A cache that cannot be read or written is done without.
    """
    path = folder() / hashlib.sha256(key.encode()).hexdigest()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    text = make()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, text.encode())
    return text
