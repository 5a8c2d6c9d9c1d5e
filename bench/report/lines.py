"""Print the lines of a program in a terminal of 80 columns: its peak, and the lines that matter."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from gradmeter.bench.lines import telling
from gradmeter.bench.lines.timeline import INSIDE
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report.text import escape
from gradmeter.bench.results.layers import HEAP, PYTHON
from gradmeter.bench.results.lines import HeapPeak, Lines, Place, Source

PARTS = 12
CALLERS = 4
HEAP_PARTS, HEAP_WORTH = 15, 0.001
_PLACE = 30  # columns for where arrays were made


def show(
    name: str, reading: Lines, console: Console, *, every: bool = False, option: str = ""
) -> None:
    """Print the explained peak, what is alive at the end, and the lines."""
    if not reading.peak.bytes:
        console.print(f"[bold]{escape(name)}[/]: allocates no NumPy array", highlight=False)
    else:
        show_peak(f"[bold]{escape(name)}[/]: peak {exact(reading.peak.bytes)}", reading, console)
        _show_holders(reading, console)
    show_lines(reading, console, every=every, option=option)


def show_lines(reading: Lines, console: Console, *, every: bool = False, option: str = "") -> None:
    """Print the lines that matter, or every line that ran; all of them of chosen functions.

    Args:
        option: of the command, that prints every line; empty where there is none.
    """
    if reading.functions:
        console.print(
            f"only the lines of what is decorated: {escape(', '.join(reading.functions))}",
            highlight=False,
        )
    if reading.peak.bytes or every:
        _show_tables(reading, console, every=every or bool(reading.functions), option=option)
    if reading.problem:
        console.print(f"[red]lines may be missing[/]: {escape(reading.problem)}", highlight=False)
    if reading.threads > 1:
        console.print(
            f"{reading.threads} threads ran these lines; a peak counts what all of them hold",
            highlight=False,
        )


_LAYERS = {HEAP: "whole heap", PYTHON: "Python's objects"}
_LEGENDS = {
    HEAP: "Array data, Python's objects and what native code takes, together",
    PYTHON: "What is asked of Python's allocators; exact in one version of Python",
}


def show_layer(name: str, layer: str, reading: HeapPeak, console: Console) -> None:
    """Print what a layer of memory, "heap" or "python", holds at its peak, by line."""
    console.print(
        f"[bold]{escape(name)}[/]: {_LAYERS[layer]}, peak {exact(reading.peak)}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    worth = [o for o in reading.alive if o.bytes >= HEAP_WORTH * reading.peak]
    shown = worth[:HEAP_PARTS]
    rest = reading.alive[len(shown) :]
    table = table_of(
        console.width,
        {
            "alive there": [bytes_text(origin.bytes) for origin in shown],
            "blocks": [f"{origin.count:,}" for origin in shown],
        },
        [origin.place.text for origin in shown],
        place=[where(origin.place) for origin in shown],
    )
    console.print(table)
    if rest:
        total = sum(origin.bytes for origin in rest)
        more = f"and {len(rest):,} more line{'s' * (len(rest) != 1)}, {bytes_text(total)}"
        console.print(more, highlight=False)
    console.print(
        f"{_LEGENDS[layer]}; by the innermost line of the program's project that asked for it, or "
        "else the innermost line.",
        highlight=False,
    )


def exact(count: int) -> str:
    """Format bytes for people, and exactly: "1.6 MB (1,600,000 B)"."""
    text = bytes_text(count)
    return text if text.endswith(" B") else f"{text} ({count:,} B)"


def signed(count: int) -> str:
    """Format a difference of bytes with its sign; empty for none."""
    return f"{'+' if count > 0 else '-'}{bytes_text(abs(count))}" if count else ""


def shown_path(path: str) -> str:
    """A file as short as it is clear: relative to here, or to where packages are installed."""
    homes = [os.getcwd(), *sysconfig.get_paths().values()]
    for home in sorted({os.path.join(home, "") for home in homes}, key=len, reverse=True):
        if path.startswith(home):
            return path.removeprefix(home)
    return path


def where(place: Place) -> str:
    """A place in one line: "model.py:12 Layer.forward"; what it is where it has no file."""
    if not place.file:
        return place.function
    function = f" {place.function}" if place.function not in ("", "<module>") else ""
    return f"{shown_path(place.file)}:{place.line}{function}"


def show_peak(title: str, reading: Lines, console: Console) -> None:
    """Print where the peak is: its line and what called it, and what is alive there.

    Args:
        title: what the line begins with, in rich's markup.
    """
    peak = reading.peak
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
            more = len(above) - CALLERS
            console.print(f"  and {more} caller{'s' * (more != 1)} more", highlight=False)
    explanation = reading.explanation
    if explanation is not None and explanation.problem:
        console.print(
            f"[red]the peak is not explained[/]: {escape(explanation.problem)}", highlight=False
        )
    parts = telling.parts(reading)
    if parts:
        shown = parts[: PARTS - 1] + parts[-1:] if len(parts) > PARTS else parts
        console.print(_alive(shown, console.width))
        if len(parts) > PARTS:
            rest = parts[PARTS - 1 : -1]
            console.print(
                f"and arrays of {len(rest)} more lines, {bytes_text(sum(p.bytes for p in rest))}",
                highlight=False,
            )


def table_of(
    width: int,
    numbers: dict[str, list[str]],
    source: list[str],
    *,
    title: str = "",
    place: list[str] | None = None,
) -> Table:
    """A table whose numbers keep their width; the source gets what is left of the line."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    left = width
    for name, cells in numbers.items():
        widest = max(len(cell) for cell in [name, *cells])
        table.add_column(name, justify="right", no_wrap=True, min_width=widest)
        left -= widest + 2
    if place:
        widest = min(_PLACE, max(map(len, place)))
        table.add_column("made by", overflow="fold", min_width=widest, max_width=widest)
        left -= widest + 2
    table.add_column(escape(title), no_wrap=True, overflow="crop")
    for *figures, text in zip(*numbers.values(), *([place] if place else []), source, strict=True):
        cropped = text if len(text) <= left else f"{text[: left - 3]}..."
        table.add_row(*map(escape, figures), escape(cropped))
    return table


