"""Kernels kept on disk: machine code that one process compiled is loaded by the next.

A file holds the object file of one kernel. Its name is the digest of all that changes it: the
kernel's text, the source of what compiles it, LLVM's version, and the processor with its
features; not Python or NumPy, which the text has nothing of. It begins with a digest of key
and content: what is cut short, damaged or another's is no hit, and is written anew.

These files are executed. So they lie in a folder of this user that nobody else can write to;
any other folder is refused, with a warning. Where there are no such permissions to check
(Windows), or no folder can be written, nothing is kept, and each process compiles.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "GRADMETER_COMPILE_CACHE"  # "off" keeps and loads nothing
MAX_BYTES = 64 * 2**20  # of all files; those that were used least recently go first
SUFFIX = ".kernel"
_MAGIC = b"gradmeter kernel 1\n"
_HEADER_BYTES = len(_MAGIC) + hashlib.sha256().digest_size
_wanted = ContextVar("engine_kept_kernels", default=True)
_refused: set[str] = set()


@dataclass(frozen=True, slots=True)
class KeptKernel:
    """A kernel on disk: its file, its bytes, and when it was used last (seconds)."""

    path: Path
    bytes: int
    used: float


def folder() -> Path:
    """Return the folder of the kernels: in $XDG_CACHE_HOME, or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home, "gradmeter", "kernels")


@contextmanager
def keeping(wanted: bool) -> Iterator[None]:
    """Keep and load kernels in the block, or do not."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def read(key: bytes) -> bytes | None:
    """Return the object file that is kept for a key; None if there is none."""
    with suppress(OSError), _opened(create=False) as directory:
        if directory is not None:
            # Opening a pipe that lies there must not wait.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(_name(key), flags, dir_fd=directory)
            with os.fdopen(file, "rb") as stream:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    return None
                header, content = stream.read(_HEADER_BYTES), stream.read()
                if header == _header(key, content):
                    os.utime(file)  # it is the one used last
                    return content
    return None


def write(key: bytes, content: bytes) -> None:
    """Keep an object file, and remove those used least recently if there are too many."""
    with suppress(OSError), _opened(create=True) as directory:
        if directory is None:
            return
        name = _name(key)
        temporary = f"{name}.{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=directory), "wb") as stream:
                stream.write(_header(key, content) + content)
            os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise
        _shrink(MAX_BYTES)


def listed() -> list[KeptKernel]:
    """Return the files in the folder, the one used least recently first."""
    found = []
    with suppress(OSError), os.scandir(folder()) as entries:
        for entry in entries:
            with suppress(OSError):  # another process may have removed it
                status = entry.stat(follow_symlinks=False)
                found.append(KeptKernel(Path(entry.path), status.st_size, status.st_mtime))
    return sorted(found, key=lambda kernel: kernel.used)


def clear() -> int:
    """Remove all kernels that are kept; return how many. Processes that run are not affected."""
    return _shrink(0)


def _shrink(limit: int) -> int:
    kernels = listed()
    total, removed = sum([kernel.bytes for kernel in kernels]), 0
    for kernel in kernels:
        if total <= limit:
            break
        with suppress(OSError):
            kernel.path.unlink(missing_ok=True)
            removed += 1
        total -= kernel.bytes
    return removed


def _name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:32] + SUFFIX


def _header(key: bytes, content: bytes) -> bytes:
    digest = hashlib.sha256(len(key).to_bytes(8, "little") + key + content)
    return _MAGIC + digest.digest()


@contextmanager
def _opened(create: bool) -> Iterator[int | None]:
    """Open the folder; None where kernels are not kept.

    Raises:
        OSError: there is none, or it cannot be opened or made.
    """
    path = folder()
    is_off = not _wanted.get() or os.environ.get(VARIABLE) == "off"
    if is_off or not hasattr(os, "geteuid") or not path.is_absolute():  # there is no home folder
        yield None
        return
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(directory)
        is_private = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o022
        if not is_private:
            _refuse(path)
        yield directory if is_private else None
    finally:
        os.close(directory)


def _refuse(path: Path) -> None:
    if str(path) not in _refused:
        _refused.add(str(path))
        warnings.warn(
            f"{path} belongs to or can be written by others, who could place code there, so "
            f"compiled programs are neither loaded from it nor kept; chmod go-w it, or set "
            f"{VARIABLE}=off",
            RuntimeWarning,
            stacklevel=2,
        )
