"""The line events of a program: what happens in the frames of watched code, in every thread.

Python tells of each line through `sys.monitoring` from 3.12 on, and through `sys.settrace`
before. Both are read here as four events of a frame: it begins (or goes on, as a generator
does), it reaches a line, it is left (returned, yielded, unwound), and, where that is asked for,
it reaches an instruction.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, Protocol

from gradmeter.bench.meters.python_allocators import UnavailableError

_NAME = "gradmeter"
Watches = Callable[[CodeType, dict[str, Any]], bool]


class Listener(Protocol):
    """What receives the events; each is called in the thread of the frame."""

    def enter(self, frame: FrameType) -> None:
        """The frame begins or goes on; its line number is that of its last line."""

    def line(self, frame: FrameType, number: int) -> None:
        """The frame is about to run a line."""

    def leave(self, frame: FrameType) -> None:
        """The frame returns, yields or is unwound."""

    def instruction(self, frame: FrameType) -> None:
        """The frame is about to run the instruction at ``frame.f_lasti``."""


class Events:
    """The events of a block of code, as one of the two ways of listening gives them."""

    def problem(self) -> str:
        """Why events are missing by now; empty where none are.

        The program may have set a tracer of its own.
        """
        raise NotImplementedError

    def instructions_of(self, frame: FrameType) -> None:
        """Tell of the instructions of a frame, too, from its next one on."""
        raise NotImplementedError

    def silence(self) -> None:
        """Tell of nothing any more."""
        raise NotImplementedError


@contextmanager
def listening(listener: Listener, watches: Watches) -> Iterator[Events]:
    """Send the events of all watched code in the block to a listener, also of its threads.

    Args:
        watches: whether code is watched, given its globals; asked once for each code object.

    Raises:
        UnavailableError: another tracer, such as a debugger's, is at work.
    """
    with (_monitoring if hasattr(sys, "monitoring") else _tracing)(listener, watches) as events:
        _at_work.append(events)
        try:
            yield events
        finally:
            _at_work.remove(events)


_at_work: list[Events] = []


def _stop_in_child() -> None:
    """Listen no longer in a forked process, whose events are not the program's."""
    for events in _at_work:
        events.silence()


os.register_at_fork(after_in_child=_stop_in_child)


def _refuse_other_tracer() -> None:
    tracer = sys.gettrace()
    if tracer is None:
        return
    kind = type(tracer)
    name = getattr(tracer, "__qualname__", kind.__qualname__)
    module = getattr(tracer, "__module__", None) or kind.__module__
    raise UnavailableError(
        f"{module}.{name} traces this program already (coverage or a debugger); "
        "lines can be measured without it"
    )


