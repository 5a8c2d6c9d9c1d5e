"""Render laws: a table for each program, a row for each variant, and what is to be said of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gradmeter.bench.laws.law import Measured, Point
from gradmeter.bench.laws.names import DEPTH, SIZE, family, values_text
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report.text import markdown, plain
from gradmeter.bench.results.laws import Formula, Laws
from gradmeter.bench.verdicts.law_changes import NO_LAW, range_text, text

GROWTH = "growth"
FIGURES = ("peak", "forward", "backward", "held", "cycle", GROWTH)
NOTHING = "0 B"
ROUND = 100
MOST_POINTS = 12  # of a table of measurements
MEANINGS = {
    "peak": "the most alive at once, inputs included",
    "forward": "the most in the forward pass",
    "backward": "the most in the backward pass",
    "held": "at the end, with inputs and result",
    "cycle": "when every name is dropped, what only the collector can free",
    GROWTH: "what each further run leaves",
}


@dataclass(frozen=True)
class Row:
    """The laws of a variant: those in the depth and those at one depth as one.

    Attributes:
        cells: a law by figure, or `NO_LAW`.
        notes: sentences about them.
    """

    variant: str
    cells: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class LawTable:
    """The laws of a program under its variants.

    Attributes:
        figures: the columns: those that are not 0 in every row, and peak.
    """

    program: str
    itemsize: int
    figures: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def notes(self) -> dict[str, list[str]]:
        """The variants that each note is about."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            for note in row.notes:
                found.setdefault(note, []).append(row.variant)
        return found

    @property
    def title(self) -> str:
        """The program, and what an array of it is."""
        return f"{self.program}  (1 array = {self.itemsize} N B)" if self.itemsize else self.program


def tables(
    laws: Iterable[Laws], more: Mapping[tuple[str, str], Sequence[str]] | None = None
) -> list[LawTable]:
    """Put laws into tables, by program, in the order in which they come.

    Args:
        more: further notes, by the program and the variant of laws.
    """
    laws = list(laws)
    programs: dict[str, dict[str, list[Laws]]] = {}
    deep = {each.program for each in laws if DEPTH in each.parameters}
    for each in laws:
        name, depth = family(each.program)
        general = f"{name}-{DEPTH}"
        program = general if depth is not None and general in deep else each.program
        programs.setdefault(program, {}).setdefault(each.variant, []).append(each)
    return [_table(program, variants, more or {}) for program, variants in programs.items()]


def _table(
    program: str,
    variants: Mapping[str, Sequence[Laws]],
    more: Mapping[tuple[str, str], Sequence[str]],
) -> LawTable:
    rows = [
        _row(
            program,
            variant,
            parts,
            [note for p in parts for note in more.get((p.program, variant), ())],
        )
        for variant, parts in variants.items()
    ]
    # Growth alone is left out also where it has no law, which is said below the table.
    shown = tuple(
        figure
        for figure in FIGURES
        if figure == "peak"
        or not {_cell(row, figure) for row in rows}
        <= ({NOTHING, NO_LAW} if figure == GROWTH else {NOTHING})
    )
    itemsize = next(part.itemsize for parts in variants.values() for part in parts)
    return LawTable(program, itemsize, shown, tuple(rows))


def _cell(row: Row, figure: str) -> str:
    """A law without the depth that it is for."""
    return row.cells.get(figure, NOTHING).partition(" at n = ")[0]


def _row(program: str, variant: str, parts: Sequence[Laws], more: Sequence[str]) -> Row:
    """Join the laws of a variant: a figure's is the first that there is."""
    parts = sorted(parts, key=lambda part: -len(part.parameters))
    cells: dict[str, str] = {}
    notes: list[str] = []
    for part in parts:
        at = f" at n = {family(part.program)[1]}" if part.program != program else ""
        for figure, law in part.figures.items():
            if figure in FIGURES:
                cells.setdefault(figure, text(law, part.itemsize) + at)
        notes += _notes(part, at)
        last = part is parts[-1]
        reasons: dict[str, list[str]] = {}
        for figure, reason in part.reasons.items():
            if figure in FIGURES:
                reasons.setdefault(reason, []).append(figure)
                if last or figure not in parts[-1].figures:
                    cells.setdefault(figure, NO_LAW)
        where = at if last else f" in {DEPTH}"
        for reason, figures in reasons.items():
            notes.append(f"no law{where} of {', '.join(figures)}: {reason}")
    return Row(variant, cells, tuple(dict.fromkeys([*notes, *more])))


def _notes(part: Laws, at: str) -> list[str]:
    """What is to be said of laws: where they hold, where they were verified, what is largest."""
    notes = []
    ranges: dict[str, list[str]] = {}
    for figure, law in part.figures.items():
        if figure in FIGURES and range_text(law):
            ranges.setdefault(range_text(law), []).append(figure)
    notes += [f"{', '.join(figures)}{at} {where}" for where, figures in ranges.items()]
    notes += [
        f"{figure}{at} is largest in {places_text(part.figures[figure])}"
        for figure in ("peak",)
        if figure in part.figures and any(part.figures[figure].places)
    ]
    if part.verified and part.figures:
        notes.append(f"verified{at} up to {values_text(part.verified, ' and ')}")
    return notes


def places_text(law: Formula) -> str:
    """Where a figure is largest: "A up to N = 625,000, then B", or which law is whose."""
    places = [place for place in dict.fromkeys(law.places) if place]
    if len(places) == 1:
        return places[0]
    sizes = law.crossings.get(SIZE, [])
    if len(law.places) == len(sizes) + 1 == 2:
        # The formula's order has what grows fastest first.
        return f"{law.places[1]} below N = {sizes[0]:,}, from there on in {law.places[0]}"
    crossing = "; ".join(
        f"{name} = {', '.join(f'{value:,}' for value in values)}"
        for name, values in law.crossings.items()
    )
    return " or ".join(places) + (f" (changing at {crossing})" if crossing else "")


