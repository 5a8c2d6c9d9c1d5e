"""Files that are written whole, and folders that can be written to."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from bench.errors import UsageError


def write(path: Path, content: bytes) -> None:
    """Replace a file's content at once.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # as any other file that the user makes
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def writable(folder: Path) -> None:
    """Make a folder, and make sure that files can be written there.

    Raises:
        UsageError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"nothing can be written to the folder {folder}: {error.strerror}; choose another "
            "with --out"
        ) from None
