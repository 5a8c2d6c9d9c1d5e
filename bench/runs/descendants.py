"""Find the processes that a worker started, directly or not, and end them.

What a worker starts may leave its process group (setsid) and its family (a double fork). It is
still found by the worker's mark in its environment, which it inherits; and while the worker
lives, as its descendant, since a worker adopts the orphans among them. Of a run that was killed,
the next one ends what has a mark. Not found is a process
that did both, and cleared its environment, under a worker that ended before it was closed; and
outside Linux, one that left its family.
"""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psutil

from gradmeter.bench.results.folders import Owner, this_process
from gradmeter.bench.runs.ties import MARK

_ATTEMPTS = 50


def new_mark() -> str:
    """A value for a worker's variable MARK that no other worker has; it names this process."""
    return f"{uuid.uuid4().hex} {json.dumps(asdict(this_process()))}"


def family(pid: int) -> list[psutil.Process]:
    """The descendants of a process; none where it has ended."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def end(processes: list[psutil.Process], mark: str | None) -> None:
    """Kill processes and all that have the mark, if there is one, until none of these is left."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    for _attempt in range(_ATTEMPTS):  # one may be starting another one
        marked = _marked(mark) if mark else []
        if not marked:
            return
        for pid in marked:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def end_stale() -> None:
    """Kill what workers have started whose owner was killed, so that it closed none of them."""
    for mark in {mark for _, mark in _marks() if not _owner_lives(mark)}:
        end([], mark)


def _owner_lives(mark: str) -> bool:
    """Whether the process that a mark names may be running; True for what is no mark of ours."""
    try:
        return Owner(**json.loads(mark.partition(" ")[2])).lives
    except (ValueError, TypeError, RecursionError):
        return True


def _marked(mark: str) -> list[int]:
    return [pid for pid, other in _marks() if other == mark]


def _marks() -> list[tuple[int, str]]:
    """The processes with a mark, and the marks; none on systems without /proc."""
    variable = f"{MARK}=".encode()
    found = []
    with suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                with suppress(OSError):  # it has ended, or is another user's
                    content = Path(f"/proc/{name}/environ").read_bytes()
                    words = content.split(b"\0") if variable in content else []
                    marks = [word for word in words if word.startswith(variable)]
                    found += [(int(name), os.fsdecode(m[len(variable) :])) for m in marks]
    return found
