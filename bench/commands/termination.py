"""End a command in order on the signals that ask for its end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN = 5.0  # seconds in which a further signal does not interrupt the cleaning up


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end the block as Ctrl-C does, unless they are ignored.

    A terminal that closes sends several signals at once: only the first one interrupts. Where
    SIGINT is ignored, as in the background of a script, these two still end the block. After
    one of them the process is ending, and those that come late no longer kill it.
    """
    first: list[float] = []

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not first or now - first[0] > AGAIN:
            first[:] = [now]
            raise KeyboardInterrupt

    replaced = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                replaced[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, signal.SIG_IGN if first else handler)