def _alive(parts: list[telling.Part], width: int) -> Table:
    origins = [part.origin for part in parts]
    return table_of(
        width,
        {
            "alive there": [bytes_text(part.bytes) for part in parts],
            "arrays": [f"{origin.count:,}" if origin else "" for origin in origins],
        },
        [part.text for part in parts],
        place=[where(o.place) if o else INSIDE for o in origins],
    )


def _show_holders(reading: Lines, console: Console) -> None:
    console.print(f"at the end {exact(reading.held)} are alive", highlight=False)
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


def show_functions(reading: Lines, sources: Sequence[Source], console: Console) -> None:
    """Print functions as they are written, with the figures of the lines that ran."""
    by_place = {(line.place.file, line.place.line): line for line in reading.lines}
    for source in sources:
        console.print()
        numbers = list(range(source.first, source.first + len(source.lines)))
        if not numbers:
            numbers = sorted(n for file, n in by_place if file == source.file)
        rows = [by_place.get((source.file, number)) for number in numbers]
        ran = [line if line is not None and line.hits else None for line in rows]
        texts = source.lines or [_no_source("<")] * len(numbers)
        table = table_of(
            console.width,
            {
                "line": [str(number) for number in numbers],
                "peak": [bytes_text(line.peak) if line else "" for line in ran],
                "increment": [signed(line.increment) if line else "" for line in ran],
                "hits": [f"{line.hits:,}" if line else "" for line in ran],
            },
            list(texts),
            title=shown_path(source.file),
        )
        console.print(table)


def _no_source(file: str) -> str:
    """What is shown of a line of code that was given to ``exec``, or whose file is gone."""
    return "(executed text, no source)" if file.startswith("<") else ""


NOT_COUNTED = "not counted, which takes CPython on Linux and x86-64"


def _show_tables(reading: Lines, console: Console, *, every: bool, option: str) -> None:
    files = telling.by_file(reading, every=every)
    watched = {line.place.file for line in reading.lines}
    for file in files:
        console.print()
        lines = file.lines
        table = table_of(
            console.width,
            {
                "line": [str(line.place.line) for line in lines],
                "peak": [bytes_text(line.peak) for line in lines],
                "increment": [signed(line.increment) for line in lines],
                "hits": [f"{line.hits:,}" for line in lines],
                "allocs": ["-" if line.number is None else f"{line.number:,}" for line in lines],
            },
            [line.place.text or _no_source(file.file) for line in lines],
            title=shown_path(file.file),
        )
        console.print(table)
    if any(line.number is None for line in reading.lines):
        console.print(f"allocs: {NOT_COUNTED}", highlight=False)
    others = len(reading.lines) - sum(len(file.lines) for file in files)
    if others:
        console.print(
            f"{others:,} other line{'s' * (others != 1)} of the {len(watched)} "
            f"file{'s' * (len(watched) != 1)} watched ran, too{f' ({option})' * bool(option)}",
            highlight=False,
        )
