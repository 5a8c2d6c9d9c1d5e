"""The exact figures of one run of a program, and the peak of each line in each of its phases.

Between two events of watched code, the most bytes alive belong to the line that was running: so
the peak of a phase is the largest of its lines' peaks, to the byte. Nothing else is kept, so that
a program can be measured at many sizes.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from threading import get_ident
from tracemalloc import get_traced_memory, reset_peak
from types import CodeType, FrameType

from gradmeter.bench.cases.program import END, Program
from gradmeter.bench.meters.allocations import counting
from gradmeter.bench.meters.cycles import collector_off, debugging_off, sweep
from gradmeter.bench.meters.file_names import FileNames
from gradmeter.bench.meters.line_events import Events, Watches, listening

FORWARD, BACKWARD = "forward", "backward"
OUTSIDE = {
    "inputs": "the workload's inputs",
    "step": "the step of gradient descent",
}  # what runs in a phase outside of watched lines
ELSEWHERE = "code that is neither the engine's nor the workload's"
TEXT = 40  # characters of a line's source, at most
Where = tuple[CodeType, int] | None  # a line; None outside of watched code


@dataclass(frozen=True)
class PhasePeaks:
    """The exact bytes of array data in one run of a program.

    Attributes:
        figures: peak, forward, backward, held, cycle, dropped and growth, by name: the last are
            the bytes alive when every name is dropped and after a collection, which each further
            run adds.
        places: for the first three, the peak of each line that ran, by where it is.
        problem: why lines are missing; empty where none are.
    """

    figures: Mapping[str, int]
    places: Mapping[str, Mapping[str, int]]
    problem: str = ""


class _Lines:
    """The peaks of lines in the phase that runs, as a listener of `listening`.

    Bytes are tracemalloc's, from which those from before the count are not taken yet: there is an
    event for each line, and few of them allocate.
    """

    def __init__(self) -> None:
        self._stacks: dict[int, list[tuple[CodeType, int]]] = {}
        self._peaks: dict[Where, int] = {}
        self._live = -1  # at the last event; in a new phase, what is there counts

    def enter(self, frame: FrameType) -> None:
        """A frame begins or goes on."""
        stack = self._tick()
        stack.append((frame.f_code, frame.f_lineno or frame.f_code.co_firstlineno))

    def line(self, frame: FrameType, number: int) -> None:
        """A line is about to run, so the one before it has ended."""
        stack = self._tick()
        code = frame.f_code
        if stack and stack[-1][0] is code:
            stack[-1] = (code, number)
        else:
            stack.append((code, number))

    def leave(self, frame: FrameType) -> None:
        """A frame is left."""
        stack, code = self._tick(), frame.f_code
        if stack and stack[-1][0] is code:
            stack.pop()
        elif any(known is code for known, _ in stack):
            while stack.pop()[0] is not code:  # an event is missing
                pass

    def instruction(self, frame: FrameType) -> None:
        """Nothing: instructions are part of their line."""

    def next_phase(self) -> dict[Where, int]:
        """Return the peaks of the phase that ends; those of the next one begin."""
        self._tick()
        peaks, self._peaks = self._peaks, {}
        self._live = -1
        return peaks

    def _tick(self) -> list[tuple[CodeType, int]]:
        """Count what was allocated since the last event; return the stack of this thread."""
        live, peak = get_traced_memory()
        try:
            stack = self._stacks[get_ident()]
        except KeyError:
            stack = self._stacks[get_ident()] = []
        if peak > self._live:  # or else the peak is another line's
            where = stack[-1] if stack else None
            if peak > self._peaks.get(where, -1):
                self._peaks[where] = peak
        if peak != live:
            reset_peak()
        self._live = live
        return stack


def measure(make: Callable[[], Program], watches: Watches | None = None) -> PhasePeaks:
    """Run a program once, to its end, and return its exact bytes.

    Args:
        watches: which code's lines are watched; None for figures alone.

    Raises:
        UnavailableError: array data cannot be counted here, or another tracer is at work.
    """
    by_phase: dict[str, dict[Where, int]] = {}
    with debugging_off(), collector_off(), counting() as count:
        lines, base = _Lines(), get_traced_memory()[0] - count.live
        problem = ""
        with listening(lines, watches) if watches else nullcontext() as events:
            phases = make()
            name = next(phases)
            while name != END:
                count.reset_peak()
                lines.next_phase()
                following = next(phases)
                known = by_phase.setdefault(name, {})
                for where, peak in lines.next_phase().items():
                    known[where] = max(known.get(where, 0), peak - base)
                name = following
            if isinstance(events, Events):
                problem = events.problem()
        held = count.live
        phases.close()
        dropped = count.live
        sweep()
        growth = count.live
    peaks = {name: max(known.values()) for name, known in by_phase.items()}
    figures = {
        "peak": max(peaks.values(), default=0),
        FORWARD: peaks.get(FORWARD, 0),
        BACKWARD: peaks.get(BACKWARD, 0),
        "held": held,
        "cycle": dropped - growth,
        "dropped": dropped,
        "growth": growth,
    }
    return PhasePeaks(figures, _places(by_phase) if watches and not problem else {}, problem)


def _places(by_phase: Mapping[str, Mapping[Where, int]]) -> dict[str, dict[str, int]]:
    """The peaks of lines by figure and by the text that says where a line is."""
    places: dict[str, dict[str, int]] = {"peak": {}, FORWARD: {}, BACKWARD: {}}
    files = FileNames()
    texts: dict[Where, str] = {}
    for phase, peaks in by_phase.items():
        for where, peak in peaks.items():
            if where is None:
                text = OUTSIDE.get(phase, ELSEWHERE)
            else:
                text = texts.get(where) or texts.setdefault(where, _text(*where, files))
            for figure in ("peak", phase):
                if figure in places:
                    places[figure][text] = max(places[figure].get(text, 0), peak)
    # A phase begins outside with what is alive, and of equal places the first is named: a line.
    return {
        figure: dict(sorted(known.items(), key=lambda place: place[0] == ELSEWHERE))
        for figure, known in places.items()
    }


def _text(code: CodeType, line: int, files: FileNames) -> str:
    """Where a line is, for people: file, number, function and what it says."""
    source = linecache.getline(code.co_filename, line).strip()
    shown = source if len(source) <= TEXT else f"{source[: TEXT - 3]}..."
    where = f"{files.of(code.co_filename)}:{line} {code.co_qualname}"
    return f"{where} `{shown}`" if shown else where
