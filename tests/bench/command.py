"""The gradmeter command as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import pytest.__main__
from _pytest.pathlib import make_numbered_dir

from .preloaded import Forked, Preloaded

GRADMETER = str(Path(sys.executable).parent / "gradmeter")
PYTEST = pytest.__main__.__file__  # as ``python -m pytest`` has it
FORKED_WITH = {"stdin", "stdout", "stderr", "start_new_session"}
# Seconds after which what should have ended never will, however busy the machine is.
PATIENCE = 300.0
# The least that is still a measurement.
TINY = ("--size", "16", "--budget", "0", "--sets", "1", "--min-rounds", "1")


@cache
def _preloaded() -> Preloaded:
    return Preloaded()


def process(
    command: str,
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> subprocess.Popen[str]:
    """Start a command, by GRADMETER or PYTEST, in a fork of a process that has imported it.

    Where a fork would not do what the command does, it is a new process.

    Args:
        env: variables beside those of this process.
        options: of `subprocess.Popen`; its outputs are read by default.
    """
    words = [command, *map(str, arguments)]
    environment = {**os.environ, **(env or {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    if not options.keys() - FORKED_WITH and _preloaded().serves(environment):
        return Forked(_preloaded(), words, environment, cwd or Path.cwd(), **options)
    if command == PYTEST:
        words[:1] = [sys.executable, "-m", "pytest"]
    return subprocess.Popen(words, cwd=cwd, env=environment, text=True, **options)


def finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for the end of a process, and read what it writes."""
    with process:
        try:
            output, errors = process.communicate(timeout=PATIENCE)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def gradmeter(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, **options
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, on 80 columns."""
    environment = {"COLUMNS": "80", **(env or {})}
    return finished(process(GRADMETER, *arguments, cwd=cwd, env=environment, **options))


def preloaded_pytest(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """What runs pytest as ``pytester.runpytest_subprocess``, where a fork does the same."""

    def run(*words: object) -> pytest.RunResult:
        paths = filter(None, [str(pytester.path), os.environ.get("PYTHONPATH")])
        folder = make_numbered_dir(root=pytester.path, prefix="runpytest-", mode=0o700)
        began = time.perf_counter()
        done = finished(
            process(
                PYTEST, f"--basetemp={folder}", *words, env={"PYTHONPATH": os.pathsep.join(paths)}
            )
        )
        texts = (done.stdout, done.stderr)
        for text in texts:
            print(text)  # for a test that fails
        code = done.returncode
        with suppress(ValueError):
            code = pytest.ExitCode(code)
        lines = [text.splitlines() for text in texts]
        return pytest.RunResult(code, *lines, time.perf_counter() - began)

    return run


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The command, when it has begun to measure; ended with its block."""
    # As a terminal gives a job its own process group.
    with process(GRADMETER, *arguments, start_new_session=True) as command:
        try:
            line = command.stderr.readline()
            assert "gradmeter   0%" in line, line
            yield command
        finally:
            if command.poll() is None:
                with suppress(ProcessLookupError):
                    command.send_signal(signal.SIGKILL)
