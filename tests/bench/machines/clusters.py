"""Start the parts of a Dask cluster as processes of their own, which a test kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PATIENCE = 120.0
DASK = (sys.executable, "-m", "dask")

Child = subprocess.Popen[bytes]


def wait_for(what: Callable[[], object], of: str) -> None:
    """Wait until something holds."""
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, f"{of} within {PATIENCE:g} seconds"
        time.sleep(0.1)


@dataclass
class Cluster:
    """A scheduler and its workers, which are processes of this machine.

    Attributes:
        host: the scheduler's.
        prefix: of each command that reaches it.
        workers: every one that was started.
    """

    folder: Path
    host: str = "127.0.0.1"
    prefix: Sequence[str] = ()
    children: list[Child] = field(default_factory=list)
    workers: list[Child] = field(default_factory=list)

    def start(self, *command: str) -> Child:
        """Start a part of it."""
        with (self.folder / f"log {len(self.children)}.txt").open("wb") as log:
            child = subprocess.Popen(
                [*self.prefix, *command], stdout=log, stderr=log, cwd=self.folder
            )
        self.children.append(child)
        return child

    def scheduler(self) -> Child:
        """Start the scheduler."""
        child = self.start(
            *DASK, "scheduler", "--host", self.host, "--port", "0",
            "--dashboard-address", "127.0.0.1:0",
            "--scheduler-file", str(self.folder / "scheduler.json"),
        )  # fmt: skip
        wait_for((self.folder / "scheduler.json").exists, "the scheduler is there")
        wait_for(lambda: (self.folder / "scheduler.json").read_text().endswith("}"), "its file")
        return child

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return str(json.loads((self.folder / "scheduler.json").read_text())["address"])

    def worker(self, *more: str) -> Child:
        """Start a worker with a slot."""
        return self._worker((), self.host, *more)

    def _worker(self, machine: Sequence[str], host: str, *more: str) -> Child:
        child = self.start(
            *machine, *DASK, "worker", self.address, "--nthreads", "1", "--no-nanny",
            "--host", host, "--dashboard-address", "127.0.0.1:0", "--resources", "gradmeter=1",
            *more,
        )  # fmt: skip
        self.workers.append(child)
        return child

    def kill(self, child: Child) -> None:
        """End a part as a power cut does."""
        child.send_signal(signal.SIGKILL)
        child.wait()

    def close(self) -> None:
        """End what is left of it."""
        for child in self.children:
            if child.poll() is None:
                self.kill(child)


def agents_of(child: Child) -> list[psutil.Process]:
    """The processes that a worker has started to measure."""
    return psutil.Process(child.pid).children(recursive=True)


def environment() -> dict[str, str]:
    """The variables of a client."""
    return {**os.environ, "COLUMNS": "200"}
