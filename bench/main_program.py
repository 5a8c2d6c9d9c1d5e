"""Run a script or a module as Python does: as the module __main__, with its own arguments."""

from __future__ import annotations

import builtins
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, TracebackType
from typing import Any

# What `python -m` itself calls; its public function keeps no module alive for the threads.
runpy: Any = import_module("runpy")
_METER_FRAMES = 20  # at most, that a meter adds to the program's stack at an event


class ScriptError(Exception):
    """A program failed before its end.

    Attributes:
        stderr: the text that Python writes to standard error for it; may be empty.
        interrupted: whether the user interrupted it.
        code: the exit code with which Python would end.
    """

    def __init__(
        self, message: str, stderr: str = "", *, interrupted: bool = False, code: int = 1
    ) -> None:
        super().__init__(message)
        self.stderr = stderr
        self.interrupted = interrupted
        self.code = code

    @classmethod
    def read(cls, plain: list[Any] | None) -> ScriptError | None:
        """Read what `plain` made; None for no failure."""
        if plain is None:
            return None
        message, stderr, interrupted, code = plain
        return cls(message, stderr, interrupted=interrupted, code=code)


def plain(error: ScriptError | None) -> list[Any] | None:
    """A failure, if there is one, as a list of JSON's types; see `ScriptError.read`."""
    if error is None:
        return None
    return [str(error), error.stderr, error.interrupted, error.code]


@dataclass(frozen=True)
class MainProgram:
    """A program that has not run yet.

    Attributes:
        code: prepares the module and returns its code; what it raises is the program's.
        arguments: for ``sys.argv``.
        folder: the first of ``sys.path``; None where Python adds none (``-P``).
    """

    code: Callable[[ModuleType], CodeType]
    arguments: list[str]
    folder: str | None


def script(name: str, arguments: Sequence[str], *, safe_path: bool) -> MainProgram:
    """Read a script, given its path.

    Args:
        safe_path: whether Python is not to look for modules beside it, as under ``-P``.

    Raises:
        OSError: it cannot be read.
    """
    path = Path(name)
    source = path.read_bytes()
    file = os.path.join(os.getcwd(), name)  # as Python names it, also when the folder changes

    def code(main: ModuleType) -> CodeType:
        loader = SourceFileLoader("__main__", file)
        main.__dict__.update(__file__=file, __cached__=None, __loader__=loader)
        return compile(source, file, "exec", dont_inherit=True)

    folder = None if safe_path else str(path.parent.resolve())
    return MainProgram(code, [name, *arguments], folder)


def module(name: str, arguments: Sequence[str], *, safe_path: bool) -> MainProgram:
    """Prepare a module for running as ``python -m`` does; ``safe_path`` as `script`.

    A module that is not there is a failure of the program, in Python's words.
    """

    def code(main: ModuleType) -> CodeType:
        try:
            _, spec, found = runpy._get_module_details(name, runpy._Error)
        except runpy._Error as error:
            raise SystemExit(f"{sys.executable}: {error}") from None
        sys.argv[0] = spec.origin
        main.__dict__.update(
            __file__=spec.origin,
            __cached__=spec.cached,
            __loader__=spec.loader,
            __package__=spec.parent,
            __spec__=spec,
        )
        compiled: CodeType = found
        return compiled

    return MainProgram(code, ["-m", *arguments], None if safe_path else os.getcwd())


