"""Choose the lines of a reading that matter, and say what its peak consists of."""

from __future__ import annotations

from dataclasses import dataclass

from gradmeter.bench.results.lines import Line, Lines, Origin

WORTH = 0.01  # the fraction of the peak from which on a line's bytes matter
MOST = 20  # lines that are shown by default, of all files


@dataclass(frozen=True)
class FileLines:
    """The lines of one file that are shown, in order."""

    file: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Part:
    """A part of a peak.

    Attributes:
        origin: the arrays that a line made before; None for what the instruction took in which the
            peak is reached.
        text: that instruction's source, or the line's.
        bytes: how many.
    """

    origin: Origin | None
    text: str
    bytes: int


def taken(line: Line) -> int:
    """The most bytes that one hit of a line had alive beyond those before it."""
    return line.peak - line.before


def matters(line: Line, peak: int) -> bool:
    """Whether a line's bytes are worth a row."""
    least = WORTH * peak
    return max(taken(line), abs(line.increment), abs(line.own)) > least


def by_file(reading: Lines, *, every: bool = False) -> list[FileLines]:
    """The lines that matter most, or every line that ran, of each file in order.

    The file whose lines have the most bytes comes first.
    """
    shown = list(reading.lines)
    if not every:
        largest = sorted(shown, key=lambda line: -max(taken(line), abs(line.own)))[:MOST]
        chosen = {id(line) for line in largest if matters(line, reading.peak.bytes)}
        shown = [line for line in shown if id(line) in chosen]
    files: dict[str, list[Line]] = {}
    for line in shown:
        files.setdefault(line.place.file, []).append(line)
    ordered = sorted(files.items(), key=lambda item: -max(map(taken, item[1])))
    return [FileLines(file, tuple(lines)) for file, lines in ordered]


def parts(reading: Lines) -> list[Part]:
    """The parts of the explained peak: arrays from before, the largest first, then its own line's.

    They add up to the peak. Empty without an explanation.
    """
    explanation = reading.explanation
    if explanation is None or explanation.problem:
        return []
    before = [Part(origin, origin.place.text, origin.bytes) for origin in explanation.alive]
    if explanation.taken:
        before.append(Part(None, explanation.instruction, explanation.taken))
    return before
