"""The one hook through which a meter watches operations.

Every operation notifies the registered observers four times: before and after its
forward, and before and after its backward. Without an observer, each operation costs one
check.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from .errors import ObserverError

Phase = Literal["forward", "backward"]
Moment = Literal["before", "after"]


class Event:
    """One operation's arrays, before or after its forward or its backward.

    The arrays are here during the observer's call only: the engine takes them out when
    the call returns, so that an event that is kept does not keep an array alive. An
    observer that wants to know when an array dies uses ``weakref.finalize`` on it.

    Attributes:
        phase: "forward" or "backward".
        moment: "before" or "after".
        operation: the operation's name: its class's, in lower case for the engine's own.
            The sweep itself appears as operation "store" (phase "backward", number -1)
            when it hands the finished gradients to their variables.
        number: the operation's number; the same in its forward and its backward, larger
            for every later operation.
        names: the names of the input variables, None where there is none; forward only.
        inputs: forward: the arrays or numbers given to it; backward: the gradients of its
            outputs.
        outputs: after forward: the arrays that it computed; after backward: the gradients of
            its inputs as they now stand in the sweep's table, accumulated with what other
            uses of the same variable gave, None for a constant. In "store": the gradients
            as the variables hold them.
        saved: after forward: the arrays it holds until its backward; before backward: the
            same; after backward: what it still holds (nothing, unless ``retain_graph``).
        function: the operation itself, during the observer's call; None for "store".
    """

    __slots__ = (
        "function",
        "inputs",
        "moment",
        "names",
        "number",
        "operation",
        "outputs",
        "phase",
        "saved",
    )

    def __init__(
        self,
        phase: Phase,
        moment: Moment,
        operation: str,
        number: int,
        *,
        names: tuple[str | None, ...] = (),
        inputs: tuple[Any, ...] = (),
        outputs: tuple[Any, ...] = (),
        saved: tuple[Any, ...] = (),
        function: Any = None,
    ) -> None:
        self.phase = phase
        self.moment = moment
        self.operation = operation
        self.number = number
        self.names = names
        self.inputs = inputs
        self.outputs = outputs
        self.saved = saved
        self.function = function

    def __repr__(self) -> str:
        return f"<{self.moment} {self.phase} of {self.operation}, number {self.number}>"


Observer = Callable[[Event], object]


class _Watch:
    """A registered observer, and the error that ended its registration, if any."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.error: Exception | None = None


watches: tuple[_Watch, ...] = ()
"""The registered observers, of all threads; an operation checks whether this is empty."""


_registration = threading.RLock()  # two threads that register at once must not lose a watch

silent: ContextVar[bool] = ContextVar("engine_silent", default=False)
"""True while a program is recorded: its operations have no arrays to report."""


def notify(event: Event) -> None:
    """Hand an event to every observer, then take the arrays out of it."""
    if silent.get():
        return
    try:
        for watch in watches:
            try:
                watch.observer(event)
            except Exception as error:
                error.add_note("".join(traceback.format_exception(error)).rstrip())
                # Its traceback and causes would keep stack frames alive, and their arrays.
                error.__traceback__ = error.__context__ = error.__cause__ = None
                watch.error = error
                _remove(watch)
    finally:
        event.inputs = event.outputs = event.saved = ()
        event.function = None


@contextmanager
def observe(observer: Observer) -> Iterator[None]:
    """Call ``observer(event)`` for every operation of the process until the block ends.

    Several observers may be registered at once. An observer cannot disturb what it watches:
    when it raises an Exception it is not called again, the operation or sweep goes on
    without it, and the error is raised at the end of the block.

    Args:
        observer: a callable that takes an `Event`.

    Raises:
        ObserverError: at the end of the block, from the error that the observer raised.
    """
    global watches
    watch = _Watch(observer)
    with _registration:
        watches = (*watches, watch)
    try:
        yield
    finally:
        _remove(watch)
    if watch.error is not None:
        raise ObserverError(
            f"the observer raised {type(watch.error).__name__} ({watch.error}) and was not "
            "called again; the operations that it watched are complete"
        ) from watch.error


def _remove(watch: _Watch) -> None:
    global watches
    with _registration:
        watches = tuple(w for w in watches if w is not watch)
