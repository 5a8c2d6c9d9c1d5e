"""What a run file keeps of a reading of lines: the explained peak, and the lines that matter."""

from __future__ import annotations

from gradmeter.bench.lines import telling
from gradmeter.bench.results.lines import Lines, changed, largest

ORIGINS = 12
MOMENTS = 60  # of a timeline by lines


def kept(reading: Lines) -> Lines:
    """A reading with the lines that matter most, whose arrays still add up to peak and held."""
    lines = [line for file in telling.by_file(reading) for line in file.lines]
    explanation = reading.explanation
    if explanation is not None:
        explanation = changed(explanation, alive=largest(explanation.alive, ORIGINS))
    return changed(
        reading,
        lines=sorted(lines, key=lambda line: (line.place.file, line.place.line)),
        explanation=explanation,
        ending=tuple(largest(reading.ending, ORIGINS)),
    )
