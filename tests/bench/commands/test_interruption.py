"""A run that is ended at any moment leaves a valid run file and no worker."""

from __future__ import annotations

import os
import random
import signal
import time
import uuid

import pytest

from gradmeter.bench.results import run_file

from ..command import PATIENCE, gradmeter, started
from ..misbehaviour import processes_with, within

# Long enough to be interrupted, short enough to be finished afterwards.
CASE = ("--size", "50000", "--size", "60000", "--workload", "goldstein_price")
LONG = (*CASE, "--sets", "2", "--budget", "0.5", "--min-rounds", "1")

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
    [("process", 0.0), *(("group", moments.uniform(0.1, 3.0)) for _ in range(4))],
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


def test_after_ctrl_c_the_way_to_go_on_is_told(tmp_path):
    with started("run", *LONG, "--out", tmp_path) as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert "--resume" in said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_being_ended_from_outside(tmp_path, marker, how):
    with started("run", *LONG, "--out", tmp_path) as process:
        time.sleep(moments.uniform(0.1, 2.0))
        process.send_signal(how)
        process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert nobody_left(marker)
    assert not run_file.load(tmp_path / "run.json").finished


def test_a_run_that_was_interrupted_is_finished_by_resuming(tmp_path, marker):
    path = tmp_path / "run.json"
    with started("run", *LONG, "--out", tmp_path) as process:
        assert within(lambda: any(case.finished for case in run_file.load(path).cases))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    before = [case for case in run_file.load(path).cases if case.finished]
    done = gradmeter("run", *LONG, "--out", tmp_path, "--resume")
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
