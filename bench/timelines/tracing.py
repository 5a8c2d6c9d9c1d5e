"""Trace any program that uses the engine: a block of code, or a whole script."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import numpy as np

from gradmeter import engine
from gradmeter.bench import main_program
from gradmeter.bench.errors import UsageError
from gradmeter.bench.main_program import MainProgram, Running, ScriptError
from gradmeter.bench.meters import loops, timeline_lines
from gradmeter.bench.meters import timeline as meter
from gradmeter.bench.meters.allocations import Count
from gradmeter.bench.meters.line_events import Watches
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.meters.watch import Watch
from gradmeter.bench.results.lines import Lines
from gradmeter.bench.results.readings import Timeline
from gradmeter.engine import observer


class Trace:
    """The result of a traced block; after the block, it has the attributes of its timeline.

    Attributes:
        timeline: a results.readings.Timeline; None until the block has ended.
        lines: a results.lines.Lines; None until the block has ended.
    """

    def __init__(self) -> None:
        self.timeline: Timeline | None = None
        self.lines: Lines | None = None

    def __getattr__(self, name: str) -> Any:
        timeline = self.__dict__.get("timeline")
        if timeline is None or name.startswith("_"):
            raise AttributeError(f"{name}: a trace has this attribute when its block has ended")
        return getattr(timeline, name)


@contextmanager
def tracing(trace: Trace, watches: Watches) -> Iterator[None]:
    """Trace the engine's operations and the lines of the block, in all threads.

    ``trace`` gets the timeline and the lines when the block has ended.

    If the block raises, the trace until then is kept. Garbage is collected before and after
    the block; inside it, the collector runs as the program sets it.

    Raises:
        UnavailableError: tracemalloc is tracing already, or array data cannot be counted.
        engine.ObserverError: at the end of the block, if the program stopped tracemalloc.
    """
    _warm_up()
    with timeline_lines.watching(watches) as watched:
        try:
            yield
        finally:
            watched.stop()
            trace.lines = watched.reading()
            trace.timeline = _finish(watched.watch, watched.count)


def program(
    target: str,
    arguments: Sequence[str],
    settings: Mapping[str, Any],
    *,
    module: bool,
    safe_path: bool,
) -> tuple[Timeline, ScriptError | None]:
    """Run a script, or a module as ``python -m`` does, and trace it.

    Args:
        target: the script's path, or the module's name.
        settings: the engine's settings that it starts with, in every thread.
        safe_path: whether Python is not to look for modules beside it, as under ``-P``.

    Returns:
        The timeline, until the failure for a program that failed; and the failure, if any.

    Raises:
        UsageError: it cannot be read, or cannot be traced.
    """
    try:
        make = main_program.module if module else main_program.script
        return run(make(target, arguments, safe_path=safe_path), settings)
    except OSError as problem:
        raise UsageError(f"the script {target} cannot be read: {problem.strerror}") from None
    except UnavailableError as problem:
        raise UsageError(f"{target} cannot be traced: {problem}") from None


def run(
    main: MainProgram, settings: Mapping[str, Any] | None = None
) -> tuple[Timeline, ScriptError | None]:
    """Run a program as the module ``__main__``, and trace it.

    Args:
        settings: the engine's settings that it starts with, in every thread.

    Returns:
        The timeline, until the failure for a program that failed; and the failure, if any.

    Raises:
        UnavailableError: as `tracing`.
    """
    _warm_up()
    timeline = error = None
    try:
        with Running(main) as running, meter.watching() as (watch, count):
            with _starting_with(settings or {}):
                failure = running.run()
            watch.stop()
            error = None if failure is None else running.describe(failure)
            failure = None
            running.main.__dict__.clear()
            timeline = _finish(watch, count)
    except engine.ObserverError as ended:
        if timeline is None:
            raise
        error = error or ScriptError(f"the trace ended before the script did: {ended.__cause__}")
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
