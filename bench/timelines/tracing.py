"""Trace any program that uses the engine: a block of code, or a whole script."""

from __future__ import annotations

import gc
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import msgspec
import numpy as np

from gradmeter import engine
from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import loops
from gradmeter.bench.meters import timeline as meter
from gradmeter.bench.meters.allocations import Count, UnavailableError
from gradmeter.bench.meters.watch import Watch
from gradmeter.bench.results.readings import Timeline
from gradmeter.engine import observer

# What `python -m` itself calls; its public function keeps no module alive for the threads.
runpy: Any = import_module("runpy")


class Trace:
    """The result of a traced block; after the block, it has the attributes of its timeline.

    Attributes:
        timeline: a results.readings.Timeline; None until the block has ended.
    """

    def __init__(self) -> None:
        self.timeline: Timeline | None = None

    def __getattr__(self, name: str) -> Any:
        timeline = self.__dict__.get("timeline")
        if timeline is None or name.startswith("_"):
            raise AttributeError(f"{name}: a trace has this attribute when its block has ended")
        return getattr(timeline, name)


@contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Trace the engine's operations in the block, in all threads; ``trace`` gets the timeline.

    If the block raises, the trace until then is kept. Garbage is collected before and after
    the block; inside it, the collector runs as the program sets it.

    Raises:
        UnavailableError: tracemalloc is tracing already, or array data cannot be counted.
        engine.ObserverError: at the end of the block, if the program stopped tracemalloc.
    """
    _warm_up()
    with meter.watching() as (watch, count):
        try:
            yield
        finally:
            watch.stop()
            trace.timeline = _finish(watch, count)


class ScriptError(Exception):
    """A traced script failed before its end.

    Attributes:
        stderr: the text that Python writes to standard error for it; may be empty.
        interrupted: whether the user interrupted it.
    """

    def __init__(self, message: str, stderr: str = "", *, interrupted: bool = False) -> None:
        super().__init__(message)
        self.stderr = stderr
        self.interrupted = interrupted


def program(
    target: str, arguments: Sequence[str], settings: Mapping[str, Any], *, module: bool
) -> tuple[Timeline, ScriptError | None]:
    """Run a script, or a module as ``python -m`` does, and trace it.

    Args:
        target: the script's path, or the module's name.
        settings: the engine's settings that it starts with, in every thread.

    Returns:
        The timeline, until the failure for a program that failed; and the failure, if any.

    Raises:
        UsageError: it cannot be read, or cannot be traced.
    """
    try:
        if module:
            return run_module(target, arguments, settings)
        return script(Path(target), arguments, settings)
    except OSError as problem:
        raise UsageError(f"the script {target} cannot be read: {problem.strerror}") from None
    except UnavailableError as problem:
        raise UsageError(f"{target} cannot be traced: {problem}") from None


def script(
    path: Path, arguments: Sequence[str], settings: Mapping[str, Any] | None = None
) -> tuple[Timeline, ScriptError | None]:
    """Run a script as Python does, and trace it.

    Args:
        settings: the engine's settings that the script starts with, in every thread.

    Returns:
        The timeline, until the failure for a script that failed; and the failure, if any.

    Raises:
        OSError: the script cannot be read.
        UnavailableError: as `tracing`.
    """
    source = path.read_bytes()

    def code(main: ModuleType) -> CodeType:
        main.__file__ = str(path)
        return compile(source, str(path), "exec", dont_inherit=True)

    return _main(code, [str(path), *arguments], str(path.parent.resolve()), settings or {})


def run_module(
    name: str, arguments: Sequence[str], settings: Mapping[str, Any] | None = None
) -> tuple[Timeline, ScriptError | None]:
    """Run a module as ``python -m`` does, and trace it.

    Args:
        settings: as `script`.

    Returns:
        As `script`; a module that is not there is a failure, in Python's words.

    Raises:
        UnavailableError: as `tracing`.
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

    return _main(code, ["-m", *arguments], os.getcwd(), settings or {})


