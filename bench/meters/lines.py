"""The line meter: the exact bytes of array data of every line of a program.

Between two events of watched code (a line is reached, a frame begins or is left), the meter
reads the bytes alive and the most bytes alive in that interval: what was allocated in it belongs
to the line that was running, to the byte and the same in every run. A line that calls a function
includes what that does; if the function is watched, its own lines have their figures, too.

The bytes are those of the whole process: with several threads, what one allocates while a line of
another runs counts in that line's peak, and in the increment of the line whose event comes next.
"""

from __future__ import annotations

import linecache
import tracemalloc
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from tracemalloc import get_traced_memory, reset_peak
from types import CodeType, FrameType
from typing import Any

from gradmeter.bench.meters.allocations import Count, counting
from gradmeter.bench.meters.line_events import Events, Watches, listening
from gradmeter.bench.meters.line_windows import Record, Window
from gradmeter.bench.meters.watched_files import path_of
from gradmeter.bench.results.lines import Line, Lines, Origin, Peak, Place

FRAMES = 64  # of the stack that each array remembers, to find the watched line in it
LOGGED = 1_000_000  # events whose line and bytes are kept, 12 bytes each, to compare two runs
# Frames of their own until Python 3.12; a hit of their line is one, however often they go round.
_COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")
_OUTSIDE = -1  # the number of no line: before the first event of watched code


Traces = list[tuple[int, Any]]  # bytes and traceback of each array alive


