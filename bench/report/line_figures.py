"""The lines of a comparison's variants side by side: the peak by line, and the source with bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradmeter.bench.lines import telling
from gradmeter.bench.lines.difference import differences
from gradmeter.bench.lines.timeline import INSIDE
from gradmeter.bench.numbers import arrays_text, bytes_text
from gradmeter.bench.report.colours import ITSELF, OF_RANK, OTHERS, RANKS
from gradmeter.bench.report.figures import name, title
from gradmeter.bench.report.lines import signed, where
from gradmeter.bench.report.tables import Column, Figure, Table, Value, exact
from gradmeter.bench.results.lines import Lines, LineTimeline, Moment
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import verdicts
from gradmeter.bench.verdicts.verdicts import Row

SHOWN = 4  # comparisons
VARIANTS = 4  # side by side
PARTS = 8  # of a peak
DIFFERENCES = 6  # lines of a comparison


@dataclass(frozen=True)
class Bar:
    """A label with bytes and a bar; ``share`` is its length in hundredths of the longest."""

    label: str
    text: str
    bytes: str
    share: float


@dataclass(frozen=True)
class SourceLine:
    """A line of source with the bars of its peak and of its increment, in hundredths."""

    number: int
    text: str
    peak: str
    peak_share: float
    increment: str
    increment_share: float
    hits: str


@dataclass(frozen=True)
class View:
    """The lines of one variant.

    Attributes:
        fact: what the peak is and where.
        source: the source of the peak's line.
        stack: the timeline by lines; None where there is one by operations.
        key: the colour of each line in it, by name.
        parts: the arrays alive at the peak, by the line that made them.
        files: the lines that matter, by the name of their file.
    """

    name: str
    fact: str
    source: str
    stack: Figure | None
    key: dict[str, str]
    parts: list[Bar]
    files: dict[str, list[SourceLine]]


@dataclass(frozen=True)
class Panel:
    """The views of a comparison, and the lines that make the largest difference of its peaks."""

    title: str
    views: list[View]
    difference: str
    differing: list[Bar]
    left_out: list[str]


def panels(run: Run) -> list[Panel]:
    """The panels of the largest effects, one for each workload."""
    groups = [verdicts.by_effect(rows) for _, rows in verdicts.ordered(run)]
    groups += [[verdicts.alone(case)] for case in verdicts.lone(run)]
    drawn: dict[str, list[Row]] = {}
    for rows in groups:
        measured = [row for row in rows if row.case.lines]
        if measured and len(drawn) < SHOWN:
            drawn.setdefault(measured[0].case.workload, measured)
    return [_panel(rows) for rows in drawn.values()]


def _panel(rows: list[Row]) -> Panel:
    shown = rows[:VARIANTS]
    most = max(row.case.lines.peak.bytes for row in shown if row.case.lines) or 1
    moments = max(
        (len(r.case.line_timeline.moments) for r in shown if r.case.line_timeline), default=0
    )
    readings = [row.case.lines for row in shown if row.case.lines]
    longest = max((part.bytes for each in readings for part in telling.parts(each)), default=1)
    difference, differing = _difference(shown)
    ranked = largest_lines([r.case.line_timeline for r in shown if r.case.line_timeline])
    return Panel(
        title=title(rows[0].case),
        views=[_view(row, most, longest, moments, ranked) for row in shown],
        difference=difference,
        differing=differing,
        left_out=[name(row) for row in rows[VARIANTS:]],
    )


def _difference(rows: list[Row]) -> tuple[str, list[Bar]]:
    """The lines that make the largest difference of two peaks, in words and bars."""
    base = next((row for row in rows if row.is_baseline), None)
    others = [row for row in rows if row is not base]
    if base is None or base.case.lines is None or not others:
        return "", []
    first = base.case.lines
    other = max(
        others,
        key=lambda row: abs(row.case.lines.peak.bytes - first.peak.bytes),  # type: ignore[union-attr]
    )
    second = other.case.lines
    assert second is not None
    more = second.peak.bytes - first.peak.bytes
    found = differences(first, second, "peak")[:DIFFERENCES]
    if not more or not found:
        return "", []
    longest = max(abs(each.bytes) for each in found)
    sentence = (
        f"{name(other)} peaks at {bytes_text(abs(more))} {'more' if more > 0 else 'less'} than "
        f"{name(base)}. The lines with the largest differences there:"
    )
    return sentence, [
        Bar(where(d.place), d.place.text, signed(d.bytes), 100 * d.bytes / longest) for d in found
    ]


def _view(row: Row, most: int, longest: int, moments: int, ranked: Sequence[str]) -> View:
    reading, timeline = row.case.lines, row.case.line_timeline
    assert reading is not None
    stack: Figure | None = None
    key: dict[str, str] = {}
    if timeline is not None and timeline.moments:
        stack, key = line_stack(name(row), timeline, row.case.array_bytes, most, moments, ranked)
    return View(
        name=name(row),
        fact=_fact(reading, row.case.array_bytes),
        source=reading.peak.stack[-1].text if reading.peak.stack else "",
        stack=stack,
        key=key,
        parts=_parts(reading, longest),
        files=_files(reading, most),
    )


def _fact(reading: Lines, unit: int) -> str:
    amount = bytes_text(reading.peak.bytes)
    if unit > 1:
        amount = f"{arrays_text(reading.peak.bytes, unit)} arrays ({amount})"
    stack = reading.peak.stack
    return f"Peak {amount} in {where(stack[-1])}" if stack else f"Peak {amount}"


def _parts(reading: Lines, longest: int) -> list[Bar]:
    found = telling.parts(reading)
    shown = found[: PARTS - 1] + found[-1:] if len(found) > PARTS else found
    return [
        Bar(
            where(part.origin.place) if part.origin else INSIDE,
            part.text,
            bytes_text(part.bytes),
            100 * part.bytes / longest,
        )
        for part in shown
        if part.bytes > telling.WORTH * reading.peak.bytes
    ]


def _files(reading: Lines, most: int) -> dict[str, list[SourceLine]]:
    longest = max([most, *(abs(line.increment) for line in reading.lines)])
    return {
        file.file: [
            SourceLine(
                number=line.place.line,
                text=line.place.text,
                peak=bytes_text(line.peak),
                peak_share=100 * line.peak / most,
                increment=signed(line.increment),
                increment_share=100 * line.increment / longest,
                hits=f"{line.hits:,}",
            )
            for line in file.lines
        ]
        for file in telling.by_file(reading)
    }


def largest_lines(timelines: Sequence[LineTimeline]) -> list[str]:
    """The lines with the most bytes in any of these timelines: each has the same colour in all."""
    largest: dict[str, int] = {}
    for timeline in timelines:
        for moment in timeline.moments:
            for line, size in moment.parts:
                place = where(timeline.places[line])
                largest[place] = max(largest.get(place, 0), size)
    return sorted(largest, key=lambda place: -largest[place])[: len(RANKS)]


def line_stack(
    label: str,
    timeline: LineTimeline,
    unit: int,
    most: int,
    moments: int,
    labels: Sequence[str],
) -> tuple[Figure, dict[str, str]]:
    """The bytes alive in each moment by the line that made them, and the colours of these lines.

    Args:
        most: the largest peak on the axis.
        moments: how many there are on it.
        labels: of the lines that have colours of their own, see `largest_lines`.
    """
    columns = (
        Column("line", "running line"),
        Column("phase", "phase"),
        Column("peak", "bytes at the peak", exact),
        *(Column(rank, label, exact) for rank, label in zip(RANKS, labels, strict=False)),
        *(Column(rank, "-", exact) for rank in RANKS[len(labels) :]),
        Column(OTHERS, "other lines", exact),
        Column(ITSELF, INSIDE, exact),
    )
    rows = [_row(timeline, moment, labels) for moment in timeline.moments]
    top = max(timeline.moments, key=lambda moment: moment.peak)
    at = where(timeline.places[top.line]) if top.line is not None else "outside of these lines"
    merged = f" Each is the highest of {timeline.merged} in a row." if timeline.merged > 1 else ""
    fact = f"{len(rows)} moments in which bytes changed; the highest in {at}.{merged}"
    figure = Figure(
        "line stack",
        label,
        fact,
        Table(f"Bytes alive by the line that made them, {label}", columns, rows),
        {"last": max(moments, 1), "most": max(most, 1), "unit": unit},
    )
    names = {**dict(zip(RANKS, labels, strict=False)), OTHERS: "other lines", ITSELF: INSIDE}
    used = {rank for row in rows for rank, size in zip(OF_RANK, row[3:], strict=True) if size}
    return figure, {names[rank]: OF_RANK[rank] for rank in OF_RANK if rank in used}


def _row(timeline: LineTimeline, moment: Moment, labels: Sequence[str]) -> tuple[Value, ...]:
    sizes: dict[str, int] = {}
    for line, size in moment.parts:
        place = where(timeline.places[line])
        sizes[place] = sizes.get(place, 0) + size
    own = [sizes.pop(label, 0) for label in labels]
    own += [0] * (len(RANKS) - len(own))
    running = where(timeline.places[moment.line]) if moment.line is not None else "outside"
    itself = max(moment.peak - moment.before, 0)
    return (running, moment.phase, moment.peak, *own, sum(sizes.values()), itself)
