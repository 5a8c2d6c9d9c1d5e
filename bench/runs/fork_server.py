"""The main program of a fork server: a process that has imported what every worker imports.

Its forks become workers, in milliseconds. It imports Python, NumPy and the harness, and no
engine: an engine's threads do not survive a fork, and nothing that only one variant needs may
lie in the memory of another.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from typing import Any

from gradmeter.bench.runs import worker
from gradmeter.bench.runs.ties import MARK, adopt_orphans, die_with_parent


def main() -> None:
    """Serve requests from standard input until it ends; a fork returns as a worker does.

    The argument is the number of the socket that a fork's standard streams come through.
    """
    die_with_parent()
    adopt_orphans()
    files = socket.socket(fileno=int(sys.argv.pop(1)))
    import numpy.random  # noqa: F401 (for the forks, as what follows)

    from gradmeter.bench import engines, workloads  # noqa: F401
    from gradmeter.bench.cases import program  # noqa: F401
    from gradmeter.bench.meters import time  # noqa: F401
    from gradmeter.bench.runs import layout  # noqa: F401

    gc.collect()
    gc.freeze()  # the collector of a fork writes into no page that it shares
    while line := sys.stdin.readline():
        request = json.loads(line)
        if request["meter"] == "wait":
            _, status = os.waitpid(request["pid"], 0)
            _answer({"code": os.waitstatus_to_exitcode(status)})
            continue
        _, streams, _, _ = socket.recv_fds(files, 1, 3)
        pid = os.fork()
        if not pid:
            files.close()
            _become_worker(streams, request["mark"])
            worker.main()
        for stream in streams:
            os.close(stream)
        _answer({"pid": pid})
    os._exit(0)


def _answer(reading: dict[str, Any]) -> None:
    os.write(1, json.dumps({"ok": reading}).encode() + b"\n")


def _become_worker(streams: list[int], mark: str) -> None:
    """Give a fork its own session and standard streams."""
    os.setsid()
    os.environ[MARK] = mark
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
