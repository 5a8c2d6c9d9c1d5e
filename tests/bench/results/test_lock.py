"""Two runs never write to one folder, and a run that was killed keeps nobody out."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import lock, run_file

from ..command import TINY, gradmeter, started
from ..suite_files import QUICK, suite

HOLD = """
import sys
from pathlib import Path
from gradmeter.bench.results import lock
lock.take(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(folder):
    """Another process that has locked the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout.readline() == b"locked\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused_with_who_holds_it(tmp_path):
    with holder(tmp_path) as process, pytest.raises(UsageError) as error:
        lock.take(tmp_path)
    message = str(error.value)
    assert f"another run writes to the folder {tmp_path}" in message
    if os.path.exists("/proc/locks"):
        assert f"process {process.pid}, since 2" in message
        assert sys.executable in message


def test_a_killed_process_keeps_nobody_out(tmp_path):
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        with lock.held(tmp_path):
            assert os.listdir(tmp_path) == []


def test_one_process_may_lock_twice(tmp_path):
    with lock.held(tmp_path):
        with lock.held(tmp_path):
            pass
        done = subprocess.run(
            [sys.executable, "-c", HOLD, str(tmp_path)], input=b"", capture_output=True
        )
        assert b"UsageError" in done.stderr
    with holder(tmp_path):
        pass


def test_of_two_runs_into_one_folder_the_second_is_refused(tmp_path):
    with started("run", "--sets", "2", "--budget", "60", "--out", tmp_path):
        done = gradmeter("run", *TINY, "--out", tmp_path)
        assert done.returncode == 2
        assert "another run writes to the folder" in done.stderr
        assert done.stderr.count("\n") == 1
        again = gradmeter("run", *TINY, "--resume", "--out", tmp_path)
        assert again.returncode == 2
    done = gradmeter("run", *TINY, "--exact", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert run_file.load(tmp_path / "run.json").finished


def test_a_suite_into_the_folder_of_a_run_is_refused(pytester):
    suite(pytester, "def test_it(benchmark):\n    benchmark(list)\n")
    out = pytester.mkdir("out")
    with holder(out):
        done = pytester.runpytest_subprocess(
            *QUICK, "--bench-memory", "--benchmark-disable", "--bench-out", out
        )
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "another run writes to the folder" in done.stdout.str() + done.stderr.str()
