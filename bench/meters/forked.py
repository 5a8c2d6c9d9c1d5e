"""Run a function in a forked copy of this process, unseen by it, and take back its answer."""

from __future__ import annotations

import json
import os
import posix
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from gradmeter.bench.meters.isolation import Guard, isolate
from gradmeter.bench.output import last_line

_SIZE_BYTES = 8  # before the answer, which is JSON


class NoForkError(RuntimeError):
    """The process cannot be forked; the message says why."""


class RaisedError(RuntimeError):
    """The function raised an error in the forked process.

    Attributes:
        kind: the name of the error's type.
        message: its text.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message


class VisibleActionError(RuntimeError):
    """The function did what cannot be hidden; the message says what."""


class NoAnswerError(RuntimeError):
    """The forked process gave no answer; the message says why."""


def run(function: Callable[[], Any], seconds: float) -> Any:
    """Call a function in a forked process and return its result, which is made of JSON's types.

    Nothing that the function does to this process's memory, open files or streams is seen here.
    The forked process runs no cleanup of this one: no ``finally``, no atexit handler, no buffer
    is written. Whatever happens, it has ended on return.

    Args:
        seconds: until the forked process is killed.

    Raises:
        NoForkError: this process cannot be forked.
        RaisedError: the function raised an error, of any kind.
        VisibleActionError: the function began what other processes could see; it was refused.
        NoAnswerError: the forked process crashed, was killed or took too long.
    """
    if sys.platform != "linux" or not hasattr(os, "fork"):
        raise NoForkError("calls are measured in a forked process, which this takes Linux for")
    reading, writing = os.pipe()
    said = os.memfd_create("stderr")  # on standard error, by the function
    # No handler runs, in neither process, before the block that ends the forked one.
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with warnings.catch_warnings():  # of threads, which this module is careful about
            warnings.simplefilter("ignore")
            process = os.fork()
    except OSError as error:
        for fd in (reading, writing, said):
            os.close(fd)
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        raise NoForkError(f"this process cannot be forked: {error}") from None
    if process == 0:
        _answer(function, writing, said, signals)
    status: int | None = None
    try:
        os.close(writing)
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        answer = _read(reading, time.monotonic() + seconds)
        if answer is not None:  # it ends at once
            status = _wait(process)
    finally:
        os.close(reading)
        if status is None:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            status = _wait(process)
        with open(said, "rb") as file:
            last = last_line(file)
    if not answer:
        why = _absence(seconds) if answer is None else _ending(status)
        raise NoAnswerError(f"{why}: {last}" if last else why)
    return _result(answer)


def _answer(function: Callable[[], Any], writing: int, said: int, signals: set[Any]) -> NoReturn:
    """Send the function's result, or its error, and end this process without any cleanup."""
    try:
        guard: Guard | None = None
        try:
            guard = isolate(writing, said)
            os.dup2(said, 2)
            signal.pthread_sigmask(signal.SIG_SETMASK, signals)
            answer = {"result": function()}
        except BaseException as error:
            answer = {"raised": [type(error).__name__, _text(error)]}
        if guard is not None and guard.refused:
            answer = {"visible": guard.refused}
        content = json.dumps(answer).encode()
        content = len(content).to_bytes(_SIZE_BYTES, "big") + content
        while content:
            content = content[os.write(writing, content) :]
    finally:
        # Not os._exit, which coverage can replace by a function that writes its data.
        posix._exit(0)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as another:
        return f"(its text raised {type(another).__name__})"


def _read(fd: int, end: float) -> bytes | None:
    """Read an answer: empty where the process ended without one, None where it took too long."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    content = b""
    while True:
        left = end - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return None
        part = os.read(fd, 2**16)
        content += part
        size = int.from_bytes(content[:_SIZE_BYTES], "big")
        if len(content) >= _SIZE_BYTES and len(content) - _SIZE_BYTES >= size:
            return content[_SIZE_BYTES:]
        if not part:
            return b""


def _wait(process: int) -> int:
    """Wait until a process has ended; return its wait status, 0 where it is unknown."""
    try:
        return os.waitpid(process, 0)[1]
    except ChildProcessError:  # a handler of SIGCHLD has waited for it
        return 0


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"the process that measured it ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the process that measured it was ended by {name}"


def _absence(seconds: float) -> str:
    others = [t.name for t in threading.enumerate() if t is not threading.current_thread()]
    named = f" (a forked process has no thread {', '.join(others)})" if others else ""
    return f"the process that measured it was still running after {seconds:.0f} s{named}"


def _result(content: bytes) -> Any:
    try:
        answer = json.loads(content)
        if "visible" in answer:
            raise VisibleActionError(answer["visible"])
        if "raised" in answer:
            raise RaisedError(*answer["raised"])
        return answer["result"]
    except (ValueError, TypeError, LookupError):
        raise NoAnswerError("the process that measured it sent no answer that is one") from None
