"""Read a timeline by lines: its peak, what is alive at it, and how two of them differ."""

from __future__ import annotations

from collections import Counter
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


@dataclass(frozen=True)
class Difference:
    """The bytes that one line has at the peaks of two timelines."""

    place: Place
    first: int
    second: int


def differences(first: LineTimeline, second: LineTimeline) -> list[Difference]:
    """The lines whose arrays differ at the two peaks, the largest difference first.

    A line is the same where function and text are: it may have moved.
    """
    sizes = [_at_the_peak(first), _at_the_peak(second)]
    places = {**sizes[0][1], **sizes[1][1]}
    found = [
        Difference(place, sizes[0][0][key], sizes[1][0][key])
        for key, place in places.items()
        if sizes[0][0][key] != sizes[1][0][key]
    ]
    return sorted(found, key=lambda d: (-abs(d.second - d.first), d.place.file, d.place.line))


Key = tuple[str, str, str]


def _at_the_peak(timeline: LineTimeline) -> tuple[Counter[Key], dict[Key, Place]]:
    sizes: Counter[Key] = Counter()
    places: dict[Key, Place] = {}
    number = highest(timeline)
    for part in alive(timeline, timeline.moments[number]) if number is not None else ():
        place = part.place
        if place is None:
            line = timeline.moments[number or 0].line
            place = Place("", 0, "outside of the lines watched")
            place = timeline.places[line] if line is not None else place
        key = (place.file, place.function, place.text)
        sizes[key] += part.bytes
        places.setdefault(key, place)
    return sizes, places
