"""The timeline and the lines of one block: two meters that share one count of array data.

Each of them reads the most bytes alive since its own last event, and starts a new peak there.
tracemalloc keeps one peak, so what the other's events cut off is kept here.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import get_ident
from tracemalloc import get_traced_memory, reset_peak

from gradmeter.bench.meters.allocations import Count, counting
from gradmeter.bench.meters.line_events import Watches, listening
from gradmeter.bench.meters.line_windows import Window
from gradmeter.bench.meters.lines import FRAMES, Recorder
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.meters.timeline import refuse_unavailable
from gradmeter.bench.meters.watch import Watch
from gradmeter.bench.results.lines import Lines
from gradmeter.engine.observer import observe


class _SharedRecorder(Recorder):
    """A recorder of lines that remembers the peak for the timeline, too.

    Attributes:
        most: the most bytes alive at its events since the timeline's last one.
    """

    def __init__(self, count: Count) -> None:
        super().__init__(count)
        self.most = 0

    def _count_interval(
        self, stack: list[Window], window: Window | None, live: int, peak: int
    ) -> None:
        self.most = max(self.most, peak)
        super()._count_interval(stack, window, live, peak)

    def split(self) -> None:
        """Count the interval until now; the line that runs goes on."""
        live, peak = get_traced_memory()
        reset_peak()
        if not self._stopped:
            stack = self._stacks.get(get_ident(), [])
            window = stack[-1] if stack else None
            self._count_interval(stack, window, self.counted(live), self.counted(peak))


class _SharedCount(Count):
    """The timeline's count, beside a recorder that starts new peaks as well."""

    def __init__(self, recorder: _SharedRecorder) -> None:
        super().__init__()
        self._recorder = recorder

    @property
    def peak(self) -> int:
        """The most bytes alive at once since the last `reset_peak` of this count."""
        return max(self._recorder.most, super().peak)

    def reset_peak(self) -> None:
        """Start a new peak; the recorder keeps what it has not read of the old one."""
        self._recorder.split()
        self._recorder.most = 0


@dataclass
class Watched:
    """What watches a block.

    Attributes:
        watch: records the engine's operations.
        recorder: records the lines.
        count: of array data.
        problem: says why lines are missing by now; empty where none are.
    """

    watch: Watch
    recorder: Recorder
    count: Count
    problem: Callable[[], str]

    def stop(self) -> None:
        """End both records."""
        self.recorder.stop()
        self.watch.stop()

    def reading(self) -> Lines:
        """The reading of the stopped recorder, while its events are listened to."""
        stopped = "" if tracemalloc.is_tracing() else "the program stopped tracemalloc"
        self.recorder.problem = self.recorder.problem or stopped or self.problem()
        return self.recorder.reading()


@contextmanager
def watching(watches: Watches) -> Iterator[Watched]:
    """Trace the operations and the watched lines of the block, in all threads.

    Where another tracer is at work, lines are not recorded; the recorder's problem says so.

    Raises:
        UnavailableError: array data cannot be counted here.
        engine.ObserverError: the program made the trace fail.
    """
    refuse_unavailable()
    with counting(FRAMES) as count:
        recorder = _SharedRecorder(count)
        watched = Watched(Watch(_SharedCount(recorder)), recorder, count, str)
        try:
            with observe(watched.watch), ExitStack() as stack:
                try:
                    watched.problem = stack.enter_context(listening(recorder, watches)).problem
                except UnavailableError as problem:
                    recorder.problem = str(problem)
                yield watched
        finally:
            watched.stop()
