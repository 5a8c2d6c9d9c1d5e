"""The timeline by lines: what is alive while each line runs, by the line that made it.

It needs nothing of the program, so it serves every engine and every script. Where a line
allocates or frees, the arrays alive are listed with the stack that made each: their bytes belong
to the innermost watched line of that stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gradmeter.bench.meters.allocations import Count, counting
from gradmeter.bench.meters.line_events import Watches, listening
from gradmeter.bench.meters.line_windows import Window
from gradmeter.bench.meters.lines import FRAMES, Recorder, traces
from gradmeter.bench.results.lines import LineTimeline, Moment, Place

MOST = 1000  # moments
LEAST = 1000  # what changes less than one part in so many of the peak until then is no moment


class TimelineRecorder(Recorder):
    """Records a moment of each line that allocates or frees, as a listener of `listening`.

    Args:
        phase: tells the phase of the program that runs.
        most: how many moments are kept, at most; of two neighbours, the one with the higher peak.
    """

    def __init__(
        self, count: Count, phase: Callable[[], str] = lambda: "", most: int = MOST
    ) -> None:
        super().__init__(count)
        self._phase, self._keep = phase, max(most, 2)
        self._moments: list[Moment] = []
        self._places: dict[tuple[str, int], Place] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        self._parts: list[tuple[int, int]] = []
        self._merged = 1
        self._top: Moment | None = None  # of those that are being merged into one
        self._waiting = 0
        self._level = self._highest = 0

    def _count_interval(
        self, stack: list[Window], window: Window | None, live: int, peak: int
    ) -> None:
        super()._count_interval(stack, window, live, peak)
        if self._stopped:
            return
        self._highest = max(self._highest, peak)
        least = self._highest // LEAST
        if peak - max(self._level, live) <= least and abs(live - self._level) <= least:
            return
        line = None
        if window is not None:
            line = self._number(Place(self.path(window.code), window.place, ""))
        self._add(Moment(line, self._phase(), peak, live, self._parts))
        self._parts, self._level = self._alive(), live

    def _add(self, moment: Moment) -> None:
        if self._top is None or moment.peak > self._top.peak:
            self._top = moment
        self._waiting += 1
        if self._waiting < self._merged:
            return
        self._end_moment()
        if len(self._moments) == 2 * (self._keep // 2):
            pairs = zip(self._moments[::2], self._moments[1::2], strict=True)
            self._moments = [max(pair, key=lambda m: m.peak) for pair in pairs]
            self._merged *= 2

    def _end_moment(self) -> None:
        if self._top is not None:
            self._moments.append(self._top)
        self._top, self._waiting = None, 0

    def _alive(self) -> list[tuple[int, int]]:
        return sorted((self._number(o.place), o.bytes) for o in self.origins(traces()))

    def _number(self, place: Place) -> int:
        """The number of a line, whose functions may be more later on."""
        key = place.file, place.line
        self._places[key] = place
        return self._numbers.setdefault(key, len(self._numbers))

    def _known(self, path: str, line: int) -> Place:
        """A line with all functions that were seen there; as it was found if it is not watched."""
        watched = path in self.paths.values()
        return self.place(path, line) if watched else self._places[path, line]

    def settle(self) -> None:
        """End the interval that runs: what comes is of another phase."""
        self._tick()

    def timeline(self) -> LineTimeline:
        """The timeline of a stopped count."""
        self._end_moment()
        return LineTimeline(
            places=[self._known(*key) for key in self._numbers],
            moments=self._moments,
            peak=self._highest,
            held=self._live,
            merged=self._merged,
            problem=self.problem,
        )


@contextmanager
def tracing_lines(
    watches: Watches, phase: Callable[[], str] = lambda: "", most: int = MOST
) -> Iterator[TimelineRecorder]:
    """Record the timeline of the block by lines, until it ends.

    Raises:
        UnavailableError: array data cannot be counted here, or another tracer is at work.
    """
    with counting(FRAMES) as count:
        recorder = TimelineRecorder(count, phase, most)
        with listening(recorder, watches) as events:
            try:
                yield recorder
            finally:
                recorder.stop()
                recorder.problem = recorder.problem or events.problem()
