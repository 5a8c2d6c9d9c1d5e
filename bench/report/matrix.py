"""The picture of a run: workloads by variants, and in each cell what changed, as values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from gradmeter.bench.numbers import bytes_text, seconds_text
from gradmeter.bench.report import sentences
from gradmeter.bench.report.matrix_cells import (
    INSTRUCTIONS,
    MEASURES,
    MEMORY,
    TIME,
    Cell,
    amount_text,
    baseline_cell,
    candidate_cell,
    factor_of_time,
    failure_cell,
)
from gradmeter.bench.report.names import short_names
from gradmeter.bench.report.summary import HEAP, Amount, Summary
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import instructions, verdicts
from gradmeter.bench.verdicts.verdicts import Row

MEANINGS: Final = {
    "peak": "the most bytes alive at once",
    "held": "bytes alive at the end, with inputs and result",
    "cycle": "bytes that only the collector frees when every name is dropped",
    TIME: "ratio to the baseline's, with its verdict",
    INSTRUCTIONS: "executed by all threads",
}
MOST: Final = 150  # rows of a matrix


@dataclass(frozen=True)
class Line:
    """A row: a workload, the sizes at which its cells look the same, and the cells.

    Attributes:
        heading: what stands above it and those that follow, as the file of tests or their function.
        again: whether the row before it is of the same workload.
    """

    name: str
    sizes: tuple[int, ...]
    machine: str
    cells: tuple[Cell, ...]
    heading: str = ""
    again: bool = False

    @property
    def where(self) -> str:
        """The sizes, as a reader sees them beside the name."""
        texts = [f"{size:,}" for size in self.sizes if size]
        return (f"x {', '.join(texts)}" if texts else "") + self.machine


@dataclass(frozen=True)
class Grid:
    """One measure of every row: a table.

    Attributes:
        measure: of `MEASURES`; empty where each column is a figure of its own.
        columns: the short name of each, and its whole one; the first is the baseline.
    """

    measure: str
    caption: str
    columns: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    left_out: str = ""
    sizes: tuple[int, ...] = ()

    def where(self, line: Line) -> str:
        """The sizes of a line where they are not all of the grid's, and its machine."""
        return line.machine if line.sizes == self.sizes else line.where


Place = tuple[str, int]
Pair = tuple[str, int, str, str]


def grids(run: Run, short: Summary, anchors: Mapping[tuple[str, int, str], str]) -> list[Grid]:
    """The picture of a run: for each baseline a grid of each measure, and one of lone cases.

    Args:
        short: the summary of the run.
        anchors: of each case by its key.
    """
    of_pair = amounts(short)
    by_baseline: dict[str, dict[Place, dict[str, Row]]] = {}
    for comparison in run.comparisons:
        rows = verdicts.rows(run, comparison)
        if not rows:
            continue
        places = by_baseline.setdefault(comparison.baseline, {})
        of_place = places.setdefault((comparison.workload, comparison.size), {})
        of_place.update({row.case.variant: row for row in rows})
    every: list[Grid] = []
    for baseline, places in by_baseline.items():
        candidates = [v for c in run.comparisons if c.baseline == baseline for v in c.candidates]
        variants = [baseline, *dict.fromkeys(v for v in candidates if v != baseline)]
        every += _compared(variants, places, of_pair, anchors)
    lone = verdicts.lone(run) + verdicts.calls(run)
    return every + ([_lone(lone, anchors)] if lone else [])


def pair(row: Row) -> Pair:
    """What a row is about: the workload, its size, the variant and the baseline."""
    return (*row.case.key, row.baseline.variant)


def amounts(short: Summary) -> dict[Pair, Mapping[str, Amount]]:
    """The amounts of each candidate in a summary."""
    return {
        pair(row): effect.amounts
        for question in short.questions
        for effect in question.effects
        for row in effect.rows
    }


def _compared(
    variants: Sequence[str],
    places: Mapping[Place, Mapping[str, Row]],
    of_pair: Mapping[Pair, Mapping[str, Amount]],
    anchors: Mapping[tuple[str, int, str], str],
) -> Iterator[Grid]:
    baseline = variants[0]
    names = short_names([(v, baseline) for v in variants])
    columns = tuple((names[v, baseline], v) for v in variants)
    shown = _most_telling(places)
    sizes = tuple(sorted({size for _, size in places}))
    for measure in _measures(places.values()):
        lines = []
        for (workload, size), rows in shown.items():
            base = rows[baseline]
            of_base = next(
                (a for v in rows if (a := of_pair.get((workload, size, v, baseline)))), {}
            )
            cells = [baseline_cell(measure, base, of_base, anchors[base.case.key])]
            for variant in variants[1:]:
                row = rows.get(variant)
                if row is None:
                    cells.append(Cell("-", title="not measured"))
                    continue
                of_row = of_pair.get((workload, size, variant, baseline), {})
                cells.append(candidate_cell(measure, row, of_row, anchors[row.case.key]))
            lines.append(_line(base.case, cells))
        rest = len(places) - len(shown)
        left_out = f"and {rest:,} more, with smaller effects, in the sections below" if rest else ""
        yield Grid(
            measure,
            f"{measure.capitalize()}, beside {baseline}: {MEANINGS[measure]}"
            f"{', in arrays' * (measure in MEMORY and any(sizes))}{_sizes_text(sizes)}",
            columns,
            tuple(_headed(_merged(lines))),
            left_out,
            sizes,
        )


def _sizes_text(sizes: Sequence[int]) -> str:
    """What is said of sizes above the rows, of which most are for all of them."""
    if not any(sizes):
        return ""
    texts = [f"{size:,}" for size in sizes]
    return f"; with {' or '.join(filter(None, [', '.join(texts[:-1]), texts[-1]]))} elements"


