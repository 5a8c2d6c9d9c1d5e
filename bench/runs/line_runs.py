"""Measure the lines of a program: one run in a fresh process, and one that explains its peak."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.main_program import ScriptError
from gradmeter.bench.meters import heap_lines
from gradmeter.bench.meters.heap import MISSING, available
from gradmeter.bench.meters.line_timeline import MOST
from gradmeter.bench.meters.watched_files import WatchedFiles, project_of
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.results.layers import HEAP
from gradmeter.bench.results.lines import Explanation, HeapPeak, Lines, LineTimeline
from gradmeter.bench.runs.scripts import ask_fresh_process


def measure(
    target: str,
    arguments: Sequence[str],
    *,
    module: bool,
    patterns: Sequence[str] = (),
    explain: bool = True,
    quiet: bool = False,
) -> tuple[Lines, ScriptError | None]:
    """Run a script, or a module, in a fresh process and measure its lines.

    A program that allocated anything is run a second time, without input and output, which
    explains its peak.

    Args:
        patterns: of files or modules to watch besides the program's own project.
        explain: whether to run it a second time.
        quiet: give the program no input, and drop what it writes, also in its first run.

    Returns:
        The reading, until the failure for a program that failed; and the failure, if any.

    Raises:
        UsageError: the program cannot be read or measured, or a pattern names nothing.
        WorkerError: its process ended without an answer.
        KeyboardInterrupt: the user interrupted it, and nothing is known.
    """
    request = _request(target, arguments, module, patterns)
    environment = _environment()
    with temporary_folder() as scratch:
        request["log"] = str(scratch / "log")
        answer, interrupted = ask_fresh_process(
            "measured_lines", request, scratch, quiet=quiet, environment=environment
        )
        lines = msgspec.convert(answer["lines"], Lines)
        failure = ScriptError.read(answer["failure"])
        interrupted = interrupted or (failure is not None and failure.interrupted)
        if explain and lines.peak.bytes and not interrupted:
            # The request is a process's argument, for which a deep stack would be too long.
            request["peak"] = msgspec.to_builtins(msgspec.structs.replace(lines.peak, stack=[]))
            (scratch / "answer.json").unlink()
            explanation = _explanation(request, scratch, environment)
            if explanation.problem and _is_pipe():
                problem = f"{explanation.problem}; {PIPED}"
                explanation = msgspec.structs.replace(explanation, problem=problem)
            lines = msgspec.structs.replace(lines, explanation=explanation)
    return lines, failure


def timeline(
    target: str,
    arguments: Sequence[str],
    *,
    module: bool,
    patterns: Sequence[str] = (),
    quiet: bool = False,
) -> tuple[LineTimeline, ScriptError | None]:
    """Run a script, or a module, in a fresh process and record its timeline by lines.

    Args:
        patterns: of files or modules to watch besides the program's own project.
        quiet: give the program no input, and drop what it writes.

    Returns:
        The timeline, until the failure for a program that failed; and the failure, if any.

    Raises:
        UsageError, WorkerError: as `measure`.
        KeyboardInterrupt: the user interrupted it.
    """
    request = {**_request(target, arguments, module, patterns), "moments": MOST}
    with temporary_folder() as scratch:
        answer, interrupted = ask_fresh_process(
            "measured_lines", request, scratch, quiet=quiet, environment=_environment()
        )
    if interrupted:
        raise KeyboardInterrupt
    return msgspec.convert(answer["timeline"], LineTimeline), ScriptError.read(answer["failure"])


def layer(
    target: str,
    arguments: Sequence[str],
    which: str,
    *,
    module: bool,
    patterns: Sequence[str] = (),
    quiet: bool = False,
) -> tuple[HeapPeak, ScriptError | None]:
    """Run a script, or a module, in a fresh process and measure the peak of a layer by line.

    Args:
        which: "heap", for the whole heap, or "python", for Python's objects.
        patterns: of files or packages to watch besides the program's own project.
        quiet: give the program no input, and drop what it writes.

    Returns:
        The reading, until the failure for a program that failed; and the failure, if any.

    Raises:
        UsageError: memray is not installed, the program cannot be read, or a pattern names nothing.
        WorkerError, KeyboardInterrupt: as `measure`.
    """
    if not available():
        raise UsageError(f"--count {which} takes {MISSING}")
    request = _request(target, arguments, module, patterns)
    watches = WatchedFiles([Path(folder) for folder in request["folders"]], patterns)
    environment = _environment()
    read = heap_lines.read_python
    if which == HEAP:
        # Python's objects one by one, and not the pools that they lie in.
        environment, read = environment | {"PYTHONMALLOC": "malloc"}, heap_lines.read
    with temporary_folder() as scratch:
        capture = scratch / "capture"
        request |= {"capture": str(capture), "layer": which}
        answer, _ = ask_fresh_process(
            "measured_lines", request, scratch, quiet=quiet, environment=environment
        )
        return read(capture, watches.file), ScriptError.read(answer["failure"])


def _request(
    target: str, arguments: Sequence[str], module: bool, patterns: Sequence[str]
) -> dict[str, Any]:
    folder = os.getcwd() if module else os.path.dirname(os.path.realpath(target))
    WatchedFiles([], patterns)  # refuses a pattern before anything runs
    return {
        "target": target,
        "module": module,
        "arguments": list(arguments),
        "folders": [str(project_of(Path(folder)))],
        "patterns": list(patterns),
    }


def _environment() -> dict[str, str]:
    """Two processes order sets alike only with one seed."""
    seed = os.environ.get("PYTHONHASHSEED", "random")
    return {"PYTHONHASHSEED": "0" if seed == "random" else seed}


PIPED = (
    "the program's input is a pipe, which the second run cannot read again: give it as a file, "
    "gradmeter lines PROGRAM < FILE"
)


def _is_pipe() -> bool:
    """Whether standard input is a pipe, or was closed: what the first run read is gone."""
    try:
        return stat.S_ISFIFO(os.fstat(0).st_mode)
    except OSError:
        return False


def _explanation(
    request: dict[str, Any], scratch: Path, environment: dict[str, str]
) -> Explanation:
    try:
        answer, _ = ask_fresh_process(
            "measured_lines", request, scratch, quiet=True, environment=environment
        )
        return msgspec.convert(answer["explanation"], Explanation)
    except WorkerError as error:
        problem = f"the second run of the program, which explains its peak, failed: {error}"
    except KeyboardInterrupt:
        problem = "the second run of the program, which explains its peak, was interrupted"
    return Explanation(alive=[], steps=[], instruction="", taken=0, problem=problem)
