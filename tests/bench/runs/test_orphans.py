"""No process outlives the run that started it, however that run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import uuid

import pytest

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.runs.launcher import Process

from ..misbehaviour import (
    ROOT,
    engine_copy,
    interpreter,
    processes_with,
    spec,
    squares_that,
    within,
)

PARENT = """
import os, sys, time
from gradmeter.bench.runs.launcher import Process, Spec
spec = Spec("squares-3", 16, "engine", (), "on", 0, engine_path={path!r})
workers = [Process(spec, 60) for _ in range(2)]
for worker in workers:
    worker.ready()
    worker._send({{"meter": "time", "loops": 1}})
print("busy", flush=True)
time.sleep(600)
"""

# One that other threads of the interpreter can interrupt, and one that keeps them from running.
LOOPS = {
    "python": "while True: pass",
    "native": "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
    "asleep": "time.sleep(600)",
}


@pytest.fixture
def marker(monkeypatch):
    """A mark that every process started from here carries; what is left of them is ended."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv("MARKER", mark)
    yield mark
    os.environ.pop("MARKER", None)
    for process in processes_with(mark):
        if process.pid != os.getpid():
            process.kill()


def others(mark: str) -> list:
    return [process for process in processes_with(mark) if process.pid != os.getpid()]


@pytest.mark.parametrize(
    ("loop", "how"),
    [
        *((loop, signal.SIGKILL) for loop in LOOPS),
        *(("python", how) for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)),
    ],
)
def test_when_the_parent_is_killed_its_busy_workers_end(tmp_path, marker, loop, how):
    path = engine_copy(tmp_path, squares_that(LOOPS[loop]))
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT.format(path=path))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as parent:
        assert parent.stdout.readline() == b"busy\n"
        assert len(others(marker)) == 3
        parent.send_signal(how)
        parent.wait(10)
    assert within(lambda: not others(marker)), f"left behind: {others(marker)}"


def test_what_a_worker_started_itself_ends_with_it(tmp_path, marker):
    starts = "subprocess.Popen(['sleep', '600']); time.sleep(600)"
    process = Process(spec(engine_path=engine_copy(tmp_path, squares_that(starts))), 20)
    try:
        process.ready()
        process.limit = 0.6
        with pytest.raises(WorkerError):
            process.ask("time", loops=1)
    finally:
        process.close()
    assert within(lambda: not others(marker)), f"left behind: {others(marker)}"


def test_an_interpreter_that_is_a_shell_script_is_ended_with_what_it_runs(tmp_path, marker):
    body = "sleep 600\n"
    process = Process(spec(interpreter=interpreter(tmp_path, body, "/bin/sh")), 0.6)
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(WorkerError):
            process.ready()
        ended.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    returned = ended.wait(8)
    left = others(marker)
    for one in left:
        one.kill()  # which also ends a wait for its output
    thread.join(10)
    process.close()
    assert returned, "ending the worker hangs while somebody else holds its output"
    assert not left, f"left behind: {left}"
