"""The allocation meter: the exact bytes of array data that are alive, and their peak.

NumPy reports each block of array data that it allocates or frees to tracemalloc. By itself,
tracemalloc would count Python's own objects too, whose sizes differ from one Python version
to the next. So the meter starts tracemalloc and then restores Python's allocators: from
there on, tracemalloc counts array data and nothing else, to the byte, in any Python
version, and no Python code runs at an allocation.

Not counted, because NumPy does not report it: scratch memory that native code allocates for
itself (FFT, linear algebra). Views are free.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from gradmeter.bench.cases.program import END, Program
from gradmeter.bench.meters import array_reports, python_allocators
from gradmeter.bench.meters.machine_code import Tally, UnsupportedError
from gradmeter.bench.meters.python_allocators import UnavailableError

PASSES = 3  # reports call a figure deterministic if these agree


class Count:
    """Array data allocated since the block of `counting` was entered.

    Attributes:
        tally: of every block, freed or not; None where they cannot be counted.
    """

    def __init__(self, tally: Tally | None = None) -> None:
        self._before = tracemalloc.get_traced_memory()[0]
        self.tally = tally

    @property
    def number(self) -> int | None:
        """The number of blocks that were allocated; None where they cannot be counted."""
        return None if self.tally is None else self.tally.calls

    @property
    def allocated(self) -> int | None:
        """The bytes of all blocks that were allocated; None where they cannot be counted."""
        return None if self.tally is None else self.tally.bytes

    @property
    def live(self) -> int:
        """Bytes alive now."""
        return tracemalloc.get_traced_memory()[0] - self._before

    @property
    def peak(self) -> int:
        """The most bytes alive at once since the start or the last `reset_peak`."""
        return tracemalloc.get_traced_memory()[1] - self._before

    def reset_peak(self) -> None:
        """Start a new peak from what is alive now."""
        tracemalloc.reset_peak()


@contextmanager
def counting(frames: int = 1) -> Iterator[Count]:
    """Count array data inside the block.

    Args:
        frames: how much of its stack tracemalloc keeps for each array.

    Raises:
        UnavailableError: tracemalloc is tracing already, or this is not CPython.
    """
    if tracemalloc.is_tracing():
        raise UnavailableError("tracemalloc is tracing already; the meter needs it for itself")
    allocators = python_allocators.read()
    with ExitStack() as stack:
        tally: Tally | None = None
        with suppress(UnsupportedError):
            tally = stack.enter_context(array_reports.counted())
        tracemalloc.start(frames)
        stack.callback(tracemalloc.stop)
        # tracemalloc's hooks add nothing to a block, so a block that was allocated with them
        # may be freed without them, and the reverse.
        for domain, allocator in enumerate(allocators):
            python_allocators.replace(domain, allocator)
        tracemalloc.clear_traces()
        yield Count(tally)


@dataclass(frozen=True)
class Allocations:
    """Bytes of array data in one run of a program, its inputs included.

    Attributes:
        forward, backward: the most alive during that phase (0 without such a phase).
        peak: the most alive during the whole run.
        held: alive at the end, while inputs and result are held.
        number: how many blocks were allocated; None where they cannot be counted.
        allocated: the bytes of all of them, also of those that were freed.
    """

    forward: int
    backward: int
    peak: int
    held: int
    number: int | None = None
    allocated: int | None = None


def measure(make: Callable[[], Program]) -> Allocations:
    """Run a program once and return the bytes that it allocates, phase by phase."""
    with counting() as count:
        peaks: dict[str, int] = {}
        phases = make()
        name = next(phases)
        peaks["start"] = count.peak
        while name != END:
            count.reset_peak()
            following = next(phases)
            peaks[name] = max(peaks.get(name, 0), count.peak)
            name = following
        held, number, allocated = count.live, count.number, count.allocated
        phases.close()
    return Allocations(
        forward=peaks.get("forward", 0),
        backward=peaks.get("backward", 0),
        peak=max(peaks.values(), default=0),
        held=held,
        number=number,
        allocated=allocated,
    )
