"""Interruptions: what Python runs in the middle of a recording and is no part of the program.

The garbage collector, with its callbacks and what it finalizes, may start anywhere, and so may
a handler of signals. What a finalizer or a weak reference's callback reads comes to nothing.
"""

from __future__ import annotations

import gc
import inspect
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def noticing_interruptions() -> Iterator[Callable[[Any], bool]]:
    """Yield a function that tells whether a frame of the block runs in an interruption of it."""
    root = sys._getframe(2)  # the caller of contextlib's
    thread = threading.get_ident()
    is_collecting = False

    def begin(phase: str, _: Any) -> None:
        nonlocal is_collecting
        if phase == "start" and threading.get_ident() == thread:
            is_collecting = True

    def end(phase: str, _: Any) -> None:
        nonlocal is_collecting
        if phase == "stop" and threading.get_ident() == thread:
            is_collecting = False

    def is_interruption(frame: Any) -> bool:
        while not is_collecting and frame is not None and frame is not root:
            if _is_called_by_python(frame):
                return True
            frame = frame.f_back
        return is_collecting

    gc.callbacks.insert(0, begin)  # around the callbacks of others
    gc.callbacks.append(end)
    try:
        yield is_interruption
    finally:
        for callback in (begin, end):
            with suppress(ValueError):  # others have removed it
                gc.callbacks.remove(callback)


def _is_called_by_python(frame: Any) -> bool:
    """Whether a frame is of a finalizer, or of a callback or handler that gets what these get."""
    if frame.f_code.co_name == "__del__":
        return True
    names, rest, _, values = inspect.getargvalues(frame)
    arguments: list[Any] = [values.get(name) for name in names]
    if rest is not None and type(values.get(rest)) is tuple:
        arguments += values[rest]
    return any(
        x is frame.f_back  # as a handler of signals gets it
        or (issubclass(type(x), weakref.ref) and weakref.ref.__call__(x) is None)
        for x in arguments
    )
