"""A run that is ended at any moment leaves a valid run file and no worker."""

from __future__ import annotations

import fcntl
import os
import pty
import random
import signal
import subprocess
import sys
import termios
import time
import uuid
from itertools import product

import pytest

from gradmeter.bench.results import run_file

from ...thorough import repeated
from ..command import GRADMETER, PATIENCE, TINY, gradmeter, started
from ..misbehaviour import processes_with, within

CASE = ("--size", "50000", "--size", "60000", "--workload", "goldstein_price")
# Never finished before it is interrupted, and one that is short enough to be finished afterwards.
LONG = (*CASE, "--sets", "9", "--budget", "60", "--min-rounds", "1")
SHORT = (*CASE, "--sets", "1", "--budget", "0.05", "--min-rounds", "1")

moments = random.Random(20)


@pytest.fixture
def marker(monkeypatch):
    """A mark that every process started from here carries."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv("MARKER", mark)
    return mark


def nobody_left(mark: str) -> bool:
    return within(lambda: all(p.pid == os.getpid() for p in processes_with(mark)))


@pytest.mark.parametrize(
    ("to", "delay"),
    [
        ("process", 0.0),
        *(("group", moments.uniform(0.1, 1.5)) for _ in repeated(range(2), range(4))),
    ],
)
def test_ctrl_c_at_any_moment(tmp_path, marker, to, delay):
    with started("run", *LONG, "--out", tmp_path) as process:
        time.sleep(delay)
        (os.killpg if to == "group" else os.kill)(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert nobody_left(marker)
    assert not run_file.load(tmp_path / "run.json").finished
    assert set(os.listdir(tmp_path)) == {"run.json", "report.md"}
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "--resume" in said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_being_ended_from_outside(tmp_path, marker, how):
    with started("run", *LONG, "--out", tmp_path) as process:
        time.sleep(moments.uniform(0.1, 1.0))
        process.send_signal(how)
        process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert nobody_left(marker)
    assert not run_file.load(tmp_path / "run.json").finished


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def ignoring(*ignored: str) -> list[str]:
    """A command before which signals are ignored, as by nohup or in a script's background."""
    code = "import os, signal, sys\n" + "".join(
        f"signal.signal(signal.{name}, signal.SIG_IGN)\n" for name in ignored
    )
    return [sys.executable, "-c", f"{code}os.execv(sys.argv[1], sys.argv[1:])", GRADMETER]


COMMANDS = [
    ("run", *LONG),
    ("compare", "engine", "engine:retain_grad=on", *CASE),
    ("selftest", "--comparisons", "9"),
    ("trace", "squares-3000", "--size", "30000"),
]
SIGNALS = [signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize(
    ("command", "how"),
    repeated(
        [*zip(COMMANDS, SIGNALS * 2, strict=True)],
        [*product(COMMANDS, SIGNALS)],
    ),
    ids=lambda value: value[0] if isinstance(value, tuple) else value.name,
)
def test_where_ctrl_c_is_ignored_other_signals_end_every_command(tmp_path, temporary, marker,
                                                                 command, how):  # fmt: skip
    out = ("--out", tmp_path / "out") if command[0] in ("run", "compare") else ()
    with subprocess.Popen(
        [*ignoring("SIGINT"), *command, *out], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert within(lambda: len(processes_with(marker)) > 1)  # the command and a worker
        process.send_signal(signal.SIGINT)
        for _ in range(3):  # as a terminal that closes
            process.send_signal(how)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert nobody_left(marker)
    assert list(temporary.glob("gradmeter-*")) == []


LATE = """
import os, signal
from gradmeter.bench.commands.termination import ending_in_order

try:
    with ending_in_order():
        os.kill(os.getpid(), signal.{name})
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.{name})
    print("in order")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_comes_late_kills_no_process_that_is_ending(name):
    done = subprocess.run(
        [sys.executable, "-c", LATE.format(name=name)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "in order\n"), done.stderr


def test_a_signal_that_is_ignored_stays_ignored(tmp_path, temporary, marker):
    with subprocess.Popen(
        [*ignoring("SIGINT", "SIGHUP"), "run", *TINY, "--variant", "engine",
         "--out", tmp_path / "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said


def test_a_terminal_that_closes_leaves_nothing(tmp_path, temporary, marker):
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [GRADMETER, "run", *LONG, "--out", tmp_path / "out"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    assert within(lambda: any(temporary.glob("gradmeter-*")))
    os.close(mine)
    process.wait(PATIENCE)
    assert nobody_left(marker)
    assert list(temporary.glob("gradmeter-*")) == []
    assert not run_file.load(tmp_path / "out" / "run.json").finished


def test_what_a_killed_run_leaves_the_next_one_removes(tmp_path, temporary, marker):
    with started("run", *LONG, "--out", tmp_path / "out") as process:
        assert within(lambda: any(temporary.glob("gradmeter-*")))
        process.kill()
        process.communicate(timeout=PATIENCE)
    assert any(temporary.glob("gradmeter-*"))
    gradmeter("run", *TINY, "--exact", "--variant", "engine", "--out", tmp_path / "out")
    assert list(temporary.glob("gradmeter-*")) == []


def test_a_run_that_was_interrupted_is_finished_by_resuming(tmp_path, marker):
    path = tmp_path / "run.json"
    with started("run", *SHORT, "--out", tmp_path) as process:
        assert within(lambda: any(case.finished for case in run_file.load(path).cases))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    before = [case for case in run_file.load(path).cases if case.finished]
    done = gradmeter("run", *SHORT, "--out", tmp_path, "--resume")
    assert done.returncode == 0, done.stderr + done.stdout
    run = run_file.load(path)
    assert run.finished
    assert len(run.cases) == 4
    assert all(case.finished and case.failure is None for case in run.cases)
    assert all(case in run.cases for case in before)
    assert nobody_left(marker)


def test_ctrl_c_twice_at_once(tmp_path, marker):
    with started("run", *LONG, "--out", tmp_path) as process:
        time.sleep(0.5)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        process.communicate(timeout=PATIENCE)
    assert nobody_left(marker)
    run_file.load(tmp_path / "run.json")
