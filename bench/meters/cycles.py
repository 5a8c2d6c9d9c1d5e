"""The cycles meter: memory that only the collector can free once every name is dropped."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gradmeter.bench.meters.allocations import counting


@dataclass(frozen=True)
class Cycles:
    """Memory that was still alive when every name was dropped.

    Attributes:
        dropped: bytes of array data still alive then.
        bytes: those of ``dropped`` that a collection freed.
        objects: the number of Python objects that the collection freed.
        types: the number of those objects by type name.
        leaked: bytes alive even after the collection.
    """

    dropped: int
    bytes: int
    objects: int
    types: dict[str, int]
    leaked: int


@contextmanager
def collector_off() -> Iterator[None]:
    """Collect once, keep the automatic collector off in the block, then restore it."""
    enabled = gc.isenabled()
    try:
        gc.disable()
        gc.collect()
        yield
    finally:
        (gc.enable if enabled else gc.disable)()


@contextmanager
def debugging_off() -> Iterator[None]:
    """Keep the collector's debug flags off in the block, then restore them."""
    flags = gc.get_debug()
    gc.set_debug(0)
    try:
        yield
    finally:
        gc.set_debug(flags)


@contextmanager
def callbacks_off() -> Iterator[None]:
    """Have collections call nobody in the block: what is called makes objects of its own."""
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    try:
        yield
    finally:
        gc.callbacks[:] = callbacks


def sweep() -> Counter[str]:
    """Collect garbage and count the freed objects by type. Needs the debug flags to be off."""
    before = len(gc.garbage)
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)  # to see the objects before they are freed
        gc.collect()
        return Counter(type(freed).__name__ for freed in gc.garbage[before:])
    finally:
        gc.set_debug(0)
        del gc.garbage[before:]
        gc.collect()


def measure(run: Callable[[], object]) -> Cycles:
    """Call ``run()``, which drops every name it makes, and measure what is left alive."""
    with debugging_off(), collector_off(), counting() as count:
        run()
        dropped = count.live
        types = sweep()
        leaked = count.live
    return Cycles(dropped, dropped - leaked, types.total(), dict(sorted(types.items())), leaked)
