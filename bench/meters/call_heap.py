"""The heap meter of calls: every byte that one call of any function takes, with memray.

Python's objects are seen one by one, and so is what any library takes from the C library or from
the system. Each reading has a tracker of its own, which takes a little for itself; that is read
with a block of known size, and subtracted.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable

from gradmeter.bench.meters.allocations import PASSES
from gradmeter.bench.meters.call import Call, Taken, call_and_drop
from gradmeter.bench.meters.cycles import callbacks_off, collector_off, debugging_off

_BYTE = b"x"
_FIRST = 5  # calls: Python changes its byte code while it runs the first few times


def measure(call: Call, times: int = PASSES) -> list[Taken]:
    """Call a few times with the collector off, more often before that; return what each took.

    Raises:
        ImportError: memray is not installed.
    """
    size = sys.getsizeof(_block())
    with debugging_off(), callbacks_off(), collector_off():
        # memray allocates memory of its own on first use.
        block = [_once(Call(_block)) for _ in range(2)][-1]
        for _ in range(_FIRST):
            call_and_drop(call)
        passes = [_once(call) for _ in range(1 + times)][1:]
    return [
        Taken(
            peak=max(each.peak - (block.peak - size), 0),
            held=max(each.held - (block.held - size), 0),
            number=max(each.number - (block.number - 1), 0),
            allocated=max(each.allocated - (block.allocated - size), 0),
        )
        for each in passes
    ]


def kept(call: Call, times: int) -> int:
    """Read the bytes that are alive after so many calls in a row, each dropped.

    It takes a process of its own: that of another number of calls starts from the same state.

    Raises:
        ImportError: memray is not installed.
    """
    with debugging_off(), callbacks_off(), collector_off():
        call_and_drop(call)
        return _tracked(lambda: _repeat(call, times)).held


def _block() -> bytes:
    return _BYTE * 2**20


def _repeat(call: Call, times: int) -> None:
    for _ in range(times):
        call_and_drop(call)
        gc.collect()


def _once(call: Call) -> Taken:
    args, kwargs = call.arguments()
    args, target = tuple(args), call.target
    reading = _tracked(lambda: target(*args, **kwargs) if kwargs else target(*args))
    if call.teardown is not None:
        call.teardown(*args, **kwargs)
    return reading


def _tracked(function: Callable[[], object]) -> Taken:
    """Call a function under a tracker; collect, and return what is alive with its result."""
    import memray
    from memray._memray import compute_statistics  # as memray's own command stats does

    file = os.memfd_create("heap")  # a forked process of a test writes no file that is seen
    path = f"/proc/self/fd/{file}"
    try:
        destination = memray.FileDestination(path, overwrite=True, compress_on_exit=False)
        with memray.Tracker(destination=destination, trace_python_allocators=True):
            gc.collect()  # gives up what Python keeps for reuse, so that it is taken anew
            result = function()
            gc.collect()
        del result
        with memray.FileReader(path) as reader:
            peak = sum(r.size for r in reader.get_high_watermark_allocation_records())
            held = sum(r.size for r in reader.get_leaked_allocation_records())
        total = compute_statistics(path)
    finally:
        os.close(file)
    return Taken(peak, held, total.total_num_allocations, total.total_memory_allocated)
