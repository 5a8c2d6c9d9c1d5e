"""The meter of Python's own objects: exact in one version of Python, array data left out.

It is tracemalloc as it comes, but for NumPy's reports, which are withheld. Blocks are counted in
the domains of objects and of what objects own; what Python takes for itself, in the raw domain,
is among the bytes and not among the counted blocks, since a large block passes through both. What
Python keeps for reuse, as a few floats and tuples, is given up by the collection before each call.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import tracemalloc
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from gradmeter.bench.meters import array_reports, machine_code, python_allocators
from gradmeter.bench.meters.allocations import PASSES
from gradmeter.bench.meters.call import Call, Taken, call_and_drop
from gradmeter.bench.meters.cycles import callbacks_off, collector_off, debugging_off
from gradmeter.bench.meters.machine_code import Counted, Tally, UnsupportedError
from gradmeter.bench.meters.python_allocators import MEM, OBJ, Allocator, UnavailableError
from gradmeter.bench.results.growth import CALLS, FIRST, per_call

_TALLY = Tally()
_BYTE = b"x"
_SMALL = 256  # integers up to this one exist once
MOST = 9


def measure(call: Call, times: int = PASSES) -> list[Taken]:
    """Call a few times with the collector off, and return what each of the last calls took.

    The first call is not among them, nor are those before a few agree, up to `MOST` calls: Python
    changes its byte code while it runs the first few times, and some of that takes memory.

    Raises:
        UnavailableError: Python's objects cannot be counted here; nothing was called.
    """
    with debugging_off(), callbacks_off(), collector_off(), _counting() as tally:
        nothing, block = ([_once(Call(f), tally) for _ in range(2)][-1] for f in (_nothing, _block))
        passes = [_once(call, tally) for _ in range(1 + times)]
        while len(passes) < MOST and len(set(passes[-times:])) > 1:
            passes.append(_once(call, tally))
    # What one integer takes that a reading makes; see `_Raw`.
    integer = (block.allocated - nothing.allocated - sys.getsizeof(_block())) // block.integers
    return [
        Taken(
            peak=each.peak,
            held=max(each.held - nothing.held, 0),
            number=each.number - nothing.number - each.integers,
            allocated=each.allocated - nothing.allocated - each.integers * integer,
        )
        for each in passes[-times:]
    ]


def growth(call: Call) -> int:
    """Read the bytes that each further call leaves, after the first few; 0 for less.

    Raises:
        UnavailableError: Python's objects cannot be counted here; nothing was called.
    """
    levels = array("q", [0] * CALLS)
    with debugging_off(), callbacks_off(), collector_off(), _counting():
        call_and_drop(call)
        gc.collect()
        for number in range(CALLS):
            call_and_drop(call)
            gc.collect()
            levels[number] = tracemalloc.get_traced_memory()[0]
    return per_call(levels[-1] - levels[FIRST - 1])


def _nothing() -> None:
    pass


def _block() -> bytes:
    return _BYTE * 1000  # one block


@dataclass(frozen=True)
class _Raw:
    """A reading with what it took itself.

    Attributes:
        integers: how many it made, of those that do not exist anyhow.
    """

    peak: int
    held: int
    number: int
    allocated: int
    integers: int


@contextmanager
def _counting() -> Iterator[Tally]:
    if tracemalloc.is_tracing():
        raise UnavailableError("tracemalloc is tracing already; the meter needs it for itself")
    python_allocators.read()
    with ExitStack() as stack:
        try:
            stack.enter_context(array_reports.withheld())
            tracemalloc.start(1)
            stack.callback(tracemalloc.stop)  # which restores the allocators
            for domain in (MEM, OBJ):
                _count(domain)
        except UnsupportedError as problem:
            raise UnavailableError(f"Python's objects are not counted: {problem}") from None
        yield _TALLY


def _count(domain: int) -> None:
    allocator = python_allocators.read()[domain]
    malloc, calloc, realloc = machine_code.counting(
        _TALLY,
        (
            Counted(allocator.malloc, "second"),
            Counted(allocator.calloc, "product"),
            Counted(allocator.realloc, "third"),
        ),
    )
    counting = Allocator(allocator.ctx, malloc, calloc, realloc, allocator.free)
    python_allocators.replace(domain, counting)


def _once(call: Call, tally: Tally) -> _Raw:
    """Call once; nothing is allocated between the start of the count and the call.

    What reading the count takes is the same for a function that does nothing, but for integers.
    """
    args, kwargs = call.arguments()
    args, target = tuple(args), call.target
    counts, traced = (ctypes.c_uint64 * 4)(), array("q", [0, 0])
    before, after = ctypes.addressof(counts), ctypes.addressof(counts) + 16
    copy, tally_at = ctypes.memmove, tally.address
    gc.collect()
    copy(before, tally_at, 16)
    tracemalloc.clear_traces()
    result = target(*args, **kwargs) if kwargs else target(*args)
    traced[0], traced[1] = tracemalloc.get_traced_memory()
    copy(after, tally_at, 16)
    gc.collect()  # gives up what Python keeps for reuse
    held = tracemalloc.get_traced_memory()[0]
    if not tracemalloc.is_tracing():
        raise UnavailableError("the call stopped tracemalloc, so its objects are unknown")
    if call.teardown is not None:
        call.teardown(*args, **kwargs)
    del result
    return _Raw(
        peak=traced[1],
        held=held,
        number=counts[2] - counts[0],
        allocated=counts[3] - counts[1],
        integers=sum(value > _SMALL for value in traced),
    )
