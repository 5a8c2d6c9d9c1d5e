"""The lines of one call of any function, in this process, and what is alive at its peak.

One call is recorded; a second one, which does the same, explains the peak of the first.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from types import CodeType, FrameType
from typing import Any

import msgspec

from gradmeter.bench.meters.call import Call, DisturbedError
from gradmeter.bench.meters.cycles import collector_off
from gradmeter.bench.meters.line_events import Watches
from gradmeter.bench.meters.line_peak import Log, explaining
from gradmeter.bench.meters.lines import recording
from gradmeter.bench.results.lines import Explanation, Lines


def measure(call: Call, watches: Watches, *, explain: bool = True) -> Lines:
    """Call once with the collector off, and return the bytes of the watched lines.

    The code that is running already, around the call, is not watched. Where the call allocates
    anything while watched code runs, it is made a second time to explain the peak.

    Args:
        explain: whether to make it a second time.

    Raises:
        UnavailableError: array data cannot be counted here, or another tracer is at work.
        DisturbedError: the call stopped tracemalloc.
    """
    watches = but_running(watches)
    reading, log = record(call, watches)
    return explained(call, watches, reading, log) if explain else reading


def record(call: Call, watches: Watches) -> tuple[Lines, Log]:
    """Call once with the collector off; return the bytes of the watched lines, and their log.

    Raises:
        UnavailableError, DisturbedError: as `measure`.
    """
    args, kwargs = call.arguments()
    with collector_off(), recording(watches) as (recorder, _):
        result = call.target(*args, **kwargs)
        recorder.stop()
        if not tracemalloc.is_tracing():
            raise DisturbedError("the call stopped tracemalloc, so its bytes are unknown")
        if call.teardown is not None:
            call.teardown(*args, **kwargs)
        del result, args, kwargs
    gc.collect()
    return recorder.reading(), Log.of(recorder)


def explained(call: Call, watches: Watches, reading: Lines, log: Log) -> Lines:
    """Call once more, and add to a reading what is alive at its peak, if there is one.

    Args:
        log: of the call that was read, which did the same.
    """
    if not (reading.peak.bytes and reading.peak.interval) or reading.problem:
        return reading
    explanations: list[Explanation] = []
    args, kwargs = call.arguments()
    with collector_off(), explaining(watches, reading.peak, log, explanations.append):
        call.target(*args, **kwargs)
        if call.teardown is not None:
            call.teardown(*args, **kwargs)
    gc.collect()
    return msgspec.structs.replace(reading, explanation=explanations[0] if explanations else None)


def but_running(watches: Watches) -> Watches:
    """Watch the same, but for the code of this thread's functions that are running now."""
    running = set()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        running.add(frame.f_code)
        frame = frame.f_back

    def inner(code: CodeType, variables: dict[str, Any]) -> bool:
        return code not in running and watches(code, variables)

    return inner
