"""The cycles meter: what only the collector can free, once every name is dropped."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.meters.allocations import counting


@dataclass(frozen=True)
class Cycles:
    """What was left when every name was dropped.

    Attributes:
        dropped: bytes of array data still alive then.
        bytes: those of them that a collection freed.
        objects: the number of Python objects that it freed.
        types: how many of them there were of each type, by name.
        leaked: bytes that are alive even after it.
    """

    dropped: int
    bytes: int
    objects: int
    types: dict[str, int]
    leaked: int


@contextmanager
def collector_off() -> Iterator[None]:
    """Collect once, keep the automatic collector off in the block, then put it back as it was."""
    enabled = gc.isenabled()
    gc.disable()
    gc.collect()
    try:
        yield
    finally:
        (gc.enable if enabled else gc.disable)()


def measure(run: Callable[[], object]) -> Cycles:
    """Call ``run()``, which returns when every name it made is dropped, and see what is left."""
    flags = gc.get_debug()
    gc.set_debug(0)
    try:
        with collector_off(), counting() as count:
            run()
            dropped = count.live
            before = len(gc.garbage)
            gc.set_debug(gc.DEBUG_SAVEALL)  # to look at the objects before they go
            gc.collect()
            types = Counter(type(found).__name__ for found in gc.garbage[before:])
            gc.set_debug(0)
            del gc.garbage[before:]
            gc.collect()
            leaked = count.live
    finally:
        gc.set_debug(flags)
    return Cycles(dropped, dropped - leaked, types.total(), dict(sorted(types.items())), leaked)
