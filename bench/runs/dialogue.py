"""Exchange requests and answers with another process; each failure becomes a WorkerError."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from typing import IO, Any, Protocol

from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.output import last_line
from gradmeter.bench.runs import descendants
from gradmeter.bench.runs.answers import Lines, reading_of

MOST_ANSWER = 64 * 2**20  # bytes: the timeline of some 300,000 operations


class Child(Protocol):
    """A process that was started: of `subprocess.Popen`, what a dialogue needs."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code, negative for a signal."""

    def kill(self) -> None:
        """End it."""


class Dialogue:
    """Requests to a process, and its answers. It ends with `close`, or by itself.

    Args:
        errors: the file that its standard error goes to; closed with the dialogue.
        limit: the most seconds that one answer may take.
        mark: of the process and its descendants, see descendants.py; None where the process is
            a fork of one that has a dialogue of its own.
    """

    def __init__(self, child: Child, errors: IO[bytes], limit: float, mark: str | None) -> None:
        assert child.stdout is not None
        self.child, self.limit = child, limit
        self._errors, self._mark = errors, mark
        self._closed = False
        self._answers = Lines(child.stdout.fileno(), MOST_ANSWER, child.pid)

    def send(self, request: dict[str, Any]) -> None:
        """Send a request; reading its answer reports a process that has ended."""
        assert self.child.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self.child.stdin.write(json.dumps(request).encode() + b"\n")
            self.child.stdin.flush()

    def ready(self) -> dict[str, Any]:
        """Wait until the case is built, and return what the process says of itself.

        Raises:
            WorkerError: as `ask`.
        """
        return self._answer()

    def step(self) -> dict[str, Any]:
        """Let a worker that is stepped through go on, and return what it says of the next phase.

        Raises:
            WorkerError: as `ask`.
        """
        assert self.child.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self.child.stdin.write(b"\n")
            self.child.stdin.flush()
        return self._answer()

    def ask(self, meter: str, **request: Any) -> dict[str, Any]:
        """Apply a meter and return its reading.

        Raises:
            WorkerError: the worker crashed, was killed, took longer than its limit, gave no
                valid answer, or its program raised.
        """
        self.send({"meter": meter, **request})
        return self._answer()

    def line(self, seconds: float) -> bytes:
        """The next line that the process writes, whatever it is; empty where it has ended.

        Raises:
            TimeoutError: none came within so many seconds.
            ValueError: it is too long.
        """
        return self._answers.next(seconds)

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._answers.next(self.limit)
        except TimeoutError:
            self.close()
            raise WorkerError(
                "timed out", f"no answer within {self.limit:g} seconds; the worker was ended"
            ) from None
        except ValueError as error:
            self.close()
            raise WorkerError("rubbish", f"the worker's answer is no reading: {error}") from None
        if not line:
            raise self.exit_error()
        try:
            return reading_of(line)
        except UsageError:
            self.close()
            raise
        except ValueError as error:
            self.close()
            raise WorkerError(
                "rubbish", f"the worker's answer is not a reading ({error}): {line[:80]!r}"
            ) from None

    def exit_error(self) -> WorkerError:
        """The error for a worker that closed its output, from how its process ended."""
        try:
            code = self.child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.close()
            return WorkerError("rubbish", "the worker closed its output and did not end")
        if self._errors.closed:
            return WorkerError("crashed", "the worker has ended already")
        said = last_line(self._errors)
        last = f": {said}" if said else ""
        self.close()
        if code >= 0:
            return WorkerError("crashed", f"the worker ended with exit code {code}{last}")
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = "; perhaps the system ran out of memory" if name == "SIGKILL" else ""
        kind = "killed" if name in ("SIGKILL", "SIGTERM") else "crashed"
        return WorkerError(kind, f"the worker was ended by {name}{hint}{last}")

    def _kill(self) -> None:
        """Kill the process and everything that it started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(self.child.pid, signal.SIGKILL)  # it leads its own session
        with contextlib.suppress(OSError):
            self.child.kill()
        self.child.wait()

    def close(self) -> None:
        """End the process, whatever it is doing; may be called again."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        if self._closed:
            return
        family = descendants.family(self.child.pid)  # which is scattered when the worker ends
        try:
            with contextlib.suppress(OSError, ValueError):
                self.child.stdin.close()
            self.child.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            pass
        finally:  # also on Ctrl-C: no process may be left behind
            self._kill()
            descendants.end(family, self._mark)
            self._closed = True
            self._answers.close()
            self.child.stdout.close()
            self._errors.close()
