"""Standard output and standard error that cannot end a command.

A console may lack a character, a reader may stop reading, a disk may be full. None of that
changes what was measured, so it changes neither the work nor the outcome of a command.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TextIO

ERRORS = "backslashreplace"  # as pytest shows what an encoding lacks

_MOST_READ = 64 * 2**10  # bytes of what a process said, of which the last line is told
_MOST_TOLD = 300  # characters of that


def last_line(said: IO[bytes]) -> str:
    """Return what a process said last on standard error, in a line; "" where it said nothing.

    Args:
        said: the file that it wrote to, which may have gigabytes.
    """
    said.seek(max(0, said.seek(0, os.SEEK_END) - _MOST_READ))
    lines = said.read(_MOST_READ).decode(errors="replace").strip().splitlines()
    # Of what Python's fault handler writes, the first line says what happened.
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    return (fatal or lines)[-1][:_MOST_TOLD] if lines else ""


class Output(io.TextIOBase):
    """A stream that escapes what its encoding lacks, and drops what cannot be written.

    Attributes:
        stream: the stream that it writes to; None where the process was started without one.
        problem: the error that ended the writing; None while there was none.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.problem: OSError | None = None
        if stream is None:
            self.problem = OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._own_errors = getattr(stream, "errors", None) or "strict"
        self.escape()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How characters are written that the encoding lacks."""
        return ERRORS

    @property
    def failed(self) -> bool:
        """Whether something was lost that somebody still waits for: not if the reader left."""
        return self.problem is not None and self.problem.errno != errno.EPIPE

    def escape(self) -> None:
        """Have the stream escape what its encoding lacks."""
        self._reconfigure(ERRORS)

    def restore(self) -> None:
        """Have the stream do what it did before with what its encoding lacks."""
        self._reconfigure(self._own_errors)

    def _reconfigure(self, errors: str) -> None:
        if isinstance(self.stream, io.TextIOWrapper):
            try:
                self.stream.reconfigure(errors=errors)
            except OSError as error:  # it flushes first
                self._stop(error)
            except ValueError:  # closed by a traced script
                self.problem = self.problem or OSError(errno.EBADF, os.strerror(errno.EBADF))

    def writable(self) -> bool:
        """Whether it can be written to: always."""
        return True

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.problem is None and self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        """The file descriptor of the stream."""
        if self.stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Write a text, or drop it where the stream cannot be written."""
        if self.stream is not None and self.problem is None:
            try:
                self.stream.write(text)
            except OSError as error:
                self._stop(error)
        return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        if self.stream is not None and self.problem is None:
            try:
                self.stream.flush()
            except OSError as error:
                self._stop(error)

    def _stop(self, error: OSError) -> None:
        """Remember the error, and let the stream lead nowhere, also when the interpreter ends."""
        self.problem = self.problem or error
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


@contextmanager
def tolerant() -> Iterator[Output]:
    """Replace standard output and standard error by streams that cannot end a command.

    The value is standard output, which says whether something was lost.
    """
    before = sys.stdout, sys.stderr
    out, err = Output(sys.stdout), Output(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        for stream in (out, err):
            stream.flush()
            stream.restore()
        sys.stdout, sys.stderr = before


@contextmanager
def untouched() -> Iterator[None]:
    """Give a program that runs in this process the streams that Python would give it."""
    replaced = sys.stdout, sys.stderr
    outputs = [stream for stream in replaced if isinstance(stream, Output)]
    for stream in outputs:
        stream.flush()
        stream.restore()
    sys.stdout, sys.stderr = (
        stream.stream if isinstance(stream, Output) else stream for stream in replaced
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = replaced
        for stream in outputs:
            stream.flush()
            stream.escape()


@contextmanager
def to_terminal(stream: TextIO) -> Iterator[TextIO]:
    """Give a stream of another program, such as pytest's, for text that cannot end it."""
    output = Output(stream)
    try:
        yield output  # type: ignore[misc]
    finally:
        output.flush()
        output.restore()