class Recorder:
    """Counts the bytes of lines, as a listener of `listening`.

    Attributes:
        line_log, live_log: of each of the first `LOGGED` events, the line that was running before
            it, by number in the order of appearance, and the bytes alive.
        numbered: the file and line of each such number.
        paths: of watched files, by the name that their code gives.
        events: how many there were.
        problem: why bytes or lines are missing; empty where none are.
    """

    def __init__(self, count: Count) -> None:
        self.numbered: list[tuple[str, int]] = []
        self.line_log, self.live_log = array("i"), array("q")
        self.events = 0
        self._counts = count.tally is not None
        self._tally = count.tally.words if count.tally is not None else (0, 0)
        self._calls, self._allocated = self._tally
        self._files: dict[str, dict[int, Record]] = {}
        self._by_code: dict[CodeType, dict[int, Record]] = {}
        self.paths: dict[str, str] = {}
        self._stacks: dict[int, list[Window]] = {}
        self._live = self._outside = 0
        self._peak: tuple[int, int, int, int, list[tuple[Window, int]]] = (0, 0, 0, 0, [])
        self.problem = ""
        self._ended = self._stopped = False
        self._ending: list[Origin] = []
        count.reset_peak()
        self._base = get_traced_memory()[0] - count.live

    def enter(self, frame: FrameType) -> None:
        """A frame begins or goes on: the bytes until its next line are its last line's."""
        stack = self._tick()
        if self._stopped:
            return
        code = frame.f_code
        window = Window(code, self._records(code))
        stack.append(window)
        self._open(window, frame.f_lineno or code.co_firstlineno, 0)

    def line(self, frame: FrameType, number: int) -> None:
        """A line is about to run, so the one before it in its frame has ended."""
        stack = self._tick()
        if self._stopped:
            return
        if stack and stack[-1].code is frame.f_code:
            window = stack[-1]
            self._close(window)
        else:  # the frame was running before the meter was
            window = Window(frame.f_code, self._records(frame.f_code))
            stack.append(window)
        self._open(window, number, 1)

    def leave(self, frame: FrameType) -> None:
        """A frame is left: its peak is also that of the line that called it."""
        stack = self._tick()
        if self._stopped:
            return
        code = frame.f_code
        for window in stack:
            if window.code is code:
                while self._pop(stack).code is not code:  # an event is missing
                    pass
                return

    def instruction(self, frame: FrameType) -> None:
        """Nothing: instructions are part of their line."""

    def stop(self) -> None:
        """End the count; what is running has ended."""
        if not self._ended:
            self._tick()
            self._ended = self._stopped = True
            self._ending = self.origins(traces()) if tracemalloc.is_tracing() else []
            for stack in self._stacks.values():
                while stack:
                    self._pop(stack)

    def running(self) -> list[Window]:
        """The windows of this thread, the innermost last."""
        return self._stacks.get(get_ident(), [])

    def counted(self, traced: int) -> int:
        """What a figure of tracemalloc's is without the bytes from before the count."""
        return traced - self._base

    def _tick(self) -> list[Window]:
        """Count the interval that ends now; return the stack of this thread."""
        live, peak = get_traced_memory()
        if peak != live:
            reset_peak()
        try:
            stack = self._stacks[get_ident()]
        except KeyError:
            stack = self._stacks[get_ident()] = []
        if self._stopped:
            return stack
        live -= self._base
        window = stack[-1] if stack else None
        calls = self._tally[0]
        if calls != self._calls:
            self._count_allocations(window, calls)
        if live != self._live or peak != live + self._base:
            self._count_interval(stack, window, live, peak - self._base)
        if self.events < LOGGED:
            self.line_log.append(_OUTSIDE if window is None else window.record.number)
            self.live_log.append(live)
        self.events += 1
        return stack

    def _count_allocations(self, window: Window | None, calls: int) -> None:
        allocated = self._tally[1]
        if window is not None:
            window.record.calls += calls - self._calls
            window.record.allocated += allocated - self._allocated
        self._calls, self._allocated = calls, allocated

    def _count_interval(
        self, stack: list[Window], window: Window | None, live: int, peak: int
    ) -> None:
        """Count an interval in which something was allocated or freed."""
        if live + self._base == 0 and not tracemalloc.is_tracing():
            self.problem = (
                "the program stopped tracemalloc, so bytes were not counted from there on"
            )
            self._stopped = True
            return
        if peak > self._peak[0]:
            above = [(each, each.place) for each in stack]
            self._peak = (peak, self._live, self.events, window.hit if window else 0, above)
        for other in self._stacks.values():
            if other and peak > other[-1].peak:
                other[-1].peak = peak
        if window is None:
            self._outside += live - self._live
        else:
            window.record.own += live - self._live
        self._live = live

    def _records(self, code: CodeType) -> dict[int, Record]:
        records = self._by_code.get(code)
        if records is None:
            records = self._by_code[code] = self._files.setdefault(self.path(code), {})
        return records

    def path(self, code: CodeType) -> str:
        """The path of watched code, as it was when the code was first seen."""
        return self.paths.setdefault(code.co_filename, path_of(code.co_filename))

    def _open(self, window: Window, number: int, hit: int) -> None:
        record = window.records.get(number)
        if record is None:
            record = window.records[number] = Record(len(self.numbered))
            self.numbered.append((self.path(window.code), number))
        name = window.code.co_qualname
        if name not in record.functions:
            record.functions[name] = None
        window.record, window.place = record, number
        window.outermost = record.open == 0
        if record.open == 0 or name.rpartition(".")[2] not in _COMPREHENSIONS:
            record.hits += hit
        record.open += 1
        window.hit = record.hits
        window.before = window.peak = self._live

    def _pop(self, stack: list[Window]) -> Window:
        window = stack.pop()
        self._close(window)
        if stack and window.most > stack[-1].peak:
            stack[-1].peak = window.most
        return window

    def _close(self, window: Window) -> None:
        record = window.record
        record.open -= 1
        if window.peak > window.most:
            window.most = window.peak
        if window.outermost:
            record.increment += self._live - window.before
        if window.peak > record.peak:
            record.peak, record.before = window.peak, window.before
        elif window.peak == record.peak and window.before < record.before:
            record.before = window.before

    def place(self, path: str, number: int, function: str = "") -> Place:
        """A line as a place; without ``function``, in the functions that were seen there."""
        record = self._files.get(path, {}).get(number)
        names = list(record.functions) if record and not function else [function]
        names = [n for n in names if n.rpartition(".")[2] not in _COMPREHENSIONS] or names
        return Place(path, number, ", ".join(names), self._text(path, number))

    def _text(self, path: str, number: int) -> str:
        return linecache.getline(path, number).strip()

    def lines(self) -> list[Line]:
        """The lines that were reached, by file and number."""
        return [
            Line(
                place=self.place(path, number),
                hits=record.hits,
                peak=record.peak,
                before=record.before,
                increment=record.increment,
                own=record.own,
                number=record.calls if self._counts else None,
                allocated=record.allocated if self._counts else None,
            )
            for path, records in sorted(self._files.items())
            for number, record in sorted(records.items())
        ]

    def peak(self) -> Peak:
        """The most bytes alive at once."""
        most, before, interval, hit, stack = self._peak
        places = [
            self.place(self.path(window.code), number, window.code.co_qualname)
            for window, number in stack
        ]
        return Peak(bytes=most, before=before, interval=interval, hit=hit, stack=places)

    def origins(self, traces: Traces) -> list[Origin]:
        """The lines that made arrays, those with most bytes first."""
        counts: Counter[tuple[Place, bool]] = Counter()
        sizes: Counter[tuple[Place, bool]] = Counter()
        for size, traceback in traces:
            place = self._origin(traceback)
            counts[place] += 1
            sizes[place] += size
        origins = [
            Origin(place=place, count=counts[place, watched], bytes=size, watched=watched)
            for (place, watched), size in sizes.items()
        ]
        return sorted(origins, key=lambda o: (-o.bytes, o.place.file, o.place.line))

    def _origin(self, traceback: Any) -> tuple[Place, bool]:
        """The innermost watched line of a stack, or else its innermost line."""
        for frame in reversed(traceback):
            path = self.paths.get(frame.filename)
            if path is not None:
                return self.place(path, frame.lineno), True
        last = traceback[-1]
        text = linecache.getline(last.filename, last.lineno).strip()
        return Place(last.filename, last.lineno, "", text), False

    def reading(self) -> Lines:
        """The reading of a stopped count."""
        return Lines(
            lines=self.lines(),
            peak=self.peak(),
            held=self._live,
            outside=self._outside,
            events=self.events,
            threads=len(self._stacks),
            problem=self.problem,
            ending=tuple(self._ending),
        )


def traces() -> Traces:
    """The bytes and the traceback of each array that is alive."""
    return [(trace.size, trace.traceback) for trace in tracemalloc.take_snapshot().traces]


@contextmanager
def recording(watches: Watches) -> Iterator[tuple[Recorder, Events]]:
    """Count the bytes of the watched lines of the block, until it ends.

    Raises:
        UnavailableError: array data cannot be counted here, or another tracer is at work.
    """
    with counting(FRAMES) as count:
        recorder = Recorder(count)
        with listening(recorder, watches) as events:
            try:
                yield recorder, events
            finally:
                recorder.stop()
                recorder.problem = recorder.problem or events.problem()
