"""No process outlives the run that started it, however that run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import uuid
from contextlib import suppress

import psutil
import pytest

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.runs import descendants, ties
from gradmeter.bench.runs.launcher import Process

from ..command import PATIENCE
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
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.spec import Spec
spec = Spec("squares-3", 16, "engine", (), "on", 0, engine_path={path!r})
workers = [Process(spec, 60) for _ in range(2)]
for worker in workers:
    worker.ready()
    worker.send({{"meter": "time", "loops": 1}})
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
        assert within(lambda: len(others(marker)) == 3)
        parent.send_signal(how)
        parent.wait(PATIENCE)
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


# An engine that starts what outlives it: forked, detached, orphaned, without an environment.
LEAVES = {
    "forked": "if not os.fork(): time.sleep(600)",
    "detached": "subprocess.Popen(['sleep', '600'], start_new_session=True)",
    "orphan": (
        "subprocess.run([sys.executable, '-c', 'import os, subprocess; '"
        '\'subprocess.Popen(["sleep", "600"], start_new_session=True); os._exit(0)\'])'
    ),
    "orphan without environment": (
        "subprocess.run(['sh', '-c', f'setsid env -i SLEEPER={os.environ[\"MARKER\"]} "
        "sleep 600 & exit'])"
    ),
}


def sleepers(mark: str) -> list:
    """What is left, also of what has no other variable than SLEEPER."""
    found = others(mark)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("SLEEPER") == mark:
                found.append(process)
    return found


# All but what descendants.py cannot find: the last one, of a worker that crashed.
LEFT = [(left, how) for left in LEAVES for how in ("close", "time out", "crash")][:-1]


@pytest.mark.parametrize(("left", "how"), LEFT)
def test_what_an_engine_leaves_behind_ends_with_its_worker(tmp_path, marker, left, how):
    then = {"close": "pass", "crash": "os._exit(3)", "time out": "time.sleep(600)"}[how]
    code = f"{LEAVES[left]}\n    {then}"
    process = Process(spec(engine_path=engine_copy(tmp_path, squares_that(code))), 30)
    try:
        process.ready()
        process.limit = 2.0 if how == "time out" else 30.0
        with suppress(WorkerError):
            process.ask("time", loops=1)
        if how == "close":
            assert within(lambda: sleepers(marker))
    finally:
        process.close()
    assert within(lambda: not sleepers(marker)), f"left behind: {sleepers(marker)}"


@pytest.mark.parametrize("left", ["forked", "detached", "orphan"])
def test_what_a_killed_run_leaves_running_the_next_one_ends(tmp_path, marker, left):
    path = engine_copy(tmp_path, squares_that(f"{LEAVES[left]}\n    time.sleep(600)"))
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT.format(path=path))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as parent:
        assert parent.stdout.readline() == b"busy\n"
        assert within(lambda: len(others(marker)) >= 5)  # it, its workers, and theirs
        descendants.end_stale()
        # Not at once: a process between two of an orphan may have ended, and the next not begun.
        assert within(lambda: len(others(marker)) >= 5)
        parent.kill()
        parent.wait(PATIENCE)
    descendants.end_stale()
    assert within(lambda: not others(marker)), f"left behind: {others(marker)}"


@pytest.mark.parametrize(
    "mark", ["", "x", "x {}", "x []", "x {", 'x {"pid": 1}', "x " + "[" * 9999, "\udcff"]
)
def test_what_has_a_mark_of_another_kind_is_left_alone(mark):
    environment = {**os.environ, ties.MARK: mark}
    with subprocess.Popen(["sleep", "600"], env=environment) as process:
        descendants.end_stale()
        assert process.poll() is None
        process.kill()


def test_a_crash_is_told_at_once_while_a_child_has_the_answers_open(tmp_path, marker):
    code = f"{LEAVES['forked']}\n    os._exit(7)"
    process = Process(spec(engine_path=engine_copy(tmp_path, squares_that(code))), 600)
    try:
        process.ready()
        with pytest.raises(WorkerError, match="exit code 7"):
            process.ask("time", loops=1)
    finally:
        process.close()


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
    returned = ended.wait(60)
    left = [] if returned and within(lambda: not others(marker)) else others(marker)
    for one in left:
        one.kill()  # which also ends a wait for its output
    thread.join(PATIENCE)
    process.close()
    assert returned, "ending the worker hangs while somebody else holds its output"
    assert not left, f"left behind: {left}"