def _most_telling(places: Mapping[Place, Mapping[str, Row]]) -> dict[Place, Mapping[str, Row]]:
    """The places with the largest effects, in the order of the run."""
    if len(places) <= MOST:
        return dict(places)

    def effect(place: Place) -> tuple[float, float]:
        rows = places[place].values()
        return max(r.effect for r in rows), max(factor_of_time(r) for r in rows)

    kept = set(sorted(places, key=effect, reverse=True)[:MOST])
    return {place: rows for place, rows in places.items() if place in kept}


def _measures(places: Iterable[Mapping[str, Row]]) -> list[str]:
    """The measures that have a figure anywhere; those that are 0 everywhere are left out."""
    found: set[str] = set()
    for rows in places:
        for row in rows.values():
            for of_case in (row.case.figures or {}, row.case.heap_figures or {}):
                found |= {m for m in MEMORY if of_case.get(m) or of_case.get(HEAP.get(m, ""))}
            if row.time is not None or row.same_code:
                found.add(TIME)
            if instructions.compare(row.case, row.baseline) is not None and not row.is_baseline:
                found.add(INSTRUCTIONS)
    return [m for m in MEASURES if m in found] or [MEMORY[0]]


def _line(case: Case, cells: Sequence[Cell]) -> Line:
    heading, name = "", case.workload
    if case.ordinary:
        function, bracket, parameters = case.workload.partition("[")
        heading, _, name = function.rpartition("::")
        name += bracket + parameters
    return Line(name, (case.size,), sentences.on_machine(case), tuple(cells), heading)


def _merged(lines: Iterable[Line]) -> Iterator[Line]:
    """Make one row of those of a workload that look the same at several sizes."""
    of_name: dict[tuple[str, str, str], dict[object, Line]] = {}
    for line in lines:
        alike = of_name.setdefault((line.heading, line.name, line.machine), {})
        key = tuple(cell.looks for cell in line.cells)
        before = alike.get(key)
        alike[key] = line if before is None else _joined(before, line)
    for alike in of_name.values():
        for number, line in enumerate(alike.values()):
            yield replace(line, again=number > 0)


def _headed(lines: Iterable[Line]) -> Iterator[Line]:
    """Put names of functions with several rows above these, and no heading twice in a row."""
    rows = list(lines)
    functions = [(line.heading, line.name.partition("[")[0]) for line in rows]
    several = {place for place, after in pairwise(functions) if place == after and place[0]}
    before = ""
    for line, (file, function) in zip(rows, functions, strict=True):
        whole, name = line.heading, line.name
        if (file, function) in several:
            whole, name = f"{file}::{function}", name.removeprefix(function) or name
        yield replace(line, heading="" if whole == before else whole, name=name)
        before = whole


def _joined(first: Line, second: Line) -> Line:
    """One row for both, whose cells have the exact figures of both."""

    def titled(line: Line, title: str) -> str:
        return title if len(line.sizes) > 1 else f"x {line.sizes[0]:,}: {title}"

    cells = [
        replace(a, title=f"{titled(first, a.title)}\n{titled(second, b.title)}") if a.title else a
        for a, b in zip(first.cells, second.cells, strict=True)
    ]
    return replace(first, sizes=(*first.sizes, *second.sizes), cells=tuple(cells))


def _lone(cases: Sequence[Case], anchors: Mapping[tuple[str, int, str], str]) -> Grid:
    """The figures of cases that are compared with none: a column for each figure."""

    def counts(case: Case) -> dict[str, int | None]:
        figures, heap = case.figures or {}, case.heap_figures or {}
        return {
            **{name: figures.get(name) for name in MEMORY},
            **{name: heap.get(name) for name in HEAP.values()},
        }

    of_case = {case.key: counts(case) for case in cases}
    largest = {
        name: most
        for name in (*MEMORY, *HEAP.values())
        if (most := max((found[name] or 0 for found in of_case.values()), default=0))
    }
    seconds = max((case.median or 0.0 for case in cases), default=0.0)
    ranked = sorted(cases, key=lambda case: -(of_case[case.key]["peak"] or 0))
    kept = {case.key for case in ranked[:MOST]}
    lines = []
    for case in (case for case in cases if case.key in kept):
        anchor = anchors[case.key]
        cells = []
        for name, most in largest.items():
            count = of_case[case.key][name]
            if case.failure:
                cells.append(failure_cell(case, anchor))
            elif count is None:
                cells.append(Cell("-", title="not measured"))
            else:
                note = "" if case.array_bytes == 1 or name not in MEMORY else bytes_text(count)
                text = amount_text(count, case, heap=name not in MEMORY)
                title = f"{name} {count:,} B"
                cells.append(Cell(text, note, "own", title, anchor, 100 * count / most))
        if seconds:
            median = case.median or 0.0
            text = seconds_text(median) if median else "-"
            cells.append(Cell(text, "", "own", "median", anchor, 100 * median / seconds))
        if not cells:
            text = "failed" if case.failure else "-"
            cells.append(failure_cell(case, anchor) if case.failure else Cell(text, anchor=anchor))
        line = _line(case, cells)
        lines.append(replace(line, name=f"{line.name} {case.variant}".rstrip()))
    names = [*largest, *(["median"] if seconds else [])] or ["peak"]
    rest = len(cases) - len(kept)
    return Grid(
        "",
        "What each case takes; a bar is the share of the largest",
        tuple((name, name) for name in names),
        tuple(_headed(lines)),
        f"and {rest:,} more, with smaller peaks, in the sections below" if rest else "",
    )
