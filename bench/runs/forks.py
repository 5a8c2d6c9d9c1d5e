"""Start the workers of a set as forks of one process, where that is right.

Two forks of one process that run the same code are exchangeable, as two fresh processes are:
what they inherit is the same for both, and which of the two is the candidate is as good as
drawn, since each set shuffles their order. What they share, the layout of what is imported, is
drawn anew with each server; a server therefore serves one set only, and intervals are over sets.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.runs import descendants
from gradmeter.bench.runs.dialogue import Dialogue
from gradmeter.bench.runs.launcher import START, START_FOLDER, started
from gradmeter.bench.runs.spec import Spec, case, environment
from gradmeter.bench.runs.ties import MARK


def may_share(specs: Sequence[Spec]) -> bool:
    """Whether one process can fork the workers of all these specs.

    It can on Linux, for one interpreter with one environment, in which kernels have one thread:
    of the threads of a process, one survives a fork.
    """
    first, *others = specs
    return (
        sys.platform == "linux"
        and first.threads == 1
        and all(
            (spec.interpreter, environment(spec)) == (first.interpreter, environment(first))
            for spec in others
        )
    )


class Forking(Dialogue):
    """A process that forks workers when it is asked to.

    Args:
        command: starts it; the number of a socket for its forks' streams is added.
        variables: its environment.
        limit: the most seconds that an answer, such as to starting a worker, may take.

    Raises:
        WorkerError: the interpreter cannot be started.
    """

    def __init__(self, command: list[str], variables: dict[str, str], limit: float) -> None:
        self._files, theirs = socket.socketpair()
        self._marked = descendants.new_mark()
        with theirs:
            try:
                child, errors = started(
                    [*command, str(theirs.fileno())],
                    variables | {MARK: self._marked},
                    pass_fds=[theirs.fileno()],
                )
            except WorkerError:
                self._files.close()
                raise
        super().__init__(child, errors, limit, self._marked)

    def fork(self, first: dict[str, Any], limit: float) -> Dialogue:
        """Fork a worker and send it its first request.

        Raises:
            WorkerError: the server failed.
        """
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        stdin, stdout = os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb")
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (the dialogue closes it)
        try:
            with suppress(OSError):  # the answer tells why
                socket.send_fds(self._files, [b"."], [theirs_in, theirs_out, errors.fileno()])
            pid = int(self.ask("fork", mark=self._marked)["pid"])
        except BaseException:
            for file in (stdin, stdout, errors):
                file.close()
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        worker = Dialogue(_Fork(self, pid, stdin, stdout), errors, limit, None)
        worker.send(first)
        return worker

    def close(self) -> None:
        """End the process and what is left of its forks; may be called again."""
        super().close()
        self._files.close()


class ForkServer(Forking):
    """A process whose forks become workers; see fork_server.py.

    Args:
        spec: of any of its workers, as `may_share` has it.

    Raises:
        WorkerError: the interpreter cannot be started.
    """

    def __init__(self, spec: Spec, limit: float) -> None:
        command = [spec.interpreter, str(START), str(START_FOLDER), "runs.fork_server"]
        super().__init__(command, environment(spec), limit)

    def start(self, spec: Spec, limit: float) -> Dialogue:
        """Start a worker.

        Raises:
            WorkerError: the server failed.
        """
        return self.fork(case(spec), limit)


class _Fork:
    """A worker that is a child of a fork server."""

    def __init__(self, server: Forking, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdin: IO[bytes] | None = stdin
        self.stdout: IO[bytes] | None = stdout
        self._server = server
        self._code: int | None = None
        self._process = os.pidfd_open(pid)  # its server has not waited for it

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            if not select.select([self._process], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            try:
                self._code = int(self._server.ask("wait", pid=self.pid)["code"])
            except (WorkerError, ValueError, KeyError):  # which killed its forks when it ended
                self._code = -signal.SIGKILL
            os.close(self._process)
        return self._code

    def kill(self) -> None:
        if self._code is None:
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
