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

    A cache that cannot be read or written is ignored, and a text that is not what was written
    is made again: each file begins with the digest of its text.
    """
    path = folder() / hashlib.sha256(key.encode()).hexdigest()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.is_file():  # opening what is none may wait for ever
            digest, _, cached = path.read_bytes().partition(b"\n")
            if digest == _digest(cached):
                return cached.decode()
    text = make()
    content = text.encode()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, _digest(content) + b"\n" + content)
    return text


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
