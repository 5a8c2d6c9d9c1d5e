"""Show the table of a run's laws in a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import markup
from rich.console import Console
from rich.table import Table as Grid

from gradmeter.bench.report.laws import PREDICTED, Table, table
from gradmeter.bench.report.text import markdown as _text
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import law_search
from gradmeter.bench.verdicts.laws import FamilyLaws

HEADS = {PREDICTED: "pre-\ndicted"}  # in a terminal
PHASES = {"forward", "backward"}  # figures that are left out where there is no room
WIDEST = 14  # characters of a figure
NAME = 16  # characters of a variant at least


def show(run: Run, laws_of_run: Sequence[FamilyLaws], console: Console) -> None:
    """Print the table, in at most the console's width; or what to install for it."""
    if missing := law_search.lacking(run):
        console.print(f"{_escape(missing)}\n", highlight=False)
    found = table(run, laws_of_run)
    if found is None:
        return
    widths = {column: _width(found, column) for column in found.columns}
    if NAME + sum(width + 1 for width in widths.values()) > console.width:
        widths = {column: width for column, width in widths.items() if column not in PHASES}
    console.print(f"[bold]Laws{f' {_escape(found.common)}' * bool(found.common)}[/]")
    console.print(_grid(widths, heading=True))
    for block in found.blocks:
        console.print(_escape(found.heading(block)), highlight=False)
        grid = _grid(widths, heading=False)
        for row in block.rows:
            cells = [
                f"[bold]{text}[/]" if cell.changed else text
                for column, cell in zip(found.columns, row.cells, strict=True)
                if column in widths
                for text in ["\n".join(cell.lines)]
            ]
            grid.add_row(",\n".join(f"  {_escape(name)}" for name in row.names), *cells)
        console.print(grid)
    for note in found.notes:
        console.print(f"  {_escape(note)}", highlight=False)
    console.print()


def _width(found: Table, column: str) -> int:
    """The characters of a column, of which every block has the same."""
    number = found.columns.index(column)
    cells = (row.cells[number] for block in found.blocks for row in block.rows)
    lines = [*HEADS.get(column, column).split("\n"), *(line for c in cells for line in c.lines)]
    return min(WIDEST, max(map(len, lines)))


def _grid(widths: Mapping[str, int], *, heading: bool) -> Grid:
    grid = Grid(box=None, padding=(0, 1, 0, 0), pad_edge=False, expand=True, show_header=heading)
    grid.add_column("variant", overflow="fold", ratio=1, min_width=NAME)
    for column, width in widths.items():
        grid.add_column(HEADS.get(column, column), justify="right", overflow="fold", width=width)
    return grid


def _escape(text: str) -> str:
    return markup.escape(plain(text))


def as_markdown(run: Run, laws_of_run: Sequence[FamilyLaws]) -> str:
    """The table in Markdown, what a candidate changes bold; or what to install; empty for none."""
    found = table(run, laws_of_run)
    if found is None:
        return _text(law_search.lacking(run))
    lines = [
        f"| variant | {' | '.join(found.columns)} |",
        "| --- |" + " ---: |" * len(found.columns),
    ]
    for block in found.blocks:
        lines.append(f"| **{_text(found.heading(block))}** |" + " |" * len(found.columns))
        for row in block.rows:
            cells = [f"**{_text(c.text)}**" if c.changed else _text(c.text) for c in row.cells]
            lines.append(f"| {', '.join(map(_text, row.names))} | {' | '.join(cells)} |")
    heading = f"Exact bytes {_text(found.common)}; " if found.common else "Exact bytes; "
    return "\n\n".join(
        [heading + "what a candidate changes is bold.", "\n".join(lines), *map(_text, found.notes)]
    )