class _Tracer(Events):
    """Listens through sys.settrace: every Python function that starts asks for its tracer."""

    def __init__(self, listener: Listener, watches: Watches) -> None:
        self._watched: dict[CodeType, bool] = {}
        self._watches = watches
        self._listener = listener

    def start(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """The tracer of a frame that starts: None where its code is not watched."""
        code = frame.f_code
        watched = self._watched.get(code)
        if watched is None:
            watched = self._watched[code] = self._watches(code, frame.f_globals)
        if not watched:
            return None
        self._listener.enter(frame)
        return self.trace

    def trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        """Pass on an event of a watched frame."""
        if event == "line":
            self._listener.line(frame, frame.f_lineno)
        elif event == "return":
            self._listener.leave(frame)
        elif event == "opcode":
            self._listener.instruction(frame)
        return self.trace

    def problem(self) -> str:
        tracer = sys.gettrace()
        if tracer == self.start:
            return ""
        cause = "called sys.settrace"
        if tracer is None:  # Python ends tracing where the tracer cannot be called
            cause += " or reached its limit of recursion"
        return f"the program {cause}, so its lines were not seen from there on"

    def silence(self) -> None:
        if not self.problem():
            sys.settrace(None)
        threading.settrace(None)

    def instructions_of(self, frame: FrameType) -> None:
        frame.f_trace_opcodes = True
        frame.f_trace = self.trace


@contextmanager
def _tracing(listener: Listener, watches: Watches) -> Iterator[Events]:
    _refuse_other_tracer()
    tracer = _Tracer(listener, watches)
    before = threading.gettrace()
    running = _running(lambda frame: watches(frame.f_code, frame.f_globals))
    for frame in running:
        listener.enter(frame)
        frame.f_trace = tracer.trace  # it runs already, so it has no tracer
    try:
        threading.settrace(tracer.start)
        sys.settrace(tracer.start)
        yield tracer
    finally:
        if not tracer.problem():
            sys.settrace(None)
        threading.settrace(before)
        for frame in running:
            frame.f_trace = None


def _running(watches: Callable[[FrameType], bool]) -> list[FrameType]:
    """The watched frames around the block, the innermost last."""
    frames = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if watches(frame):
            frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


class _Monitor(Events):
    """Listens through sys.monitoring: code that is not watched is told of once."""

    def __init__(self, listener: Listener, watches: Watches, tool: int) -> None:
        self.tool = tool
        self._listener = listener
        self._watches = watches
        self._watched: dict[CodeType, bool] = {}
        events = sys.monitoring.events  # type: ignore[attr-defined]
        self.within = events.LINE | events.PY_RETURN | events.PY_YIELD
        self.everywhere = events.PY_START | events.PY_RESUME | events.PY_THROW | events.PY_UNWIND
        self.callbacks = {
            events.PY_START: self.start,
            events.PY_RESUME: self.start,
            events.PY_THROW: self.throw,
            events.PY_UNWIND: self.unwind,
            events.LINE: self.line,
            events.PY_RETURN: self.leave,
            events.PY_YIELD: self.leave,
            events.INSTRUCTION: self.instruction,
        }

    def watch(self, code: CodeType, frame: FrameType) -> bool:
        """Whether code is watched; from the first time on its lines are told of."""
        watched = self._watched.get(code)
        if watched is None:
            watched = self._watched[code] = self._watches(code, frame.f_globals)
            if watched:
                monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
                monitoring.set_local_events(self.tool, code, self.within)
        return watched

    def start(self, code: CodeType, _offset: int) -> Any:
        """A function starts, or a generator goes on."""
        frame = sys._getframe(1)
        if not self.watch(code, frame):
            return sys.monitoring.DISABLE  # type: ignore[attr-defined]
        self._listener.enter(frame)
        return None

    def throw(self, code: CodeType, _offset: int, _error: BaseException) -> None:
        """A generator goes on with an exception."""
        frame = sys._getframe(1)
        if self.watch(code, frame):
            self._listener.enter(frame)

    def unwind(self, code: CodeType, _offset: int, _error: BaseException) -> None:
        """An exception leaves a function."""
        if self._watched.get(code):
            self._listener.leave(sys._getframe(1))

    def line(self, _code: CodeType, number: int) -> None:
        """A line is about to run."""
        self._listener.line(sys._getframe(1), number)

    def leave(self, _code: CodeType, _offset: int, _value: object) -> None:
        """A function returns or a generator yields."""
        self._listener.leave(sys._getframe(1))

    def instruction(self, _code: CodeType, _offset: int) -> None:
        """An instruction is about to run."""
        self._listener.instruction(sys._getframe(1))

    def problem(self) -> str:
        if sys.monitoring.get_tool(self.tool) == _NAME:  # type: ignore[attr-defined]
            return ""
        return "the program took the place in sys.monitoring, so lines were not seen from there on"

    def silence(self) -> None:
        if self.problem():
            return
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
        monitoring.set_events(self.tool, 0)
        for event in self.callbacks:
            monitoring.register_callback(self.tool, event, None)
        for code, watched in self._watched.items():
            if watched:
                monitoring.set_local_events(self.tool, code, 0)

    def instructions_of(self, frame: FrameType) -> None:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
        events = self.within | monitoring.events.INSTRUCTION
        monitoring.set_local_events(self.tool, frame.f_code, events)


_begun: list[_Monitor] = []  # those that have not ended, or were interrupted while they did


@contextmanager
def _monitoring(listener: Listener, watches: Watches) -> Iterator[Events]:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    while _begun:  # array data is counted by one at a time, so what is here was interrupted
        _end(_begun[-1])
    # Beside those with a purpose (debugger 0, coverage 1, profiler 2, optimiser 5).
    tool = next((n for n in (2, 3, 4) if monitoring.get_tool(n) is None), None)
    if tool is None:
        names = ", ".join(str(monitoring.get_tool(n)) for n in (2, 3, 4))
        raise UnavailableError(f"sys.monitoring has no place left beside {names}")
    monitor = _Monitor(listener, watches, tool)
    _begun.append(monitor)
    try:
        monitoring.use_tool_id(tool, _NAME)
        for frame in _running(lambda frame: monitor.watch(frame.f_code, frame)):
            listener.enter(frame)
        for event, callback in monitor.callbacks.items():
            monitoring.register_callback(tool, event, callback)
        monitoring.set_events(tool, monitor.everywhere)
        monitoring.restart_events()
        yield monitor
    finally:
        _end(monitor)


def _end(monitor: _Monitor) -> None:
    """Stop listening, and give the place back; once more, where that was interrupted."""
    if not monitor.problem():
        monitor.silence()
        sys.monitoring.free_tool_id(monitor.tool)  # type: ignore[attr-defined]
    _begun.remove(monitor)
