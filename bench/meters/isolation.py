"""Cut a forked process off from everything that another process could see it change.

Memory is a copy already. What is left are files, sockets and pipes that are open, memory that
is mapped shared, and whatever a call opens, removes, starts or connects to.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import resource
import select
import signal
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_COPIED = 16 * 2**20  # bytes of an open file; a larger one is not there for the call
MOST_SHARED = 256 * 2**20  # bytes of shared memory that are copied
_PR_SET_PDEATHSIG = 1
_MAP_FIXED = 0x10
_POLL = "anon_inode:[eventpoll]"
_HARMLESS = (os.devnull, "/proc/self/clear_refs")  # writing there changes nothing for others
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class VisibleError(PermissionError):
    """The process was about to change something outside of it; the message says what."""


class Guard:
    """An audit hook that refuses what another process could see.

    Attributes:
        refused: what was refused first; empty as long as nothing was.
    """

    def __init__(self) -> None:
        self.refused = ""
        self._process = os.getpid()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Raise VisibleError for an event that would be seen outside of this process."""
        describe = _DESCRIBED.get(event)
        if describe is None:
            return
        action = describe(*args)
        if action:
            self.refused = self.refused or action
            raise VisibleError(f"{action}, which a test could see")

    def refuse(self, action: str) -> None:
        """Note something that cannot be hidden."""
        self.refused = self.refused or action


def _opens(path: object, _mode: object, flags: int) -> str:
    if isinstance(path, int) or not flags & _WRITES or os.fsdecode(path) in _HARMLESS:  # type: ignore[arg-type]
        return ""
    return f"it opens {_shown(path)} for writing"


def _connects_database(path: object) -> str:
    return "" if path in (":memory:", b":memory:", "") else f"it opens the database {_shown(path)}"


def _signals(process: int, *_: object) -> str:
    return "" if process == os.getpid() else "it sends a signal to another process"


def _truncates(path: object, *_: object) -> str:
    return "" if isinstance(path, int) else f"it truncates {_shown(path)}"


def _binds(_socket: object, address: object) -> str:
    return f"it makes the socket {_shown(address)}" if isinstance(address, str | bytes) else ""


def _changes(verb: str) -> Any:
    return lambda *args: f"it {verb} {_shown(args[0]) if args else 'a file'}"


def _starts(*_: object) -> str:
    return "it starts another process"


def _sends(_socket: object, address: object = None, *_: object) -> str:
    return f"it connects to {_shown(address)}" if address is not None else ""


_DESCRIBED: dict[str, Any] = {
    "open": _opens,
    "sqlite3.connect": _connects_database,
    "socket.connect": _sends,
    "socket.sendto": _sends,
    "socket.sendmsg": _sends,
    "socket.bind": _binds,
    "os.kill": _signals,
    "os.killpg": lambda *_: "it sends a signal to other processes",
    "os.truncate": _truncates,
    "os.remove": _changes("removes"),
    "os.rename": _changes("renames"),
    "os.mkdir": _changes("makes the folder"),
    "os.rmdir": _changes("removes the folder"),
    "os.link": _changes("links"),
    "os.symlink": _changes("links to"),
    "os.chmod": _changes("changes the mode of"),
    "os.chown": _changes("changes the owner of"),
    "os.utime": _changes("changes the times of"),
    "os.setxattr": _changes("changes the attributes of"),
    "os.removexattr": _changes("changes the attributes of"),
    "subprocess.Popen": _starts,
    "os.system": _starts,
    "os.exec": _starts,
    "os.posix_spawn": _starts,
    "os.spawn": _starts,
    "os.fork": _starts,
    "os.forkpty": _starts,
}


def _shown(value: object) -> str:
    with suppress(TypeError):
        value = os.fsdecode(value)  # type: ignore[arg-type]
    text = str(value)
    return text if len(text) <= 80 else f"...{text[-77:]}"


def isolate(*kept: int) -> Guard:
    """Cut this process off, a forked one; return the guard that refuses what would be seen.

    Open files can be read and written as before, but as copies; a socket or a pipe has no other
    end any more. The process ends when its parent does, and leaves no core file.

    Args:
        kept: the file descriptors that stay as they are.
    """
    guard = Guard()
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError):  # in another thread than the main one
        signal.set_wakeup_fd(-1)
    sys.dont_write_bytecode = True
    _copy_shared_memory(library, guard)
    polls = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):  # the one that listed the folder is closed
            if os.readlink(f"/proc/self/fd/{fd}") == _POLL:
                polls[fd] = _watched(fd)
            if fd not in kept:
                _replace(fd)
    for fd, watched in polls.items():
        _watch(fd, watched)
    sys.addaudithook(guard)
    return guard


