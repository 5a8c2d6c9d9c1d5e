"""Compare two readings of lines: which lines account for a difference of the peak or of held.

The readings are of the line meter, what a baseline keeps of one, or timelines by lines.

Lines are the same if function and source text are, so that lines that moved are no changes. Nor
are those that were only written anew: where one line of a function has as many bytes less as
another of it has more, neither is listed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gradmeter.bench.lines import timeline
from gradmeter.bench.results.lines import (
    OTHERS,
    FewLines,
    Lines,
    LineTimeline,
    Place,
    peak_origins,
)

Key = tuple[str, str]
Reading = Lines | FewLines | LineTimeline


@dataclass(frozen=True)
class Difference:
    """The bytes of a line that has more, or less, in the second reading.

    Attributes:
        place: where it is in the second reading; in the first where only that has it.
        before, after: its bytes in the first reading and in the second; never the same.
    """

    place: Place
    before: int
    after: int

    @property
    def bytes(self) -> int:
        """Second less first."""
        return self.after - self.before


def differences(first: Reading, second: Reading, figure: str = "peak") -> list[Difference]:
    """The lines whose arrays differ, the largest difference first.

    They add up to the difference of the figure. Empty where the lines of a peak are not known.

    Args:
        figure: "peak" or "held"; of timelines, "peak".
    """
    one, two = _by_line(first, figure), _by_line(second, figure)
    if one is None or two is None:
        return []
    before, after = _comparable(one, two), _comparable(two, one)
    places = {_OTHERS: OTHERS, **one.places, **two.places}
    found = [
        Difference(places[key], before[key], after[key])
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


_OTHERS: Key = (OTHERS.function, OTHERS.text)


@dataclass(frozen=True)
class _Side:
    """The bytes of a figure by line, and where each line is.

    Attributes:
        unnamed: the most bytes that a line can have which is not named; 0 where all are.
    """

    sizes: Counter[Key]
    places: dict[Key, Place]
    unnamed: int


def _by_line(reading: Reading, figure: str) -> _Side | None:
    """The bytes of a figure by line; None where the lines of a peak are not known."""
    if isinstance(reading, FewLines):
        origins = reading.origins(figure)
    elif isinstance(reading, LineTimeline):
        origins = timeline.peak_origins(reading)
    elif figure == "held":
        origins = [(origin.place, origin.bytes) for origin in reading.ending]
    else:
        origins = peak_origins(reading)
    unexplained = isinstance(reading, FewLines) or (
        isinstance(reading, Lines) and bool(reading.peak.bytes)
    )
    if not origins and figure == "peak" and unexplained:
        return None
    side = _Side(Counter(), {}, _unnamed(origins))
    for place, size in origins:
        key = (place.function, place.text)
        side.sizes[key] += size
        side.places.setdefault(key, place)
    return side


def _unnamed(origins: list[tuple[Place, int]]) -> int:
    """The most bytes of a line that is one of the others: they come after all larger ones."""
    for number, (place, size) in enumerate(origins):
        if place == OTHERS:
            return min(size, origins[number - 1][1]) if number else size
    return 0


def _comparable(side: _Side, other: _Side) -> Counter[Key]:
    """The bytes by line, where what may be among the other side's others is among one's own."""
    sizes = Counter(side.sizes)
    for key, size in side.sizes.items():
        if key not in other.sizes and key != _OTHERS and size <= other.unnamed:
            sizes[_OTHERS] += sizes.pop(key)
    return sizes
