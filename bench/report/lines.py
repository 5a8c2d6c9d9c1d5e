"""Print the lines of a program in a terminal of 80 columns: its peak, and the lines that matter."""

from __future__ import annotations

import os

from rich.console import Console
from rich.table import Table

from gradmeter.bench.lines import telling
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report.terminal import escape
from gradmeter.bench.results.lines import Lines, Place

PARTS = 12
CALLERS = 4


def show(name: str, reading: Lines, console: Console, *, every: bool = False) -> None:
    """Print the explained peak, what is alive at the end, and the lines."""
    _show_peak(name, reading, console)
    _show_holders(reading, console)
    _show_lines(reading, console, every=every)
    if reading.problem:
        console.print(f"[red]lines may be missing[/]: {escape(reading.problem)}", highlight=False)
    if reading.threads > 1:
        console.print(
            f"{reading.threads} threads ran these lines; a peak counts what all of them hold",
            highlight=False,
        )


def signed(count: int) -> str:
    """Format a difference of bytes with its sign; empty for none."""
    return f"{'+' if count > 0 else '-'}{bytes_text(abs(count))}" if count else ""


def shown_path(path: str) -> str:
    """A file as the reader would type it: relative to here if it lies below."""
    here = os.path.join(os.getcwd(), "")
    return path.removeprefix(here)


def where(place: Place) -> str:
    """A place in one line: "model.py:12 Layer.forward"."""
    function = f" {place.function}" if place.function not in ("", "<module>") else ""
    return f"{shown_path(place.file)}:{place.line}{function}"


def _show_peak(name: str, reading: Lines, console: Console) -> None:
    peak = reading.peak
    title = f"[bold]{escape(name)}[/]: peak {bytes_text(peak.bytes)} ({peak.bytes:,} B)"
    if not peak.stack:
        outside = "" if not peak.bytes else ", outside of the lines watched"
        console.print(f"{title}{outside}", highlight=False, soft_wrap=True)
    else:
        line = peak.stack[-1]
        console.print(f"{title} in {escape(where(line))}", highlight=False, soft_wrap=True)
        if line.text:
            console.print(f"    {escape(line.text)}", highlight=False, no_wrap=True, crop=True)
        above = peak.stack[-2::-1]
        for place in above[:CALLERS]:
            console.print(
                f"  called from {escape(where(place))}: {escape(place.text)}",
                highlight=False, no_wrap=True, overflow="ellipsis",
            )  # fmt: skip
        if len(above) > CALLERS:
            console.print(f"  and {len(above) - CALLERS} callers more", highlight=False)
    explanation = reading.explanation
    if explanation is not None and explanation.problem:
        console.print(
            f"[red]the peak is not explained[/]: {escape(explanation.problem)}", highlight=False
        )
    parts = telling.parts(reading)
    if parts:
        console.print(_alive(parts[: PARTS - 1] + parts[-1:] if len(parts) > PARTS else parts))
        if len(parts) > PARTS:
            rest = parts[PARTS - 1 : -1]
            console.print(
                f"and arrays of {len(rest)} more lines, {bytes_text(sum(p.bytes for p in rest))}",
                highlight=False,
            )


def _table(numbers: dict[str, list[str]], texts: dict[str, list[str]]) -> Table:
    """A table whose numbers keep their width; its last column gets what is left of the line."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name, cells in numbers.items():
        width = max(len(cell) for cell in [name, *cells])
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    for name in texts:
        last = name == list(texts)[-1]
        table.add_column(
            escape(name), overflow="ellipsis" if last else "fold", no_wrap=last,
            min_width=None if last else 24, max_width=None if last else 34,
        )  # fmt: skip
    for row in zip(*numbers.values(), *texts.values(), strict=True):
        table.add_row(*map(escape, row))
    return table


def _alive(parts: list[telling.Part]) -> Table:
    origins = [part.origin for part in parts]
    return _table(
        {
            "alive there": [bytes_text(part.bytes) for part in parts],
            "arrays": [f"{origin.count:,}" if origin else "" for origin in origins],
        },
        {
            "made by": [where(o.place) if o else "that line itself" for o in origins],
            "": [part.origin.place.text if part.origin else part.text for part in parts],
        },
    )


def _show_holders(reading: Lines, console: Console) -> None:
    console.print(
        f"at the end {bytes_text(reading.held)} ({reading.held:,} B) are alive", highlight=False
    )
    for holder in reading.holders:
        kept = (
            f"held by {escape(holder.chain)}"
            if holder.chain
            else "[red]only in reference cycles[/], until the collector runs"
        )
        console.print(
            f"  {bytes_text(holder.bytes)}  {escape(holder.array)}  {kept}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


def _show_lines(reading: Lines, console: Console, *, every: bool) -> None:
    for file in telling.by_file(reading, every=every):
        console.print()
        lines = file.lines
        table = _table(
            {
                "line": [str(line.place.line) for line in lines],
                "peak": [bytes_text(line.peak) for line in lines],
                "increment": [signed(line.increment) for line in lines],
                "hits": [f"{line.hits:,}" for line in lines],
            },
            {shown_path(file.file): [line.place.text for line in lines]},
        )
        console.print(table)
        if file.others:
            console.print(
                f"and {file.others} lines that change less than 1% of the peak (--all)",
                highlight=False,
            )
