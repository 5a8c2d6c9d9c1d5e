"""The explanation of a peak that the line meter found: which arrays are alive there.

A program that does the same in every run is run a second time up to the last event before the
peak. From there on it is followed instruction by instruction, so that the arrays are listed that
are alive when the very instruction begins that allocates up to the peak.
"""

from __future__ import annotations

import json
import linecache
import tracemalloc
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import BinaryIO

from gradmeter.bench.meters.allocations import counting
from gradmeter.bench.meters.line_events import Events, Watches, listening
from gradmeter.bench.meters.lines import FRAMES, LOGGED, Recorder, Traces, traces
from gradmeter.bench.results.lines import Explanation, Peak, Step

_LONGEST = 60  # characters of an expression


class Log:
    """What a run logs of its events, to be compared with another run's.

    Attributes:
        numbered: the lines, by number in the order of appearance.
        lines: the number of the line that ran before each event.
        live: the bytes alive at each event.
    """

    def __init__(
        self, numbered: Sequence[tuple[str, int]], lines: array[int], live: array[int]
    ) -> None:
        self.numbered, self.lines, self.live = list(numbered), lines, live

    @classmethod
    def of(cls, recorder: Recorder) -> Log:
        """The log of a recorder."""
        return cls(recorder.numbered, recorder.line_log, recorder.live_log)

    def write(self, file: BinaryIO) -> None:
        """Write the log: a line of JSON, then both arrays."""
        file.write(json.dumps([len(self.lines), self.numbered]).encode() + b"\n")
        self.lines.tofile(file)
        self.live.tofile(file)

    @classmethod
    def read(cls, file: BinaryIO) -> Log:
        """Read what `write` wrote."""
        count, numbered = json.loads(file.readline())
        lines, live = array("i"), array("q")
        lines.fromfile(file, count)
        live.fromfile(file, count)
        return cls([(path, number) for path, number in numbered], lines, live)

    def entry(self, event: int) -> tuple[tuple[str, int] | None, int] | None:
        """The line before an event and the bytes alive at it; None if the run had fewer events."""
        if event >= len(self.lines):
            return None
        number = self.lines[event]
        return (self.numbered[number] if number >= 0 else None), self.live[event]


def parting(first: Log, second: Log, events: int) -> str:
    """Say where two runs part in their first events; empty where they do the same."""
    events = min(events, LOGGED)
    if (
        first.lines[:events] == second.lines[:events]
        and first.live[:events] == second.live[:events]
        and len(second.lines) >= events
        and first.numbered[: max(first.lines[:events], default=-1) + 1]
        == second.numbered[: max(second.lines[:events], default=-1) + 1]
    ):
        return ""
    for event in range(events):
        one, other = first.entry(event), second.entry(event)
        if one != other:
            return (
                "not the same from run to run: "
                f"{_told(one, 'the first run')}, {_told(other, 'the second')}"
            )
    return ""


def _told(entry: tuple[tuple[str, int] | None, int] | None, run: str) -> str:
    if entry is None:
        return f"{run} had ended there"
    place, live = entry
    where = f"after {place[0]}:{place[1]}" if place else "before the first line"
    return f"{run} had {live:,} B alive {where}"


