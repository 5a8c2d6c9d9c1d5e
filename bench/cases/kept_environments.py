"""A cache of environments: what was built of a commit is the same the next time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gradmeter.bench.cases.environments import BuildError

if sys.platform != "win32":
    import fcntl

_DONE = "built.json"


def cache() -> Path:
    """The folder of kept environments: in $XDG_CACHE_HOME, or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "gradmeter" / "environments"


@contextmanager
def kept(key: Sequence[str], build: Callable[[Path], None]) -> Iterator[Path]:
    """The folder of a key in the cache, built if it is not there; it stays for the block.

    One process at a time builds a key, and what a killed one left is removed.

    Args:
        build: fills an empty folder.

    Raises:
        BuildError: the folder cannot be written; and what ``build`` raises.
    """
    name = hashlib.sha256("\0".join(key).encode(errors="surrogateescape")).hexdigest()[:24]
    folder = cache() / name
    try:
        cache().mkdir(parents=True, exist_ok=True)
        lock = (cache() / f"{name}.lock").open("a")
    except OSError as error:
        raise BuildError(f"{cache()} cannot be written: {error.strerror}") from None
    with lock:
        _lock(lock, shared=True)
        while not (folder / _DONE).is_file():
            _lock(lock, shared=False)
            if not (folder / _DONE).is_file():  # nobody built it while we waited
                _build(folder, key, build)
            _lock(lock, shared=True)  # others may use it, too, and clear removes it only after us
        yield folder


def _build(folder: Path, key: Sequence[str], build: Callable[[Path], None]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir()
        build(folder)
        (folder / _DONE).write_text(json.dumps(key))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BuildError(f"{folder} cannot be written: {error}") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _lock(file: IO[str], *, shared: bool, wait: bool = True) -> bool:
    """Lock a file for this process, or share it; False where that would mean to wait."""
    if sys.platform != "win32":
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@dataclass(frozen=True)
class Kept:
    """An environment in the cache: its folder, what it was made of, and its bytes."""

    folder: Path
    key: tuple[str, ...]
    bytes: int


def listed() -> list[Kept]:
    """The complete environments in the cache."""
    found = []
    for path in sorted(cache().glob(f"*/{_DONE}")):
        with suppress(OSError, ValueError):
            size = sum(f.lstat().st_size for f in path.parent.rglob("*") if not f.is_dir())
            found.append(Kept(path.parent, tuple(json.loads(path.read_text())), size))
    return found


def clear() -> list[Path]:
    """Remove every environment from the cache, unless it is in use; return those that are."""
    used = []
    for path in sorted(cache().glob("*.lock")):
        with suppress(OSError), path.open("a") as lock:
            if _lock(lock, shared=False, wait=False):
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
            else:
                used.append(path.with_suffix(""))
    return used
