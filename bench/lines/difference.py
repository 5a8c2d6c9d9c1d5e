"""Compare two readings of lines: which lines account for a difference of the peak or of held.

Lines are the same if function and source text are, so that lines that moved are no changes. Nor
are those that were only written anew: where one line of a function has as many bytes less as
another of it has more, neither is listed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gradmeter.bench.lines import telling
from gradmeter.bench.results.lines import Lines, Origin, Place

Key = tuple[str, str]


@dataclass(frozen=True)
class Difference:
    """What one line has more, or less, in the second reading; never 0.

    Attributes:
        place: where it is in the second reading; in the first where only that has it.
        bytes: second less first.
    """

    place: Place
    bytes: int


def differences(first: Lines, second: Lines, figure: str) -> list[Difference]:
    """The lines whose arrays differ, the largest difference first.

    They add up to the difference of the figure. Empty where the lines of a peak are not known.

    Args:
        figure: "peak" or "held".
    """
    sides = [_by_line(reading, figure) for reading in (first, second)]
    if None in sides:
        return []
    (before, places), (after, newer) = sides  # type: ignore[misc]
    places = {**places, **newer}
    found = [
        Difference(places[key], after[key] - before[key])
        for key in places
        if after[key] != before[key]
    ]
    found = _without_rewritten(found)
    return sorted(found, key=lambda d: (-abs(d.bytes), d.place.file, d.place.line))


def _without_rewritten(found: list[Difference]) -> list[Difference]:
    """Leave out pairs of lines of one function whose differences are opposite."""
    left: list[Difference] = []
    for each in found:
        opposite = next(
            (
                other
                for other in left
                if other.bytes == -each.bytes and other.place.function == each.place.function
            ),
            None,
        )
        if opposite is None:
            left.append(each)
        else:
            left.remove(opposite)
    return left


def _by_line(reading: Lines, figure: str) -> tuple[Counter[Key], dict[Key, Place]] | None:
    """The bytes of each line, and where it is."""
    if figure == "held":
        origins: list[tuple[Place, int]] = [(o.place, o.bytes) for o in reading.ending]
    else:
        parts = telling.parts(reading)
        if not parts and reading.peak.bytes:
            return None
        origins = [_placed(part, reading) for part in parts]
    sizes: Counter[Key] = Counter()
    places: dict[Key, Place] = {}
    for place, size in origins:
        key = (place.function, place.text)
        sizes[key] += size
        places.setdefault(key, place)
    return sizes, places


def _placed(part: telling.Part, reading: Lines) -> tuple[Place, int]:
    """A part of a peak and the line that it belongs to."""
    origin: Origin | None = part.origin
    if origin is not None:
        return origin.place, part.bytes
    if reading.peak.stack:
        return reading.peak.stack[-1], part.bytes
    return Place("", 0, "", part.text), part.bytes