def _replace(fd: int) -> None:
    """Put a copy, or nothing, in the place of an open file."""
    mode = os.fstat(fd).st_mode
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    if stat.S_ISDIR(mode) or (stat.S_ISCHR(mode) and not os.isatty(fd) and fd > 2):
        return
    inheritable = os.get_inheritable(fd)
    try:
        new = _nothing() if fd <= 2 else _copied(fd, mode, flags)
    except OSError:
        new = _nothing()
    os.dup2(new, fd, inheritable)
    os.close(new)
    if not flags & os.O_NONBLOCK or fd <= 2:
        return
    with suppress(OSError):
        os.set_blocking(fd, False)


def _nothing() -> int:
    return os.open(os.devnull, os.O_RDWR)


def _copied(fd: int, mode: int, flags: int) -> int:
    """Open a copy of what a file descriptor refers to."""
    if stat.S_ISREG(mode):
        return _copied_file(fd, flags)
    if stat.S_ISSOCK(mode):
        one, other = socket.socketpair()
        other.close()
        return one.detach()
    if stat.S_ISFIFO(mode):
        ends = os.pipe()
        reads = flags & os.O_ACCMODE == os.O_RDONLY
        os.close(ends[reads])
        return ends[not reads]
    if os.readlink(f"/proc/self/fd/{fd}") == _POLL:
        with select.epoll() as poll:
            return os.dup(poll.fileno())
    return os.open(os.devnull, os.O_RDONLY)


def _copied_file(fd: int, flags: int) -> int:
    """Open a file anew, at the same place; one that is open for writing is copied first."""
    source = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    place = os.lseek(fd, 0, os.SEEK_CUR)
    if flags & os.O_ACCMODE == os.O_RDONLY:
        os.lseek(source, place, os.SEEK_SET)
        return source
    try:
        size = os.fstat(source).st_size
        if size > MOST_COPIED:
            return os.open(os.devnull, os.O_RDONLY)  # writing fails, and says so
        copy = os.memfd_create("copy")
        while size > 0 and (sent := os.sendfile(copy, source, None, size)):
            size -= sent
    finally:
        os.close(source)
    os.lseek(copy, place, os.SEEK_SET)
    fcntl.fcntl(copy, fcntl.F_SETFL, flags & os.O_APPEND)
    return copy


def _watched(fd: int) -> list[tuple[int, int]]:
    """Return the file descriptors that an epoll watches, each with its events."""
    lines = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
    rows = [line.split() for line in lines if line.startswith("tfd:")]
    return [(int(row[1]), int(row[3], 16)) for row in rows]


def _watch(fd: int, watched: list[tuple[int, int]]) -> None:
    """Have an epoll of this process watch the copies of what another one watches."""
    with select.epoll.fromfd(os.dup(fd)) as poll:
        for other, events in watched:
            with suppress(OSError):
                poll.register(other, events)


def _copy_shared_memory(library: ctypes.CDLL, guard: Guard) -> None:
    """Put a private copy in the place of each writable shared mapping."""
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = (
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
    )  # fmt: skip
    left = MOST_SHARED
    for line in Path("/proc/self/maps").read_text().splitlines():
        words = line.split(maxsplit=5)
        path = words[5] if len(words) > 5 else ""
        device = path.startswith("/dev/") and not path.startswith(("/dev/shm/", "/dev/zero"))
        if not words[1].startswith("rw") or words[1][3] != "s" or device:
            continue
        start, end = (int(word, 16) for word in words[0].split("-"))
        left -= end - start
        if left < 0:
            guard.refuse(f"it shares more than {MOST_SHARED // 2**20} MiB with other processes")
            return
        content = ctypes.string_at(start, end - start)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        if library.mmap(start, end - start, protection, flags, -1, 0) != start:
            guard.refuse(f"it shares memory with other processes: {path}")
            return
        ctypes.memmove(start, content, end - start)
