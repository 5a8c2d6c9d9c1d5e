"""The readings of the line meter: raw integers by source line; see meters/lines.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from gradmeter.bench.results.readings import Count, Number, Value

changed = msgspec.structs.replace


class Place(Value, frozen=True):
    """A line of a file, in a function; ``function`` is "<module>" outside of functions.

    ``text`` is its source, without indentation; empty where there is none. Without a file,
    ``function`` says what it is: "the workload's inputs".
    """

    file: str
    line: Count
    function: str
    text: str = ""


class Source(Value, frozen=True):
    """The source text of a function, from its first line on; no lines where there is none."""

    file: str
    first: Count
    lines: tuple[str, ...]


class Line(Value, frozen=True, kw_only=True):
    """The bytes of one line, over all its hits.

    ``hits`` is how often it was reached, 0 for a line that only went on, as a generator's does.
    ``peak`` is the most bytes alive in the process while it ran, ``before`` those alive when it
    began, at the hit with that peak. ``increment`` are the bytes that it left alive, less those
    that it freed, with the functions that it called; a recursive call counts in its outermost
    line. ``own`` is the part of ``increment`` that no watched function called from it accounts
    for: those of all lines and ``Lines.outside`` add up to what the program holds. ``number`` and
    ``allocated`` are the blocks that it allocated itself, freed or not, and their bytes; None where
    they cannot be counted.
    """

    place: Place
    hits: Count
    peak: Count
    before: Count
    increment: Number
    own: Number
    number: Count | None = None
    allocated: Count | None = None


class Peak(Value, frozen=True, kw_only=True):
    """The most bytes alive at once, and when.

    ``before`` are those alive at the last event before it, ``interval`` the number of events
    until then, ``hit`` which hit of its line it was in, from 1. ``stack`` are the watched lines
    that were running, the innermost last; empty outside of them.
    """

    bytes: Count
    before: Count
    interval: Count
    hit: Count
    stack: list[Place]


class Origin(Value, frozen=True, kw_only=True):
    """Arrays that one line made: their number, and their bytes together.

    ``watched`` is whether the line is one of the watched files; else no watched line was on the
    stack when they were made.
    """

    place: Place
    count: Count
    bytes: Count
    watched: bool


class Step(Value, frozen=True, kw_only=True):
    """What one instruction of the peak's line changed; ``text`` is the expression it computes."""

    text: str
    bytes: Number


class Explanation(Value, frozen=True, kw_only=True):
    """What a peak consists of, from a second run of the program.

    ``alive`` are the arrays alive when the instruction began that the peak is in, the largest
    first; ``taken`` is what it allocated itself up to the peak, and ``instruction`` its source.
    ``steps`` are the instructions of the line before it that changed what is alive, in order.
    ``problem`` says how the second run differs from the first; there is no explanation then.
    """

    alive: list[Origin]
    steps: list[Step]
    instruction: str
    taken: Number
    problem: str = ""


class Holder(Value, frozen=True, kw_only=True):
    """The shortest chain of names and attributes that keeps an array alive.

    ``chain`` starts at a module or a running function; empty where only reference cycles hold
    the array. ``array`` says what it is, such as "float64 1000 x 1000".
    """

    array: str
    bytes: Count
    chain: str


class Moment(Value, frozen=True, array_like=True):
    """The bytes while one line ran, up to the next event of watched code.

    ``line`` and the first number of each of ``parts`` are indexes of `LineTimeline.places`;
    ``line`` is None outside of watched lines. ``peak`` is the most bytes alive in it; ``parts``
    are the bytes alive at the end of the moment before it, by the line that made them, and
    ``after`` those at its own end.
    ``phase`` is that of the program, such as "backward"; empty where it has none.
    """

    line: Count | None
    phase: str
    peak: Count
    after: Count
    parts: list[tuple[Count, Count]]

    @property
    def before(self) -> int:
        """The bytes alive when it began."""
        return sum(size for _, size in self.parts)


class LineTimeline(Value, frozen=True, kw_only=True):
    """What is alive when, by the lines that made it; see meters/line_timeline.py.

    ``merged`` is how many moments in a row one of ``moments`` stands for: the one with the
    highest peak of them. What changes less than a thousandth of the peak until then is no moment:
    so ``peak``, which is exact, may be as much above the highest of them. ``held`` are the bytes
    alive at the end.
    """

    places: list[Place]
    moments: list[Moment]
    peak: Count
    held: Count
    merged: Count = 1
    problem: str = ""

    def __post_init__(self) -> None:
        """Refuse lines that are none of its places."""
        lines = {m.line for m in self.moments if m.line is not None}
        lines |= {line for m in self.moments for line, _ in m.parts}
        if lines and max(lines) >= len(self.places):
            raise ValueError("a line of a moment is one of the places of its timeline")


