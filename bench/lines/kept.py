"""What a run file keeps of a reading of lines: the explained peak, and the lines that matter."""

from __future__ import annotations

from collections.abc import Sequence

from gradmeter.bench.lines import telling
from gradmeter.bench.results.lines import Lines, Origin, Place, changed

ORIGINS = 12
MOMENTS = 60  # of a timeline by lines
OTHERS = "other lines"


def kept(reading: Lines) -> Lines:
    """A reading with the lines that matter most, whose arrays still add up to peak and held."""
    lines = [line for file in telling.by_file(reading) for line in file.lines]
    explanation = reading.explanation
    if explanation is not None:
        explanation = changed(explanation, alive=_largest(explanation.alive))
    return changed(
        reading,
        lines=sorted(lines, key=lambda line: (line.place.file, line.place.line)),
        explanation=explanation,
        ending=tuple(_largest(reading.ending)),
    )


def _largest(origins: Sequence[Origin]) -> list[Origin]:
    """The largest of the lines that made arrays, and all others as one."""
    first, rest = list(origins[:ORIGINS]), origins[ORIGINS:]
    if rest:
        first.append(
            Origin(
                place=Place("", 0, OTHERS),
                count=sum(origin.count for origin in rest),
                bytes=sum(origin.bytes for origin in rest),
                watched=False,
            )
        )
    return first
