"""The figures of memory: the bars of a comparison, of calls, and of the largest effects."""

from __future__ import annotations

from collections.abc import Sequence

from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import figures, sentences
from gradmeter.bench.report.figures import name, title
from gradmeter.bench.report.matrix_cells import MEMORY, amount_text
from gradmeter.bench.report.summary import HEAP
from gradmeter.bench.report.tables import Column, Figure, Table, Value, exact
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import verdicts
from gradmeter.bench.verdicts.time_words import time_sentence
from gradmeter.bench.verdicts.verdicts import Row

SHOWN = 12  # calls that are drawn; the others are in the table behind the chart
VALUE = Column("value", "bytes", exact)
TEXT = Column("text", "in short")
EXPECTED = Column("expected", "predicted bytes", exact)


def largest(run: Run) -> Figure | None:
    """The figure of the largest effect on memory, or where there is none, on time."""
    row = next(iter(largest_effects(run, 1)), None)
    return None if row is None else effect(run, row, f"The largest effect: {title(row.case)}")


def effect(run: Run, row: Row, heading: str) -> Figure:
    """The bars of a candidate beside its baseline's, or its ratio of times where memory is equal.

    Args:
        row: one of `largest_effects`.
    """
    if row.effect > 0:
        drawn = memory([Row(row.baseline, row.baseline, None), row], heading)
        if drawn is not None:
            return drawn
    return figures.ratios(run, [row], heading, time_sentence(row, run.options))


def largest_effects(run: Run, count: int) -> list[Row]:
    """The candidates with the largest effects: on memory, then on time where memory is equal.

    Each variant comes once before any comes again, and then each workload.
    """
    rows = verdicts.candidates(run)
    of_memory = [row for row in rows if row.effect > 0]
    of_memory.sort(key=lambda row: (not row.exact, -row.effect))
    timed = [r for r in rows if not r.effect and r.time and r.time.word in ("faster", "slower")]
    timed.sort(key=figures.distance, reverse=True)
    ranked = [*of_memory, *timed]
    chosen: list[Row] = []
    for is_news in (_is_other_variant, _is_other_workload):
        for row in ranked:
            if len(chosen) < count and all(is_news(row, other) for other in chosen):
                chosen.append(row)
    return chosen


def _is_other_variant(row: Row, other: Row) -> bool:
    return row.case.variant != other.case.variant


def _is_other_workload(row: Row, other: Row) -> bool:
    return row.case.workload != other.case.workload


def memory(rows: Sequence[Row], heading: str = "") -> Figure | None:
    """Exact memory beside predicted; None where nothing was measured.

    Where an engine has no exact bytes, the figures of the whole heap stand in for them, and
    beside those of the others; they are called what they are.
    """
    first = rows[0].case
    with_heap = any(row.case.figures is None for row in rows)
    cells: list[tuple[Value, ...]] = []
    for row in rows:
        case, predicted = row.case, row.case.predicted
        for part in MEMORY if case.figures else ():
            assert case.figures is not None
            count = case.figures[part]
            expected = getattr(predicted, "dropped" if part == "cycle" else part, None)
            cells.append((name(row), part, count, _text(count, case), expected))
        for part in HEAP.values() if case.heap_figures and with_heap else ():
            assert case.heap_figures is not None
            count = case.heap_figures[part]
            cells.append((name(row), part, count, bytes_text(count), None))
    if not cells:
        return None
    unit = first.array_bytes
    columns = (figures.NAME, Column("part", "figure"), VALUE, TEXT, EXPECTED)
    arrays = f"; 1 array = {bytes_text(unit)}" if unit > 1 else ""
    caption = f"Bytes, {title(first)}{arrays}"
    candidates = [row for row in verdicts.by_effect(rows) if not row.is_baseline]
    fact = sentences.sentence(candidates[0]) if candidates else f"{title(first)}."
    kind = "memory" if unit > 1 else "calls"
    kind += " and heap" * any(cell[1] in HEAP.values() for cell in cells)
    return Figure(
        kind, heading or title(first), fact, Table(caption, columns, cells), {"unit": unit}
    )


def _text(count: int, case: Case) -> str:
    text = amount_text(count, case)
    if case.array_bytes == 1:
        return text
    arrays, _, few_bytes = text.partition(" ")
    return f"{arrays} array{'s' * (arrays != '1')} {few_bytes}".rstrip()


def calls(cases: Sequence[Case], names: Sequence[str]) -> Figure | None:
    """The exact bytes of tests' calls under these names, the largest peaks first; None for none."""
    measured = [(c, label) for c, label in zip(cases, names, strict=True) if c.figures]
    measured.sort(key=lambda pair: -(pair[0].memory.peak if pair[0].memory else 0))
    rows: list[tuple[Value, ...]] = [
        (label, part, count, bytes_text(count), None)
        for case, label in measured
        if case.figures
        for part, count in case.figures.items()
        if part in MEMORY
    ]
    if not rows:
        return None
    few = f"The {SHOWN} largest peaks of {len(measured)} are drawn. "
    first, label = measured[0]
    most = bytes_text(first.memory.peak if first.memory else 0)
    table = Table(
        "Exact bytes of each call",
        (Column("name", "test"), Column("part", "figure"), VALUE, TEXT, EXPECTED),
        rows,
    )
    fact = f"{few * (len(measured) > SHOWN)}The largest peak is {most}, in {label}."
    return Figure("calls", "Memory", fact, table, {"unit": 1}, 3 * SHOWN)