def legend(found: Sequence[LawTable]) -> str:
    """What the columns, the letters and the notes of these tables mean, and nothing else."""
    cells = [cell for table in found for row in table.rows for cell in row.cells.values()]
    notes = [note for table in found for note in table.notes]
    letters = [
        "N elements in each array",
        *[f"{DEPTH} the depth"] * any(re.search(rf"\b{DEPTH}\b", text) for text in cells + notes),
        *["an array N elements of the width that is said"] * any(table.itemsize for table in found),
    ]
    shown = {figure for table in found for figure in table.figures}
    shown |= {GROWTH} if any(GROWTH in note for note in notes) else set()
    meanings = "; ".join(f"{name}: {text}" for name, text in MEANINGS.items() if name in shown)
    return (
        f"Exact bytes of NumPy's array data, as formulas: {', '.join(letters)}. Each holds at "
        "every size and depth that was measured, among them ones that it was not found from. "
        f"{meanings}."
    )


def show(found: Iterable[LawTable], console: Console) -> None:
    """Print tables of at most the console's columns, with their notes."""
    for each in found:
        table = _console_table(each.title, each.figures)
        for row in each.rows:
            cells = [row.cells.get(figure, "-") for figure in each.figures]
            table.add_row(escape(plain(row.variant)), *map(escape, cells))
        console.print(table, highlight=False)
        for note, variants in each.notes.items():
            whose = "" if len(variants) == len(each.rows) else f"{', '.join(variants)}: "
            console.print(f"  {escape(plain(whose + note))}", highlight=False)
        console.print()


def markdown_of(found: Iterable[LawTable], level: int = 2) -> str:
    """Tables as Markdown."""
    parts = []
    for each in found:
        lines = [
            f"| variant | {' | '.join(each.figures)} |",
            "| --- |" + " --- |" * len(each.figures),
        ]
        for row in each.rows:
            cells = [row.cells.get(figure, "-") for figure in each.figures]
            lines.append(f"| {' | '.join(markdown(cell) for cell in (row.variant, *cells))} |")
        notes = []
        for note, variants in each.notes.items():
            whose = "" if len(variants) == len(each.rows) else f"{', '.join(variants)}: "
            notes.append(f"- {markdown(whose + note)}")
        parts += [f"{'#' * level} {markdown(each.title)}", "\n".join(lines), "\n".join(notes)]
    return "\n\n".join(filter(None, parts))


def measurements(
    laws: Laws, measured: Mapping[Point, Measured], figures: Sequence[str]
) -> list[str]:
    """A table of what was measured of figures that have no law, a line each."""
    # Round sizes are those that laws are looked for at first; others tell where one begins.
    points = sorted(sorted(measured, key=lambda point: (point[0] % ROUND > 0, point))[:MOST_POINTS])
    rows = [[*laws.parameters, *figures]]
    for point in points:
        reading = measured[point].figures
        cells = [f"{reading[f]:,}" if f in reading else "differs" for f in figures]
        rows.append([*(f"{value:,}" for value in point), *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    if len(measured) > len(points):
        lines.append(f"and {len(measured) - len(points)} points more")
    return lines


def show_at(
    name: str, parameters: Mapping[str, int], variants: Sequence[Sequence[Laws]], console: Console
) -> None:
    """Print what the laws of each variant say at a size, a row for each."""
    by_variant = {parts[0].variant: _at(parts, parameters) for parts in variants}
    figures = [
        figure
        for figure in FIGURES
        if figure == "peak" or any(values.get(figure, 1) for values, _ in by_variant.values())
    ]
    table = _console_table(f"{name} at {values_text(parameters)}, by its laws", figures)
    for variant, (values, _) in by_variant.items():
        cells = [bytes_text(values[f]) if f in values else "-" for f in figures]
        table.add_row(escape(plain(variant)), *cells)
    console.print(table, highlight=False)
    for variant, (values, notes) in by_variant.items():
        if "peak" in values and bytes_text(values["peak"]) != f"{values['peak']:,} B":
            notes = [f"peak {values['peak']:,} B", *notes]
        for note in notes:
            console.print(f"  {escape(plain(f'{variant}: {note}'))}", highlight=False)
    console.print()


def _at(parts: Sequence[Laws], parameters: Mapping[str, int]) -> tuple[dict[str, int], list[str]]:
    """The bytes of figures at a size, and why others have none there."""
    values: dict[str, int] = {}
    notes: dict[str, str] = {}
    depth = parameters.get(DEPTH)
    for part in parts:
        named = family(part.program)[1]
        for figure in FIGURES:
            law = part.figures.get(figure)
            if law is None or figure in values:
                continue
            if DEPTH not in part.parameters and depth != named and depth is not None:
                notes[figure] = f"{figure} has a law at n = {named} only"
            elif not law.law.holds_at(parameters):
                notes[figure] = f"the law of {figure} holds only {range_text(law)}"
            else:
                values[figure] = int(law.law.expression.value(parameters))
        for figure in part.reasons:
            if figure in FIGURES:
                notes.setdefault(figure, f"{figure} has no law")
    return values, [note for figure, note in notes.items() if figure not in values]


def _console_table(title: str, figures: Sequence[str]) -> Table:
    table = Table(
        title=escape(plain(title)),
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    table.add_column("variant", overflow="fold", min_width=12)
    for figure in figures:
        table.add_column(figure)
    return table
