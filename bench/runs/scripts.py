"""Run a user's program under a meter in a process of its own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.main_program import ScriptError
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.results.readings import Timeline
from gradmeter.bench.runs.launcher import START, START_FOLDER
from gradmeter.bench.runs.spec import COLD

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
    request = {
        "target": target,
        "module": module,
        "arguments": list(arguments),
        "settings": dict(settings),
    }
    with temporary_folder() as folder:
        answer, interrupted = ask_fresh_process("traced_script", request, folder)
    if interrupted:
        raise KeyboardInterrupt
    return msgspec.convert(answer["timeline"], Timeline), ScriptError.read(answer["failure"])


def ask_fresh_process(
    program: str,
    request: Mapping[str, Any],
    folder: Path,
    *,
    quiet: bool = False,
    environment: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], bool]:
    """Have a fresh process run a user's program under a meter; return what it answers.

    Args:
        program: the module of runs/ that is the process's main program.
        request: what it is asked; "answer" is added, the file that it writes, and "safe_path".
        folder: for that file.
        quiet: give the user's program no input but a file's, and drop what it writes.
        environment: variables to set.

    Returns:
        The answer, and whether the user interrupted the process, which answered all the same.

    Raises:
        UsageError: the program is refused.
        WorkerError: the process ended without an answer.
        KeyboardInterrupt: the user interrupted it, and it did not answer.
    """
    path = folder / "answer.json"
    own = {"answer": str(path), "safe_path": sys.flags.safe_path}
    # -P keeps what lies beside start_worker.py from being imported; it is not inherited.
    command = [sys.executable, *_flags(), "-P", str(START), str(START_FOLDER), f"runs.{program}"]
    command.append(json.dumps({**request, **own}))
    nothing = subprocess.DEVNULL if quiet else None
    begin = _input_begins()
    if begin is not None:  # a file is read again by each process
        os.lseek(0, begin, os.SEEK_SET)
    variables = {**os.environ, **COLD, **(environment or {})}
    interrupted, code = False, 0
    with subprocess.Popen(
        command,
        stdin=nothing if begin is None else None,
        stdout=nothing,
        stderr=nothing,
        env=variables,
    ) as process:
        try:
            code = _wait(process)
        except KeyboardInterrupt:
            interrupted = True
    try:
        answer: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        if interrupted:
            raise KeyboardInterrupt from None
        raise WorkerError(
            "crashed", f"the script ended its process (exit code {code}), and its trace with it"
        ) from None
    if "refused" in answer:
        raise UsageError(answer["refused"])
    return answer, interrupted


def _flags() -> list[str]:
    """The options of this interpreter that change what a program does: -O, and -W."""
    optimize = ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
    return [*optimize, *(f"-W{option}" for option in sys.warnoptions)]


@cache
def _input_begins() -> int | None:
    """Where standard input stood at first, if it is a file, which can be read again."""
    try:
        return os.lseek(0, 0, os.SEEK_CUR) if stat.S_ISREG(os.fstat(0).st_mode) else None
    except OSError:
        return None


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
