"""Measure the lines of a case: one run counts them, a second one in the same process explains."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from types import FrameType

from gradmeter.bench.cases import program
from gradmeter.bench.cases.program import END, Program
from gradmeter.bench.meters import holders
from gradmeter.bench.meters.cycles import collector_off
from gradmeter.bench.meters.file_names import FileNames
from gradmeter.bench.meters.line_events import Watches
from gradmeter.bench.meters.line_peak import Log, explaining
from gradmeter.bench.meters.line_timeline import tracing_lines
from gradmeter.bench.meters.lines import recording
from gradmeter.bench.results.lines import (
    Explanation,
    Holder,
    Lines,
    LineTimeline,
    Place,
    changed,
    with_places,
)

INPUTS = "the workload's inputs"


def measure(make: Callable[[], Program], watches: Watches) -> Lines:
    """Measure the lines of a program that has run before, and explain its peak.

    Raises:
        UnavailableError: array data cannot be counted here, or another tracer is at work.
    """
    with collector_off():
        with closing(make()) as phases, recording(watches) as (recorder, events):
            _to_the_end(phases)
            recorder.stop()
            problem = recorder.problem or events.problem()
            frame: FrameType = getattr(phases, "gi_frame")  # noqa: B009 (typeshed has it not)
            held = holders.find(frames=(frame,), alive=recorder.reading().held)
        explanations: list[Explanation] = []
        peak = recorder.peak()
        with explaining(watches, peak, Log.of(recorder), explanations.append):
            _run(make)
    reading, explanation = recorder.reading(), explanations[0]
    reading = changed(
        reading,
        problem=problem,
        explanation=explanation,
        holders=tuple(map(_of_the_program, held)),
    )
    return FileNames().lines(with_places(reading, _named))


def timeline(make: Callable[[], Program], watches: Watches, most: int) -> LineTimeline:
    """Record what is alive when in a program that has run before, by lines.

    Raises:
        UnavailableError: as `measure`.
    """
    phase = ""
    with collector_off(), closing(make()) as phases:
        with tracing_lines(watches, lambda: phase, most) as recorder:
            for following in phases:
                recorder.settle()
                phase = following
                if phase == END:
                    break
            recorder.stop()
        found = recorder.timeline()
    return FileNames().timeline(changed(found, places=list(map(_named, found.places))))


def _to_the_end(phases: Program) -> None:
    for phase in phases:
        if phase == END:
            return


def _run(make: Callable[[], Program]) -> None:
    with closing(make()) as phases:
        _to_the_end(phases)


def _named(place: Place) -> Place:
    """A place; of the harness's own line that copies inputs, what it makes."""
    return Place("", 0, INPUTS) if place.file == program.__file__ else place


def _of_the_program(holder: Holder) -> Holder:
    """A holder whose chain begins at the names of the program: ``result.creator``."""
    return changed(holder, chain=holder.chain.removeprefix("program()."))