def _main(
    code: Callable[[ModuleType], CodeType],
    arguments: list[str],
    folder: str,
    settings: Mapping[str, Any],
) -> tuple[Timeline, ScriptError | None]:
    """Run a program as the module ``__main__``, and trace it.

    Args:
        code: prepares the module and returns its code; what it raises is the program's.
        arguments: for ``sys.argv``.
        folder: the first of ``sys.path``.
        settings: the engine's settings that it starts with.
    """
    main = ModuleType("__main__")
    before = (sys.argv, sys.path[:], sys.modules["__main__"], sys.stdout, sys.stderr)
    sys.argv = arguments
    if not sys.flags.safe_path:
        sys.path.insert(0, folder)
    sys.modules["__main__"] = main
    threads = set(threading.enumerate())

    def run() -> None:
        exec(code(main), main.__dict__)

    def join() -> None:
        for thread in set(threading.enumerate()) - threads:
            if not thread.daemon:
                thread.join()

    _warm_up()
    timeline = error = None
    try:
        with meter.watching() as (watch, count):
            # A failure refers to the script's frames: what they hold is alive at the end.
            with _starting_with(settings):
                failure = _failure_of(run)
                failure = _failure_of(join) or failure
            watch.stop()
            error = None if failure is None else _script_error(failure)
            failure = None
            main.__dict__.clear()
            timeline = _finish(watch, count)
    except engine.ObserverError as ended:
        if timeline is None:
            raise
        error = error or ScriptError(f"the trace ended before the script did: {ended.__cause__}")
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"], sys.stdout, sys.stderr = before
    return timeline, error


@contextmanager
def _starting_with(settings: Mapping[str, Any]) -> Iterator[None]:
    """Apply settings in the block, and in each thread that it starts.

    A thread starts from the engine's defaults; here, from these settings.
    """
    if not settings:
        yield
        return
    start = threading.Thread.start

    def start_with_settings(thread: threading.Thread) -> None:
        run = thread.run

        def run_with_settings() -> None:
            with ExitStack() as stack:
                _enter(stack, settings)
                run()

        thread.run = run_with_settings  # type: ignore[method-assign]
        start(thread)

    with ExitStack() as stack:
        _enter(stack, settings)
        setattr(threading.Thread, "start", start_with_settings)  # noqa: B010 (its types differ)
        try:
            yield
        finally:
            threading.Thread.start = start  # type: ignore[method-assign]


def _enter(stack: ExitStack, settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        stack.enter_context(engine.using_config(name, value))


def _failure_of(work: Callable[[], None]) -> BaseException | None:
    """The exception that ``work()`` raises; None for an exit with code 0."""
    try:
        work()
    except SystemExit as exit_:
        return exit_ if exit_.code not in (None, 0) else None
    except BaseException as error:
        return error
    return None


def _script_error(failure: BaseException) -> ScriptError:
    """Describe the exception of a script, without the frames of the harness."""
    if isinstance(failure, SystemExit):
        stderr = "" if isinstance(failure.code, int) else f"{failure.code}\n"
        code = 1 if stderr else failure.code
        return ScriptError(f"the script exited with code {code}", stderr)
    if isinstance(failure, KeyboardInterrupt):
        return ScriptError("the script was interrupted", interrupted=True)
    frames = failure.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    stderr = "".join(traceback.format_exception(type(failure), failure, frames))
    return ScriptError(f"the script raised {type(failure).__name__}", stderr)


def _warm_up() -> None:
    """Have the engine allocate what it keeps for the process, and collect old garbage."""
    if not observer.watches:  # an observer would count this as the program's
        with engine.using_config("enable_backprop", True):
            engine.square(engine.Variable(np.ones(1))).backward()
    gc.collect()


def _finish(watch: Watch, count: Count) -> Timeline:
    """Collect the garbage of the program and return the timeline of its stopped watch."""
    dropped = count.live
    loop = loops.collect()
    trace = meter.timeline(watch, dropped, count.live, loop)
    return msgspec.convert(meter.as_plain(trace), Timeline)
