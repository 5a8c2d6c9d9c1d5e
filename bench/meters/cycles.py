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
    try:
        gc.disable()
        gc.collect()
        yield
    finally:
        (gc.enable if enabled else gc.disable)()


@contextmanager
def debugging_off() -> Iterator[None]:
    """Keep the collector's debug flags off in the block, then put them back as they were."""
    flags = gc.get_debug()
    gc.set_debug(0)
    try:
        yield
    finally:
        gc.set_debug(flags)


def sweep() -> Counter[str]:
    """Collect; return how many objects of each type that freed. Debug flags are off before."""
    before = len(gc.garbage)
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)  # to look at the objects before they go
        gc.collect()
        return Counter(type(found).__name__ for found in gc.garbage[before:])
    finally:
        gc.set_debug(0)
        del gc.garbage[before:]
        gc.collect()


def measure(run: Callable[[], object]) -> Cycles:
    """Call ``run()``, which returns when every name it made is dropped, and see what is left."""
    with debugging_off(), collector_off(), counting() as count:
        run()
        dropped = count.live
        types = sweep()
        leaked = count.live
    return Cycles(dropped, dropped - leaked, types.total(), dict(sorted(types.items())), leaked)
