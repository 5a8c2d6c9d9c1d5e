"""Tracing any program that uses the engine: a block of it, or a whole script."""

from __future__ import annotations

import gc
import io
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

import engine
from bench import results
from bench.meters import loops
from bench.meters import timeline as meter
from bench.meters.allocations import Count
from bench.meters.watch import Watch
from bench.report import extra
from bench.report import trace as report
from engine import observer


class Trace:
    """What `trace` hands out; when its block has ended, it is as its timeline.

    Attributes:
        timeline: a bench.results.Timeline; None until the block has ended.
    """

    def __init__(self) -> None:
        self.timeline: results.Timeline | None = None

    def __getattr__(self, name: str) -> Any:
        timeline = self.__dict__.get("timeline")
        if timeline is None or name.startswith("_"):
            raise AttributeError(f"{name}: a trace has it when its block has ended")
        return getattr(timeline, name)

    def _repr_html_(self) -> str | None:
        """The charts, which a notebook shows; None without the extra "report": the words then."""
        if self.timeline is None or not self.timeline.operations or extra.missing():
            return None
        from bench.report.images import timeline_html

        return timeline_html(self.timeline)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """The report, as ``gradmeter trace`` prints it."""
        if self.timeline is None:
            return "the traced block has not ended"
        with io.StringIO() as text:
            report.show("trace", self.timeline, Console(file=text, width=80, emoji=False))
            return text.getvalue().rstrip()


@contextmanager
def trace() -> Iterator[Trace]:
    """Trace what the block does with the engine, in all threads.

    If the block raises, what was traced until then is kept. Garbage is collected before and
    after the block; in it, the collector works as the program has it.

    Raises:
        UnavailableError: tracemalloc is tracing already, or array data cannot be counted.
        engine.ObserverError: at the end, if the program stopped tracemalloc.
    """
    found = Trace()
    _warm_up()
    with meter.watching() as (watch, count):
        try:
            yield found
        finally:
            watch.stop()
            found.timeline = _finish(watch, count)


class ScriptError(Exception):
    """A script did not come to its end.

    Attributes:
        said: what Python says of it, for standard error; may be empty.
        interrupted: whether somebody ended it.
    """

    def __init__(self, message: str, said: str = "", *, interrupted: bool = False) -> None:
        super().__init__(message)
        self.said = said
        self.interrupted = interrupted


def script(path: Path, arguments: Sequence[str]) -> tuple[results.Timeline, ScriptError | None]:
    """Run a script as Python does, and trace it.

    Returns:
        The timeline, of a script that failed until it did; and how it failed.

    Raises:
        OSError: the script cannot be read.
        UnavailableError: as `trace`.
    """
    source = path.read_bytes()
    main = ModuleType("__main__")
    main.__file__ = str(path)
    before = (sys.argv, sys.path[:], sys.modules["__main__"], sys.stdout, sys.stderr)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules["__main__"] = main
    threads = set(threading.enumerate())

    def run() -> None:
        exec(compile(source, str(path), "exec", dont_inherit=True), main.__dict__)

    def join() -> None:
        for thread in set(threading.enumerate()) - threads:
            if not thread.daemon:
                thread.join()

    _warm_up()
    found = error = None
    try:
        with meter.watching() as (watch, count):
            # A failure refers to the script's frames: what they hold is alive at the end.
            failure = _failure_of(run)
            failure = _failure_of(join) or failure
            watch.stop()
            error = None if failure is None else _told(failure, str(path))
            failure = None
            main.__dict__.clear()
            found = _finish(watch, count)
    except engine.ObserverError as ended:
        if found is None:
            raise
        error = error or ScriptError(f"the trace ended before the script did: {ended.__cause__}")
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"], sys.stdout, sys.stderr = before
    return found, error


def _failure_of(work: Callable[[], None]) -> BaseException | None:
    """What ``work()`` raised, unless it only said that it is done."""
    try:
        work()
    except SystemExit as exit_:
        return exit_ if exit_.code not in (None, 0) else None
    except BaseException as error:
        return error
    return None


def _told(failure: BaseException, path: str) -> ScriptError:
    """What a script raised, in words, without the frames of the harness."""
    if isinstance(failure, SystemExit):
        said = "" if isinstance(failure.code, int) else f"{failure.code}\n"
        code = 1 if said else failure.code
        return ScriptError(f"the script exited with code {code}", said)
    if isinstance(failure, KeyboardInterrupt):
        return ScriptError("the script was interrupted", interrupted=True)
    frames = failure.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != path:
        frames = frames.tb_next
    said = "".join(traceback.format_exception(type(failure), failure, frames))
    return ScriptError(f"the script raised {type(failure).__name__}", said)


def _warm_up() -> None:
    """Have made what the engine makes once, and what was garbage before be gone."""
    if not observer.watches:  # who would take this for the program's
        with engine.using_config("enable_backprop", True):
            engine.square(engine.Variable(np.ones(1))).backward()
    gc.collect()


def _finish(watch: Watch, count: Count) -> results.Timeline:
    """The timeline of a stopped watch, when what the program dropped was collected."""
    dropped = count.live
    loop = loops.collect()
    found = meter.timeline(watch, dropped, count.live, loop)
    return msgspec.convert(meter.as_plain(found), results.Timeline)
