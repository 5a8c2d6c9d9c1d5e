"""Read a timeline by lines: its peak, and what is alive at it."""

from __future__ import annotations

from dataclasses import dataclass

from gradmeter.bench.results.lines import LineTimeline, Moment, Place

INSIDE = "that line itself"


@dataclass(frozen=True)
class Alive:
    """Bytes alive in a moment, and the line that made them; None for the running one itself."""

    place: Place | None
    bytes: int


def highest(timeline: LineTimeline) -> int | None:
    """The number of the first moment with the highest peak; None without any moment."""
    moments = timeline.moments
    return max(range(len(moments)), key=lambda i: moments[i].peak) if moments else None


def alive(timeline: LineTimeline, moment: Moment) -> list[Alive]:
    """What is alive in a moment, the largest part first, and last what its own line takes."""
    parts = [Alive(timeline.places[line], size) for line, size in moment.parts if size]
    parts.sort(key=lambda part: -part.bytes)
    taken = moment.peak - moment.before
    return [*parts, Alive(None, taken)] if taken > 0 else parts


def phase_text(moment: Moment) -> str:
    """Where in the program a moment is: "in the backward, "; empty where it has no phases."""
    words = {"inputs": "while inputs are made, ", "step": "in a step, "}
    return words.get(moment.phase, f"in the {moment.phase}, " if moment.phase else "")


def peak_origins(timeline: LineTimeline) -> list[tuple[Place, int]]:
    """The lines that made what is alive at the highest peak, and last its own."""
    number = highest(timeline)
    if number is None:
        return []
    moment = timeline.moments[number]
    own = Place("", 0, "outside of the lines watched")
    if moment.line is not None:
        own = timeline.places[moment.line]
    return [(part.place or own, part.bytes) for part in alive(timeline, moment)]
