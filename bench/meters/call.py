"""The call meter: exact bytes of array data of one call of any function, in this process.

It counts what the call allocates beyond what was alive before. The arguments that a
``setup`` makes are alive before the call, so they are not counted; bytes that the call
attaches to such arguments are dropped with them.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from gradmeter.bench.meters import residency
from gradmeter.bench.meters.allocations import PASSES, counting
from gradmeter.bench.meters.cycles import collector_off, debugging_off, sweep
from gradmeter.bench.results.growth import CALLS


class DisturbedError(RuntimeError):
    """The call interfered with the meter; the message says how."""


@dataclass(frozen=True)
class Call:
    """A function, its arguments, and its setup and teardown, as in pytest-benchmark's pedantic.

    Attributes:
        setup: makes new arguments for each call, or returns nothing.
        teardown: called with the arguments after the call.
        most: how often it may be made in one process, since it may use up what it works on; None
            for any number of times.
    """

    target: Callable[..., object]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] | None = None
    setup: Callable[[], Any] | None = None
    teardown: Callable[..., object] | None = None
    most: int | None = None

    def arguments(self) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """The arguments of the next call; new ones with a ``setup`` that makes them."""
        arguments = self.setup() if self.setup is not None else None
        return arguments or (self.args, self.kwargs or {})


@dataclass(frozen=True)
class Taken:
    """Bytes of one layer of memory, other than array data, that one call took.

    Attributes:
        peak: the most alive at once.
        held: alive after a collection, while the returned value is held.
        number: how many blocks were allocated.
        allocated: the bytes of all of them, also of those that were freed.
    """

    peak: int
    held: int
    number: int
    allocated: int


@dataclass(frozen=True)
class Pass:
    """Bytes of array data of one call.

    Attributes:
        peak: the most alive at once.
        held: alive while the returned value is held.
        dropped: alive when the returned value and the arguments of ``setup`` are dropped.
        cycle: those of ``dropped`` that a collection freed.
        objects: the number of Python objects that the collection freed.
        types: the number of those objects by type name.
        leaked: alive even after the collection, in a cache or in an older object.
        number: how many blocks the call allocated; None where they cannot be counted.
        allocated: the bytes of all of them, also of those that were freed.
    """

    peak: int
    held: int
    dropped: int
    cycle: int
    objects: int
    types: dict[str, int]
    leaked: int
    number: int | None = None
    allocated: int | None = None


class Resident:
    """How far the resident memory of this process rises in a block; see `residency`.

    Attributes:
        peak: bytes above what was resident before, at the most at once; None where the peak stays.
        held: bytes above it, once the block ends.
    """

    def __init__(self) -> None:
        self.peak: int | None = None
        self.held = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Read resident memory before and after the block."""
        residency.trim()  # so that memory which the call takes anew is seen
        if not residency.can_reset():
            yield
            return
        before = residency.resident()
        yield
        self.peak = max(residency.resident_peak() - before, 0)
        residency.trim()
        self.held = max(residency.resident() - before, 0)


def measure(call: Call, times: int = PASSES, resident: Resident | None = None) -> list[Pass]:
    """Call a few times with the collector off, and return the bytes of each call.

    The collector and tracemalloc are restored afterwards, whatever the call raises.

    Args:
        times: how often.
        resident: reads resident memory in the last of them, where given.

    Raises:
        UnavailableError: array data cannot be counted here; nothing was called.
        DisturbedError: the call stopped tracemalloc.
    """
    with counting():
        pass  # raises now, before the first call
    with debugging_off():
        return [_once(call, resident if number == times - 1 else None) for number in range(times)]


def kept(call: Call) -> list[int]:
    """Read the bytes that are alive after each of a few calls, in one window.

    What a call replaces of the call before is freed in this window, so the bytes grow only where
    each call adds to what the ones before left. Garbage is collected after each call.

    Raises:
        UnavailableError: array data cannot be counted here; nothing was called.
    """
    levels = []
    with debugging_off(), collector_off(), counting() as count:
        for _ in range(CALLS):
            call_and_drop(call)
            gc.collect()
            levels.append(count.live)
    return levels


def _once(call: Call, resident: Resident | None) -> Pass:
    args, kwargs = call.arguments()
    with collector_off(), counting() as count:
        with resident.watching() if resident is not None else nullcontext():
            result = call.target(*args, **kwargs)
        peak, held = count.peak, count.live
        number, allocated = count.number, count.allocated
        if not tracemalloc.is_tracing():
            raise DisturbedError("the call stopped tracemalloc, so its bytes are unknown")
        if call.teardown is not None:
            call.teardown(*args, **kwargs)
        del result, args, kwargs
        dropped = count.live
        types = sweep()
        leaked = count.live
    # Bytes that a finalizer or the teardown allocates and keeps are no part of the call, but
    # the peak must not be below what is left.
    return Pass(
        peak=max(peak, dropped, leaked),
        held=held,
        dropped=max(dropped, leaked),
        cycle=max(dropped - leaked, 0),
        objects=types.total(),
        types=dict(sorted(types.items())),
        leaked=leaked,
        number=number,
        allocated=allocated,
    )


def call_and_drop(call: Call) -> None:
    """Call, and drop the returned value and the arguments."""
    args, kwargs = call.arguments()
    result = call.target(*args, **kwargs)
    if call.teardown is not None:
        call.teardown(*args, **kwargs)
    del result, args, kwargs
