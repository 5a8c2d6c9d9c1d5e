"""Atomic file writing, and the check that a folder can be written to."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from gradmeter.bench.errors import UsageError


def write(path: Path, content: bytes) -> None:
    """Replace a file's content atomically.

    Raises:
        OSError: the file cannot be written; its old content is unchanged.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp's 0600 would shut others out
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def writable(folder: Path, option: str = "--out") -> None:
    """Create a folder and check that files can be written to it.

    Args:
        option: which names another folder.

    Raises:
        UsageError: no file can be written to it.
    """
    kind = _kind(folder)
    if kind not in ("", "a folder"):
        raise UsageError(
            f"nothing can be written to the folder {folder}: it is {kind}; choose "
            f"another with {option}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"nothing can be written to the folder {folder}: {error.strerror}; choose another "
            f"with {option}"
        ) from None


def refuse_irregular(path: Path, what: str) -> None:
    """Refuse a path that is no regular file: a folder, a pipe or a device.

    Such a path cannot be replaced by a file, and reading it may wait for ever.

    Args:
        what: what is refused, as "cannot be read".

    Raises:
        UsageError: something else than a regular file is there.
    """
    kind = _kind(path)
    if kind not in ("", "a file"):
        raise UsageError(f"{path} {what}: it is {kind}, and has to be a file")


_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def _kind(path: Path) -> str:
    """What lies at a path; empty if nothing does, or if that cannot be seen."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""  # what reads or writes there says why it cannot
    return _KINDS.get(stat.S_IFMT(mode), "something else")
