"""Temporary folders that record their owner, so that a later run removes what a killed one left.

A process that is killed (SIGKILL, a lost machine) cannot remove its folders. Each holds a file
with the process that made it; where no such process lives, the folder is stale.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

PREFIX = "gradmeter-"
_RECORD = ".owner.json"
_MOST = 2**16  # bytes of a record


@dataclass(frozen=True)
class Owner:
    """A process, told apart from any other that has the same number earlier or later.

    Attributes:
        started: when it started: the boot, and the time since.
        place: the machine and its namespace of process numbers.
    """

    pid: int
    started: str
    place: str

    @property
    def lives(self) -> bool:
        """Whether it may be running; True for one in another place, which cannot be seen."""
        return self.place != _place() or _started(self.pid) == self.started


@dataclass(frozen=True)
class Record:
    """The content of a folder's record: its owner, and the repository of its worktrees."""

    owner: Owner
    repository: str = ""


def this_process() -> Owner:
    """Return this process as an owner."""
    return Owner(os.getpid(), _started(os.getpid()), _place())


@contextmanager
def temporary_folder(repository: str = "") -> Iterator[Path]:
    """Make a folder for the block, with a record of this process as its owner.

    Args:
        repository: the git repository that worktrees in the folder belong to.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        (folder / _RECORD).write_text(json.dumps(asdict(Record(this_process(), repository))))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stale_folders() -> list[tuple[Path, Record]]:
    """The user's folders whose owners have ended without removing them, with their records."""
    found = []
    try:
        entries = list(os.scandir(tempfile.gettempdir()))
    except OSError:
        return []
    for entry in entries:
        if entry.name.startswith(PREFIX) and _is_ours(entry):
            record = _record(Path(entry.path))
            if record is not None and not record.owner.lives:
                found.append((Path(entry.path), record))
    return found


def _is_ours(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, and no link to one, that this user made for nobody else."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    user = getattr(os, "getuid", lambda: status.st_uid)()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == user


def _record(folder: Path) -> Record | None:
    """The record in a folder; None where it has none, or another's file of that name."""
    path = folder / _RECORD
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST:
            return None
        found = json.loads(path.read_bytes())
        owner = Owner(
            int(found["owner"]["pid"]), str(found["owner"]["started"]), str(found["owner"]["place"])
        )
        return Record(owner, str(found["repository"]))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _started(pid: int) -> str:
    """When a process started; "" where there is no such process, or it has ended."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # After the name in parentheses, which may hold anything: the state, and 18 more fields.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
    except (OSError, IndexError):
        pass
    import psutil  # not every worker's interpreter has it

    try:  # systems without /proc
        return f"{psutil.Process(pid).create_time():.0f}"
    except psutil.Error:
        return ""


def _place() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{platform.node()} {namespace}"
