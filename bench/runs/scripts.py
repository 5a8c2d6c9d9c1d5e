"""Trace a program in a process of its own, under settings of the engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.results.readings import Timeline
from gradmeter.bench.runs.launcher import START, START_FOLDER
from gradmeter.bench.timelines.tracing import ScriptError

PATIENCE = 5.0  # seconds for an interrupted script to end by itself


def trace_alone(
    target: str, arguments: Sequence[str], settings: Mapping[str, Any], *, module: bool
) -> tuple[Timeline, ScriptError | None]:
    """Run a script, or a module, in a fresh process as Python does, and trace it there.

    Returns:
        The timeline, until the failure for a script that failed; and the failure, if any.

    Raises:
        UsageError: the script cannot be read, or cannot be traced.
        WorkerError: its process ended without a timeline.
    """
    with temporary_folder() as folder:
        answer = folder / "timeline.json"
        request = {
            "target": target,
            "module": module,
            "arguments": list(arguments),
            "settings": dict(settings),
            "answer": str(answer),
        }
        # -P keeps what lies beside start_worker.py from being imported; it is not inherited.
        command = [sys.executable, "-P", str(START), str(START_FOLDER), "runs.traced_script"]
        with subprocess.Popen([*command, json.dumps(request)]) as process:
            code = _wait(process)
        try:
            found = json.loads(answer.read_text())
        except (OSError, ValueError):
            raise WorkerError(
                "crashed", f"the script ended its process (exit code {code}), and its trace with it"
            ) from None
    if "refused" in found:
        raise UsageError(found["refused"])
    failure = found["failure"]
    error = None
    if failure is not None:
        message, stderr, interrupted = failure
        error = ScriptError(message, stderr, interrupted=interrupted)
    return msgspec.convert(found["timeline"], Timeline), error


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process; when interrupted, end it."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        try:  # in a terminal, Ctrl-C has reached it too
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()
            process.wait()
        raise
