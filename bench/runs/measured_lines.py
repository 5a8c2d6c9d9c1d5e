"""The main program of a process that measures the lines of one program; start_worker.py runs it.

Its argument is a JSON object: the script or module, its arguments, the files to watch, the file
to which the answer is written, and the file of the log. The first run writes the log; a second one,
which is given the peak, compares itself with it and explains the peak. A run that is given a number
of moments records the timeline. Standard input and output are the program's.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from gradmeter.bench import main_program
from gradmeter.bench.main_program import Running, ScriptError, plain
from gradmeter.bench.meters import holders, profiled
from gradmeter.bench.meters.line_events import Watches
from gradmeter.bench.meters.line_peak import Log, explaining
from gradmeter.bench.meters.line_timeline import tracing_lines
from gradmeter.bench.meters.lines import Recorder, recording
from gradmeter.bench.meters.profiled import Choice
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.meters.watched_files import WatchedFiles
from gradmeter.bench.results.layers import PYTHON
from gradmeter.bench.results.lines import Explanation, Peak
from gradmeter.bench.runs.ties import die_with_parent

Answer = Callable[[dict[str, Any]], None]


def main() -> None:
    """Measure the program and write the answer, or why there is none."""
    die_with_parent()
    request = json.loads(sys.argv[1])

    def write(answer: dict[str, Any]) -> None:
        Path(request["answer"]).write_text(json.dumps(answer))

    process = os.getpid()
    make = main_program.module if request["module"] else main_program.script
    try:
        program = make(request["target"], request["arguments"], safe_path=request["safe_path"])
    except OSError as problem:
        write({"refused": f"the script {request['target']} cannot be read: {problem.strerror}"})
        return
    watches = WatchedFiles([Path(path) for path in request["folders"]], request["patterns"])
    choice = profiled.choosing()
    running = Running(program)
    try:
        if "capture" in request:
            _measure_heap(running, request, write)
        elif "moments" in request:
            _trace(running, choice.watching(watches), request, write)
        elif "peak" in request:
            _explain(running, choice.watching(watches), request, write)
        else:
            _measure(running, choice, watches, request, write)
    except UnavailableError as problem:
        write({"refused": f"the lines of {request['target']} cannot be measured: {problem}"})
    if os.getpid() == process:
        _end_process(running)


def _end_process(running: Running) -> None:
    """End as Python does; in Python 3.12 without the last collection, which may never end there.

    What the program's names alone hold is deleted before that, and open files are written: an
    explanation's frames and traces may keep them.
    """
    atexit._run_exitfuncs()
    running.clear()
    files = [each for each in gc.get_objects() if isinstance(each, io.IOBase)]
    # Text before the buffers below it.
    for file in sorted(files, key=lambda each: not isinstance(each, io.TextIOBase)):
        with suppress(Exception):
            if not file.closed and file.writable():
                file.flush()
    del files
    if sys.version_info[:2] == (3, 12):
        os._exit(0)


def _measure(
    running: Running,
    choice: Choice,
    watches: Watches,
    request: dict[str, Any],
    write: Answer,
) -> None:
    gc.collect()
    with running, recording(choice.watching(watches)) as (recorder, events):
        finish = partial(_finish, recorder, choice, running, request, write)
        failure = _failure_of(running, finish)
        recorder.stop()
        error = None if failure is None else running.describe(failure)
        failure = None
        recorder.problem = recorder.problem or events.problem()
        finish(error)


def _measure_heap(running: Running, request: dict[str, Any], write: Answer) -> None:
    """Have memray follow every allocation; what it has written is read by who asked."""
    import memray

    gc.collect()
    destination = memray.FileDestination(request["capture"], compress_on_exit=False)
    formats = memray.FileFormat
    python = request["layer"] == PYTHON
    tracker = memray.Tracker(
        destination=destination,
        file_format=formats.ALL_ALLOCATIONS if python else formats.AGGREGATED_ALLOCATIONS,
        trace_python_allocators=python,
    )

    def finish(error: ScriptError) -> None:
        tracker.__exit__(None, None, None)
        write({"failure": plain(error)})

    with running:
        with tracker:
            failure = _failure_of(running, finish)
        error = None if failure is None else running.describe(failure)
        write({"failure": plain(error)})


def _ended(code: int) -> ScriptError:
    return ScriptError(f"the script ended its process with code {code}", code=code & 0xFF)


def _failure_of(running: Running, finish: Callable[[ScriptError], None]) -> BaseException | None:
    """Run the program and return what it raises.

    Args:
        finish: called where the program ends its process itself, before it does.

    Raises:
        SystemExit: in a fork of the process, which ends as Python would end it.
    """
    process, end = os.getpid(), os._exit

    def finish_and_end(status: int) -> NoReturn:
        if os.getpid() == process:
            finish(_ended(status))
        end(status)

    os._exit = finish_and_end
    try:
        failure = running.run()
    finally:
        os._exit = end
    if os.getpid() != process:
        if failure is None:
            raise SystemExit(0)
        error = running.describe(failure)
        sys.stderr.write(error.stderr)
        raise SystemExit(error.code)
    return failure


def _finish(
    recorder: Recorder,
    choice: Choice,
    running: Running,
    request: dict[str, Any],
    write: Answer,
    error: ScriptError | None,
) -> None:
    running.restore_builtins()
    recorder.stop()
    with open(request["log"], "wb") as file:
        Log.of(recorder).write(file)
    reading = recorder.reading()
    held_by = tuple(holders.find(running.main, alive=reading.held))
    reading = msgspec.structs.replace(choice.only(reading), holders=held_by)
    write({"lines": msgspec.to_builtins(reading), "failure": plain(error)})


def _trace(running: Running, watches: Watches, request: dict[str, Any], write: Answer) -> None:
    gc.collect()

    def finish(error: ScriptError) -> None:
        recorder.stop()
        write({"timeline": msgspec.to_builtins(recorder.timeline()), "failure": plain(error)})

    with running, tracing_lines(watches, most=request["moments"]) as recorder:
        failure = _failure_of(running, finish)
        recorder.stop()
        error = None if failure is None else running.describe(failure)
        failure = None
        running.restore_builtins()
    write({"timeline": msgspec.to_builtins(recorder.timeline()), "failure": plain(error)})


def _explain(running: Running, watches: Watches, request: dict[str, Any], write: Answer) -> None:
    """Explain the peak, and let the program go on to its end, or its files would be cut short."""
    process = os.getpid()
    replaced: dict[str, Any] = {}

    def prepare() -> None:
        replaced.update(builtins.__dict__)
        running.restore_builtins()

    def done(explanation: Explanation) -> None:
        if os.getpid() == process:  # and no fork of the program's
            write({"explanation": msgspec.to_builtins(explanation)})
        builtins.__dict__.update(replaced)

    with open(request["log"], "rb") as file:
        first = Log.read(file)
    peak = msgspec.convert(request["peak"], Peak)
    gc.collect()
    with running, explaining(watches, peak, first, done, prepare):
        _failure_of(running, lambda _: None)
