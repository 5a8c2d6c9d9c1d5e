"""Tie a process to its parent, and its orphaned descendants to it, where the system can."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

MARK: Final = "GRADMETER_WORKER"  # the variable of a worker's mark, see descendants.py


def die_with_parent() -> None:
    """On Linux, have this process killed when its parent ends, whatever it is doing."""
    if sys.platform == "linux":
        parent = os.getppid()
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def adopt_orphans() -> None:
    """On Linux, have the orphans among this process's descendants become its children."""
    if sys.platform == "linux":
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1)