class Lines(Value, frozen=True, kw_only=True):
    """The reading of the line meter.

    ``lines`` are those that were reached, by file and number. ``held`` are the bytes alive at the
    end, while the program's names are held, ``ending`` the lines that made them, and ``outside``
    the part of them that belongs to no watched line. ``threads`` is how many ran watched lines.
    ``problem`` says why lines may be missing. ``functions`` are those that the program chose with
    ``@gradmeter.profile``: ``lines`` are theirs alone, and the bytes of all others count in
    ``outside``.
    """

    lines: list[Line]
    peak: Peak
    held: Count
    outside: Number
    events: Count
    threads: Count
    problem: str = ""
    ending: tuple[Origin, ...] = ()
    explanation: Explanation | None = None
    holders: tuple[Holder, ...] = ()
    functions: tuple[str, ...] = ()


class HeapPeak(Value, frozen=True, kw_only=True):
    """The most bytes of the whole heap, or of Python's objects, that a program had at once.

    ``alive`` are the blocks alive then, by the line that took them, the largest sum first.
    """

    peak: Count
    alive: list[Origin]


FEW = 5  # lines of a peak that a baseline keeps


class FewLines(Value, frozen=True, kw_only=True, omit_defaults=True):
    """The lines that made most of what is alive at a peak, and at the end.

    ``places`` are those of lines: file, line, function and text, as of `Place`. ``peak`` and
    ``held`` are indexes of them and bytes, the largest first, then those of all other lines as
    one, and last what the peak's own line took; they add up to the figure. ``peak`` is empty
    where its lines are not known.
    """

    places: list[tuple[str, Count, str, str]]
    peak: tuple[tuple[Count, Number], ...] = ()
    held: tuple[tuple[Count, Number], ...] = ()

    def __post_init__(self) -> None:
        """Refuse lines that are none of its places."""
        if any(index >= len(self.places) for index, _ in (*self.peak, *self.held)):
            raise ValueError("a line of a peak is one of the places beside it")

    def origins(self, figure: str) -> list[tuple[Place, int]]:
        """The bytes of the lines of a figure, "peak" or "held"."""
        pairs = self.held if figure == "held" else self.peak
        return [(Place(*self.places[index]), size) for index, size in pairs]


def few(reading: Lines) -> FewLines:
    """The few lines of a reading that tell one peak from another."""
    places: dict[tuple[str, int, str, str], int] = {}

    def placed(origins: Iterable[tuple[Place, int]]) -> tuple[tuple[int, int], ...]:
        found = [((p.file, p.line, p.function, p.text), size) for p, size in origins]
        return tuple((places.setdefault(place, len(places)), size) for place, size in found)

    return FewLines(
        peak=placed(peak_origins(reading, FEW)),
        held=placed((o.place, o.bytes) for o in largest(reading.ending, FEW)),
        places=list(places),
    )


def peak_origins(reading: Lines, most: int | None = None) -> list[tuple[Place, int]]:
    """The lines that made what is alive at the peak, and last its own; empty if not known.

    Args:
        most: of the lines before its own; the others are one.
    """
    explanation = reading.explanation
    if explanation is None or explanation.problem:
        return []
    alive = explanation.alive if most is None else largest(explanation.alive, most)
    origins = [(origin.place, origin.bytes) for origin in alive]
    if explanation.taken:
        stack = reading.peak.stack
        own = stack[-1] if stack else Place("", 0, "", explanation.instruction)
        origins.append((own, explanation.taken))
    return origins


OTHERS = Place("", 0, "other lines")


def largest(origins: Sequence[Origin], most: int) -> list[Origin]:
    """The first of the lines that made arrays, which are the largest, and all others as one."""
    first, rest = list(origins[:most]), origins[most:]
    if rest:
        first.append(
            Origin(
                place=OTHERS,
                count=sum(origin.count for origin in rest),
                bytes=sum(origin.bytes for origin in rest),
                watched=False,
            )
        )
    return first


def with_places(reading: Lines, name: Callable[[Place], Place]) -> Lines:
    """The same reading with other places, as those of files that are named otherwise."""

    def origins(found: Iterable[Origin]) -> list[Origin]:
        return [changed(origin, place=name(origin.place)) for origin in found]

    explanation = reading.explanation
    if explanation is not None:
        explanation = changed(explanation, alive=origins(explanation.alive))
    return changed(
        reading,
        lines=[changed(line, place=name(line.place)) for line in reading.lines],
        peak=changed(reading.peak, stack=list(map(name, reading.peak.stack))),
        ending=tuple(origins(reading.ending)),
        explanation=explanation,
    )


def plain(reading: Lines | LineTimeline) -> dict[str, Any]:
    """A reading as the lists and dictionaries of JSON."""
    found: dict[str, Any] = msgspec.to_builtins(reading)
    return found