class Running:
    """A block in which a program can be run; afterwards, the interpreter is as it was before.

    Attributes:
        main: the program's module, whose names hold what is alive when it has ended.
    """

    def __init__(self, program: MainProgram) -> None:
        self.main = ModuleType("__main__")
        self.main.__dict__["__builtins__"] = builtins  # the module itself, as in any __main__
        self._program = program
        self._reported = False

    def __enter__(self) -> Running:
        """Give the program its arguments, its path and its module."""
        self._before = (
            sys.argv, sys.path[:], sys.modules["__main__"], sys.stdout, sys.stderr,
        )  # fmt: skip
        self._builtins = dict(builtins.__dict__)
        sys.argv = self._program.arguments
        if self._program.folder is not None:
            sys.path.insert(0, self._program.folder)
        sys.modules["__main__"] = self.main
        self._threads = set(threading.enumerate())
        return self

    def __exit__(self, *_: object) -> None:
        """Restore what was there before."""
        self.restore_builtins()
        sys.argv, sys.path[:], sys.modules["__main__"], sys.stdout, sys.stderr = self._before

    def restore_builtins(self) -> None:
        """Put back what the program replaced in builtins, which the harness uses, too."""
        builtins.__dict__.update(self._builtins)

    def clear(self) -> None:
        """Delete the program's names, but for modules, functions and classes.

        What they alone refer to is deleted, as Python does at its end: files are closed, and
        finalisers run, which may need those functions.
        """
        names = self.main.__dict__
        for name in [name for name in names if not name.startswith("__")]:
            if not isinstance(names[name], ModuleType | FunctionType | type):
                del names[name]

    def run(self) -> BaseException | None:
        """Run the program and wait for its threads; return what it raises, None for nothing.

        An exit with code 0 is nothing. The exception refers to the program's frames: while it is
        held, what they hold is alive.
        """
        failure = _failure_of(self._execute)
        if failure is not None:
            failure.__traceback__ = _own_frames(failure)
            self._reported = _report(failure)
        failure = _failure_of(self._join) or failure
        self.restore_builtins()
        return failure

    def describe(self, failure: BaseException) -> ScriptError:
        """Describe what `run` returned; without the text that the program's own hook wrote."""
        error = _describe(failure)
        if self._reported:
            error.stderr = ""
        return error

    def _execute(self) -> None:
        with _room_for_harness():
            exec(self._program.code(self.main), self.main.__dict__)

    def _join(self) -> None:
        threads = [t for t in set(threading.enumerate()) - self._threads if not t.daemon]
        if threads:  # those of an executor that was not shut down wait until Python tells them
            for end in reversed(getattr(threading, "_threading_atexits", [])):
                end()
        for thread in threads:
            thread.join()


def _failure_of(work: Callable[[], None]) -> BaseException | None:
    """The exception that ``work()`` raises; None for an exit with code 0."""
    try:
        work()
    except SystemExit as exit_:
        return exit_ if exit_.code not in (None, 0) else None
    except BaseException as error:
        return error
    return None


@contextmanager
def _room_for_harness() -> Iterator[None]:
    """Raise the limit of recursion by the frames of the harness, below the program and above it."""
    limit, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    raised = limit + depth + _METER_FRAMES
    sys.setrecursionlimit(raised)
    try:
        yield
    finally:
        if sys.getrecursionlimit() == raised:  # and the program has set no other
            sys.setrecursionlimit(limit)


def _own_frames(failure: BaseException) -> TracebackType | None:
    """The traceback of a program's exception, without the frames of the harness."""
    frames = failure.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return frames


def _report(failure: BaseException) -> bool:
    """Call the hook that the program set for its exceptions; whether it did its work."""
    if sys.excepthook is sys.__excepthook__ or isinstance(failure, SystemExit):
        return False
    try:
        sys.excepthook(type(failure), failure, failure.__traceback__)
    except Exception:
        sys.stderr.write(f"Error in sys.excepthook:\n{traceback.format_exc()}\n")
        sys.stderr.write("Original exception was:\n")
        return False
    return True


def _describe(failure: BaseException) -> ScriptError:
    """Describe the exception of a program, without the frames of the harness."""
    if isinstance(failure, SystemExit):
        code = failure.code
        if isinstance(code, int):
            return ScriptError(f"the script exited with code {code}", code=code & 0xFF)
        return ScriptError("the script exited with code 1", f"{code}\n")
    if isinstance(failure, KeyboardInterrupt):
        return ScriptError("the script was interrupted", interrupted=True, code=130)
    stderr = "".join(traceback.format_exception(type(failure), failure, _own_frames(failure)))
    return ScriptError(f"the script raised {type(failure).__name__}", stderr)
