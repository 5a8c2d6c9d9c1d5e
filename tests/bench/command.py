"""The gradmeter command as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from .preloaded import Preloaded

GRADMETER = str(Path(sys.executable).parent / "gradmeter")
# Seconds after which what should have ended never will, however busy the machine is.
PATIENCE = 300.0
# The least that is still a measurement.
TINY = ("--size", "16", "--budget", "0", "--sets", "1", "--min-rounds", "1")


@cache
def _preloaded() -> Preloaded:
    return Preloaded(GRADMETER)


def gradmeter(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, **options
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, on 80 columns."""
    words = [*map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "80", **(env or {})}
    if not options and _preloaded().serves(words, environment):
        return _preloaded().run(words, environment, cwd or Path.cwd(), PATIENCE)
    return subprocess.run(
        [GRADMETER, *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=PATIENCE,
        **options,
    )


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
