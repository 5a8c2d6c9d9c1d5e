"""Find the processes that a worker started, directly or not, and end them.

What a worker starts may leave its process group (setsid) and its family (a double fork). It is
still found by the worker's mark in its environment, which it inherits; and while the worker
lives, as its descendant, since a worker adopts the orphans among them. Not found is a process
that did both, and cleared its environment, under a worker that ended before it was closed; and
outside Linux, one that left its family.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "GRADMETER_WORKER"
_ATTEMPTS = 50


def new_mark() -> str:
    """A value for a worker's variable MARK that no other worker has."""
    return uuid.uuid4().hex


def family(pid: int) -> list[psutil.Process]:
    """The descendants of a process; none where it has ended."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def end(processes: list[psutil.Process], mark: str) -> None:
    """Kill processes and all that have the mark, until none of these is left."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    for _attempt in range(_ATTEMPTS):  # one may be starting another one
        marked = _marked(mark)
        if not marked:
            return
        for pid in marked:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _marked(mark: str) -> list[int]:
    """The processes whose environment has the mark; none on systems without /proc."""
    variable = f"{MARK}={mark}".encode()
    found = []
    with suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with suppress(OSError):  # it has ended, or is another user's
                    if variable in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                        found.append(int(name))
    return found
