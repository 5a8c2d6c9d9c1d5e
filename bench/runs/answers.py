"""Read a worker's answers, whatever it writes instead: line by line, and no more than a limit."""

from __future__ import annotations

import json
import os
import selectors
import time
from contextlib import suppress
from math import isfinite
from typing import Any

from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.results.run import CANNOT

_CHUNK = 2**16
_MESSAGE = 5000  # characters of an error that are kept
_LARGEST = 2**63  # from here on, an integer fits no field of the run file


class Lines:
    """The lines that another process writes to a pipe; what is not asked for stays in the pipe.

    Args:
        descriptor: the pipe's end for reading; the caller closes it.
        most: the most bytes of a line.
        pid: the other process, a child of this one. Where the system allows it, its end is the
            end of the lines, even if a process that it started has the pipe still open.
    """

    def __init__(self, descriptor: int, most: int, pid: int) -> None:
        self._descriptor, self._most = descriptor, most
        self._rest = bytearray()
        self._ended = False
        self._process: int | None = None
        with suppress(AttributeError, OSError):
            self._process = os.pidfd_open(pid)
        os.set_blocking(descriptor, False)

    def next(self, seconds: float) -> bytes:
        """Return the next line; at the end, what follows the last one, and then ``b""``.

        Raises:
            TimeoutError: no whole line came within so many seconds.
            ValueError: the line is longer than the limit.
        """
        until = time.monotonic() + seconds
        searched = 0
        with selectors.DefaultSelector() as selector:
            if not self._ended:
                selector.register(self._descriptor, selectors.EVENT_READ)
                if self._process is not None:
                    selector.register(self._process, selectors.EVENT_READ)
            while (at := self._rest.find(b"\n", searched)) < 0 and not self._ended:
                searched = len(self._rest)
                if searched > self._most:
                    raise ValueError(f"its line is longer than {self._most:,} bytes")
                ready = selector.select(max(0.0, until - time.monotonic()))
                if not ready:
                    raise TimeoutError
                if not self._read() and len(ready) == 1 and ready[0][0].fd == self._process:
                    self._ended = True  # it has ended, and the pipe is empty
        end = at + 1 if at >= 0 else len(self._rest)
        line = bytes(self._rest[:end])
        del self._rest[:end]
        return line

    def close(self) -> None:
        """Forget the descriptor, which may be another file's soon; no further line comes."""
        self._ended = True
        self._rest.clear()
        if self._process is not None:
            os.close(self._process)
            self._process = None

    def _read(self) -> bool:
        """Read what is there; return whether anything was."""
        try:
            chunk = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:  # closed meanwhile
            chunk = b""
        self._ended = not chunk
        self._rest += chunk
        return True


def reading_of(line: bytes) -> dict[str, Any]:
    """Return the reading of an answer.

    Raises:
        WorkerError: of kind "raised", if the answer is an error; of kind "cannot", if the engine
            is known not to support the case.
        UsageError: what is to be measured is not what the case says.
        ValueError: it is neither.
    """
    try:
        answer = json.loads(line, parse_int=_integer, parse_float=_number, parse_constant=_number)
    except (MemoryError, RecursionError) as error:
        raise ValueError(type(error).__name__) from None
    if not isinstance(answer, dict):
        raise ValueError("no object")
    if "error" in answer:
        raise WorkerError("raised", str(answer["error"])[:_MESSAGE])
    if "refused" in answer:
        raise UsageError(str(answer["refused"])[:_MESSAGE])
    if "cannot" in answer:
        raise WorkerError(CANNOT, str(answer["cannot"])[:_MESSAGE])
    reading = answer.get("ok")
    if not isinstance(reading, dict):
        raise ValueError("no ok")
    return reading


def _integer(text: str) -> int:
    number = int(text)
    if not -_LARGEST <= number < _LARGEST:
        raise ValueError("an integer of more than 64 bits")
    return number


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is no number")
    return number
