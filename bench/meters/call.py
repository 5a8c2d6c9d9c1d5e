"""The call meter: exact bytes of array data of one call of anybody's function, in this process.

Counted is what the call allocates beyond what was alive before it. What a ``setup`` makes
for the call is made outside of the window, and so it is not counted, as nothing is that was
there before; what the call hangs onto such arguments goes with them.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.meters.allocations import PASSES, counting
from bench.meters.cycles import collector_off, debugging_off, sweep


class DisturbedError(RuntimeError):
    """The call meddled with what it is counted with; the message says how."""


@dataclass(frozen=True)
class Call:
    """What is called, and what is done before and after: as pytest-benchmark's pedantic has it.

    Attributes:
        setup: what makes the arguments anew for each call, or returns nothing.
        teardown: what is called with the arguments afterwards.
    """

    target: Callable[..., object]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] | None = None
    setup: Callable[[], Any] | None = None
    teardown: Callable[..., object] | None = None

    def arguments(self) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """The arguments of the next call."""
        made = self.setup() if self.setup is not None else None
        return made or (self.args, self.kwargs or {})


@dataclass(frozen=True)
class Pass:
    """Bytes of array data of one call.

    Attributes:
        peak: the most alive at once.
        held: alive while what the call returned is held.
        dropped: alive when that, and what ``setup`` made, is dropped.
        cycle: those of them that a collection freed.
        objects: the number of Python objects that it freed.
        types: how many of them there were of each type, by name.
        leaked: bytes that are alive even after it, in a cache or in what was there before.
    """

    peak: int
    held: int
    dropped: int
    cycle: int
    objects: int
    types: dict[str, int]
    leaked: int


def measure(call: Call) -> list[Pass]:
    """Call a few times, the collector off, and return what each time allocated.

    The collector and tracemalloc are as before afterwards, whatever the call raises.

    Raises:
        UnavailableError: array data cannot be counted here; nothing was called.
        DisturbedError: the call stopped tracemalloc.
    """
    with counting():
        pass  # now, before anything is called for nothing
    with debugging_off():
        return [_once(call) for _ in range(PASSES)]


def _once(call: Call) -> Pass:
    args, kwargs = call.arguments()
    with collector_off(), counting() as count:
        result = call.target(*args, **kwargs)
        peak, held = count.peak, count.live
        if not tracemalloc.is_tracing():
            raise DisturbedError("the call stopped tracemalloc, so its bytes are not known")
        if call.teardown is not None:
            call.teardown(*args, **kwargs)
        del result, args, kwargs
        dropped = count.live
        types = sweep()
        leaked = count.live
    # What a finalizer or the teardown allocates and keeps is no part of the call; but a peak
    # is never less than what is left.
    return Pass(
        peak=max(peak, dropped, leaked),
        held=held,
        dropped=max(dropped, leaked),
        cycle=max(dropped - leaked, 0),
        objects=types.total(),
        types=dict(sorted(types.items())),
        leaked=leaked,
    )
