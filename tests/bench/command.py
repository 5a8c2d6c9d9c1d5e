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

import pytest
import pytest.__main__
from _pytest.pathlib import make_numbered_dir

from .preloaded import Forked, Preloaded

GRADMETER = str(Path(sys.executable).parent / "gradmeter")
# Seconds after which what should have ended never will, however busy the machine is.
PATIENCE = 300.0
# The least that is still a measurement.
TINY = ("--size", "16", "--budget", "0", "--sets", "1", "--min-rounds", "1")


@cache
def _preloaded() -> Preloaded:
    return Preloaded()


def gradmeter(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, **options
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, on 80 columns."""
    words = [*map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "80", **(env or {})}
    if not options and _preloaded().serves(words, environment):
        return forked([GRADMETER, *words], environment, cwd or Path.cwd())
    return subprocess.run(
        [GRADMETER, *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=PATIENCE,
        **options,
    )


def forked(
    words: list[str], environment: Mapping[str, str], folder: Path, **files: int
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as ``subprocess.run``, in a fork of a preloaded process."""
    files = files or {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Forked(_preloaded(), words, environment, folder, **files) as process:
        try:
            output, errors = process.communicate(timeout=PATIENCE)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, output, errors)


def preloaded_pytest(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """What runs pytest as ``pytester.runpytest_subprocess``, where a fork does the same."""

    def run(*words: object, timeout: float = PATIENCE) -> pytest.RunResult:
        arguments = [*map(str, words)]
        paths = filter(None, [str(pytester.path), os.environ.get("PYTHONPATH")])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        if not _preloaded().serves(arguments, environment):
            return type(pytester).runpytest_subprocess(pytester, *arguments, timeout=timeout)
        folder = make_numbered_dir(root=pytester.path, prefix="runpytest-", mode=0o700)
        arguments = [pytest.__main__.__file__, f"--basetemp={folder}", *arguments]
        began = time.perf_counter()
        with (
            (pytester.path / "stdout").open("w+", encoding="utf8") as out,
            (pytester.path / "stderr").open("w+", encoding="utf8") as errors,
        ):
            files = {"stdout": out.fileno(), "stderr": errors.fileno()}
            code = forked(arguments, environment, Path.cwd(), **files).returncode
            texts = [file.read() for file in (out, errors) if not file.seek(0)]
        for text in texts:
            print(text)  # for a test that fails
        with suppress(ValueError):
            code = pytest.ExitCode(code)
        lines = [text.splitlines() for text in texts]
        return pytest.RunResult(code, *lines, time.perf_counter() - began)

    return run


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The command, when it has begun to measure; ended with its block."""
    with subprocess.Popen(
        [GRADMETER, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as a terminal gives a job its own process group
    ) as process:
        try:
            line = process.stderr.readline()
            assert "gradmeter   0%" in line, line
            yield process
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)
