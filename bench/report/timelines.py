"""The figures of timelines: variants of a comparison side by side, on the same scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report.figures import name, title
from gradmeter.bench.report.summary import in_arrays
from gradmeter.bench.report.tables import Column, Figure, Signals, Table, Value, exact, number
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.readings import Timeline
from gradmeter.bench.results.run import Run
from gradmeter.bench.timelines import explain
from gradmeter.bench.timelines.drawing import CATEGORIES, Drawing, drawing
from gradmeter.bench.verdicts import verdicts
from gradmeter.bench.verdicts.verdicts import Row

SHOWN = 4  # comparisons with timelines: they are much of a page
VARIANTS = 4  # side by side
NAMED = 32  # arrays whose names fit beside their lives
DRAWN = 120  # arrays
NUMBERS = 52  # pixels at the side of an axis of numbers
NARROW = 72  # pixels at the side of names, on a phone


@dataclass(frozen=True)
class Pair:
    """The two charts of one timeline, which share an axis, and advice that would lower its peak."""

    name: str
    stack: Figure
    lives: Figure
    advice: list[str]


@dataclass(frozen=True)
class Panel:
    """The timelines of one comparison; ``left_out`` are the names of those not drawn."""

    title: str
    pairs: list[Pair]
    left_out: list[str]


def panels(run: Run) -> dict[tuple[str, int], Panel]:
    """The panels of the largest effects, one for each workload, by workload and size.

    One size of a workload is enough: in arrays, its timeline looks the same at any other.
    """
    groups = [verdicts.by_effect(rows) for _, rows in verdicts.ordered(run)]
    groups += [[verdicts.alone(case)] for case in verdicts.lone(run)]
    traced = [[row for row in rows if row.case.timeline] for rows in groups]
    drawn: dict[str, list[Row]] = {}
    for rows in filter(None, traced):
        if len(drawn) < SHOWN:
            drawn.setdefault(rows[0].case.workload, rows)
    return {(rows[0].case.workload, rows[0].case.size): panel(rows) for rows in drawn.values()}


def panel(rows: list[Row]) -> Panel:
    """The timelines of the first of these rows, which have some, side by side."""
    pairs = side_by_side(
        [(name(row), row.case.timeline) for row in rows[:VARIANTS] if row.case.timeline],
        rows[0].case.array_bytes,
    )
    return Panel(title(rows[0].case), pairs, [name(row) for row in rows[VARIANTS:]])


def side_by_side(timelines: Sequence[tuple[str, Timeline]], unit: int) -> list[Pair]:
    """The figures of named timelines on the same scales; ``unit`` is the bytes of one array."""
    drawings = [(label, drawing(timeline), timeline) for label, timeline in timelines]
    most = max(max(timeline.peaks) for _, timeline in timelines)
    last = max(len(drawn.moments) for _, drawn, _ in drawings)
    scales: Signals = {"last": max(last, 1), "most": max(most, 1), "unit": unit}
    if all(len(drawn.spans) > NAMED for _, drawn, _ in drawings):
        scales["side"] = NUMBERS
    return [
        Pair(
            label,
            _stack(label, drawn, {**scales, "names": _names(drawn)}, unit),
            _lives(label, drawn, timeline, {**scales, "names": _names(drawn)}),
            explain.advice(timeline),
        )
        for label, drawn, timeline in drawings
    ]


def _stack(label: str, drawn: Drawing, scales: Signals, unit: int) -> Figure:
    peak = drawn.peak
    if peak is None:
        fact = "Nothing was alive."
    else:
        amount = bytes_text(peak.peak)
        if unit > 1:
            amount = f"{in_arrays(peak.peak, unit)} arrays ({amount})"
        by_category = {c: b for c, b in peak.parts.items() if b}
        parts = ", ".join(
            f"{c} {bytes_text(b)}" for c, b in sorted(by_category.items(), key=_by_bytes)
        )
        where = peak.title if not peak.phase else f"in {peak.title}"
        fact = f"Peak {amount} {where}: {parts}."
    columns = (
        Column("operation", "operation"),
        Column("phase", "phase"),
        Column("peak", "bytes at the peak", exact),
        *(Column(category, category, exact) for category in CATEGORIES),
    )
    rows: list[tuple[Value, ...]] = [
        (m.title, m.phase, m.peak, *(m.parts[c] for c in CATEGORIES)) for m in drawn.moments
    ]
    table = Table(f"Bytes alive in each operation, {label}", columns, rows)
    return Figure("stack", label, fact, table, scales, narrow=_narrow(scales))


def _narrow(scales: Signals) -> Signals:
    """Other signals on a phone: less room for names where there are some."""
    return {} if "side" in scales else {"side": NARROW}


def _names(drawn: Drawing) -> list[str]:
    """What stands below each moment: its operation, without its phase."""
    return [plain(moment.name) if moment.phase else "" for moment in drawn.moments]


def _by_bytes(part: tuple[str, int]) -> int:
    return -part[1]


def _lives(label: str, drawn: Drawing, timeline: Timeline, scales: Signals) -> Figure:
    rows: list[tuple[Value, ...]] = [
        (
            span.life.name,
            span.category,
            span.life.bytes,
            span.begin,
            span.end,
            *(span.held or (None, None)),
        )
        for span in drawn.spans
    ]
    columns = (
        Column("name", "array"),
        Column("category", "category"),
        Column("bytes", "bytes", exact),
        Column("begin", "alive from operation", number),
        Column("end", "to before", number),
        Column("held_from", "held for backward from", number),
        Column("held_to", "to before", number),
    )
    alive = [span.life for span in drawn.spans if span.life.died is None]
    fact = (
        f"{len(rows)} arrays; {len(alive)} of them, "
        f"{bytes_text(sum(life.bytes for life in alive))}, are alive at the end."
    )
    before = explain.born_before(timeline)
    if before:
        verb = "was" if len(before) == 1 else "were"
        fact += f" {len(before)} more {verb} made before the trace."
    if len(rows) > DRAWN:
        fact += f" The first {DRAWN} are drawn."
    lives: Signals = {n: scales[n] for n in ("last", "names", "side") if n in scales}
    kind = "lives" if len(rows) <= NAMED else "many lives"
    table = Table(f"When each array lives, {label}", columns, rows)
    return Figure(kind, label, fact, table, lives, DRAWN, _narrow(scales))
