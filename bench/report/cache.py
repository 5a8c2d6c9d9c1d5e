"""A cache of texts that are slow to compute and never change, in the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from gradmeter.bench.results import files


def folder() -> Path:
    """The folder of the cache; see the XDG Base Directory Specification."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "gradmeter"


def cached_text(key: str, make: Callable[[], str]) -> str:
    """Return the cached text of a key; where there is none, cache what ``make`` returns.

    A cache that cannot be read or written is ignored.
    """
    path = folder() / hashlib.sha256(key.encode()).hexdigest()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    text = make()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, text.encode())
    return text
