"""One writer for a folder: a lock of the system's, which ends with its process.

The lock is on the folder itself, so no file is left behind, whatever ends the process.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from gradmeter.bench.errors import UsageError

try:
    import fcntl
except ImportError:  # elsewhere than on Unix there is no such lock
    fcntl = None  # type: ignore[assignment]

Inode = tuple[int, int]
_locked: dict[Inode, tuple[int, int]] = {}  # the descriptor, and how many hold it


def take(folder: Path) -> None:
    """Lock a folder until the process ends or `release`; may be repeated in one process.

    Where the system or the file system has no such lock, nothing is locked.

    Raises:
        UsageError: another process has locked it; the message says which, and since when.
    """
    if fcntl is None:
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # who writes there says why it cannot
    inode = _inode(descriptor)
    if inode in _locked:
        os.close(descriptor)
        descriptor, count = _locked[inode]
        _locked[inode] = descriptor, count + 1
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise UsageError(
                f"another run writes to the folder {folder}{_holder(inode)}; wait until it ends, "
                "or choose another --out"
            ) from None
        return
    _locked[inode] = descriptor, 1


def release(folder: Path) -> None:
    """Undo one `take` of this process."""
    with contextlib.suppress(OSError):
        state = folder.stat()
        inode = state.st_dev, state.st_ino
        if inode in _locked:
            descriptor, count = _locked.pop(inode)
            if count > 1:
                _locked[inode] = descriptor, count - 1
            else:
                os.close(descriptor)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Lock a folder while the block lasts.

    Raises:
        UsageError: as `take`.
    """
    take(folder)
    try:
        yield
    finally:
        release(folder)


def _inode(descriptor: int) -> Inode:
    state = os.fstat(descriptor)
    return state.st_dev, state.st_ino


def _holder(inode: Inode) -> str:
    """Name the process that has locked a folder; empty where the system does not tell."""
    device, number = inode
    place = f"{os.major(device):02x}:{os.minor(device):02x}:{number}"
    try:
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if "FLOCK" in words and place in words:
                process = psutil.Process(int(words[words.index(place) - 1]))
                since = datetime.fromtimestamp(process.create_time(), UTC)
                command = " ".join(process.cmdline()[:12])
                return f": process {process.pid}, since {since:%Y-%m-%d %H:%M:%S} UTC, {command}"
    except (OSError, ValueError, psutil.Error):
        pass
    return ""