class Explainer:
    """Follows a second run to a peak and explains it, as a listener of `line_events.listening`.

    Args:
        recorder: of this run, with `FRAMES` frames for each array.
        peak: what the first run found.
        first: the log of the first run.
        done: called with the explanation as soon as there is one; the run is not followed any
            further.
        prepare: called before the explanation is made, which reads source files.

    Attributes:
        events: set by the caller before the program runs.
    """

    events: Events

    def __init__(
        self,
        recorder: Recorder,
        peak: Peak,
        first: Log,
        done: Callable[[Explanation], None],
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self._prepare = prepare
        self._recorder, self._peak, self._first, self._done = recorder, peak, first, done
        self._frame: FrameType | None = None
        self._within = self._finished = False
        self._traces: Traces = []
        self._live = 0
        self._at = -1  # the instruction that runs, by its offset
        self._steps: list[Step] = []

    def start(self) -> None:
        """The program begins; the peak may be before its first event."""
        if not self._peak.bytes:
            self._finish("")
        self._begin(None)

    def enter(self, frame: FrameType) -> None:
        """As the recorder's; the interval of the peak may end or begin here."""
        self._end()
        self._recorder.enter(frame)
        self._begin(frame)

    def line(self, frame: FrameType, number: int) -> None:
        """As the recorder's; the interval of the peak may end or begin here."""
        self._end()
        self._recorder.line(frame, number)
        self._begin(frame)

    def leave(self, frame: FrameType) -> None:
        """As the recorder's; the interval of the peak may end or begin here."""
        self._end()
        self._recorder.leave(frame)
        self._begin(frame.f_back)

    def instruction(self, frame: FrameType) -> None:
        """An instruction begins; the peak may have been in the one before."""
        if self._within and frame is self._frame and not self._reached():
            live = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            if live != self._live:
                self._steps.append(Step(text=self._text(), bytes=live - self._live))
                self._traces, self._live = traces(), live
            self._at = frame.f_lasti

    def stop(self) -> None:
        """The program has ended."""
        self._end()
        self._recorder.stop()
        if not self._finished:
            self._finish(self._problem() or "not the same from run to run: the second was shorter")

    def _begin(self, frame: FrameType | None) -> None:
        if self._finished or self._recorder.events != self._peak.interval:
            return
        self._within = True
        running = self._recorder.running()
        if running:
            while frame is not None and frame.f_code is not running[-1].code:
                frame = frame.f_back
            if frame is not None:
                self._frame, self._at = frame, frame.f_lasti
                self.events.instructions_of(frame)
        self._traces, self._live = traces(), tracemalloc.get_traced_memory()[0]

    def _end(self) -> None:
        """An event comes: the interval of the peak, if this is it, has ended."""
        if self._within and not self._finished and not self._reached():
            self._finish(self._problem() or "not the same from run to run: the peak was lower")

    def _reached(self) -> bool:
        peak = self._recorder.counted(tracemalloc.get_traced_memory()[1])
        if peak != self._peak.bytes:
            return False
        self._finish(self._problem())
        return True

    def _problem(self) -> str:
        return parting(self._first, Log.of(self._recorder), self._peak.interval)

    def _finish(self, problem: str) -> None:
        self._finished, self._within = True, False
        self._prepare()
        if problem:
            explanation = Explanation(alive=[], steps=[], instruction="", taken=0, problem=problem)
        else:
            explanation = Explanation(
                alive=self._recorder.origins(self._traces),
                steps=self._steps,
                instruction=self._text(),
                taken=self._peak.bytes - self._recorder.counted(self._live),
            )
        self._traces, self._frame = [], None
        self.events.silence()
        self._done(explanation)

    def _text(self) -> str:
        """The source of the instruction that runs."""
        if self._frame is None or self._at < 0:
            return ""
        return expression(self._frame.f_code, self._at)


@contextmanager
def explaining(
    watches: Watches,
    peak: Peak,
    first: Log,
    done: Callable[[Explanation], None],
    prepare: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Explain the peak of a program that the block runs a second time; see `Explainer`."""
    with counting(FRAMES) as count:
        explainer = Explainer(Recorder(count), peak, first, done, prepare)
        with listening(explainer, watches) as explainer.events:
            explainer.start()
            yield
        explainer.stop()


def expression(code: CodeType, offset: int) -> str:
    """The source text that an instruction computes, on one line; empty where there is none."""
    positions = list(code.co_positions())
    index = offset // 2
    if index >= len(positions):
        return ""
    first, last, begin, end = positions[index]
    if first is None or last is None or begin is None or end is None:
        return ""
    lines = [linecache.getline(code.co_filename, n).encode() for n in range(first, last + 1)]
    if not all(lines):
        return ""
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    text = " ".join(b" ".join(lines).decode(errors="replace").split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
