"""The gradmeter command as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GRADMETER = str(Path(sys.executable).parent / "gradmeter")
# Seconds after which what should have ended never will, however busy the machine is.
PATIENCE = 300.0
# The least that is still a measurement.
TINY = ("--size", "16", "--budget", "0", "--sets", "1", "--min-rounds", "1")


def gradmeter(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, on 80 columns."""
    environment = {**os.environ, "COLUMNS": "80", **options.pop("env", {})}
    return subprocess.run(
        [GRADMETER, *map(str, arguments)],
        capture_output=True,
        text=True,
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
