"""Lay rows out in columns of a terminal, by hand: no name is cut where a figure stands.

A table of the console takes a millisecond for a cell, and a suite has thousands of tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells

GAPS = (2, 1)  # columns between two figures
NARROWEST = 18  # columns that a name has beside its figures; with fewer, the rows are stacked
ELLIPSIS = "..."


Rows = Sequence[tuple[str, Sequence[str]]]  # a name, with its indent, and its figures


def aligned(heads: Sequence[str], rows: Rows, width: int) -> list[str]:
    """Lay out a head and rows: the name to the left, its figures to the right.

    Blanks in figures are left out where that leaves more room for the names. A name that has no
    room beside its figures has a line of its own. Where a terminal is too narrow for columns, each
    figure stands beside its head instead.

    Args:
        heads: of the figures.
        rows: each with as many figures, or with none for a title.
        width: columns at most.
    """
    names = [cell_len(name) for name, figures in rows if any(figures)]
    compact: Rows = [(name, [_compact(figure) for figure in figures]) for name, figures in rows]
    ways = []
    for way, gap in ((rows, GAPS[0]), (compact, GAPS[0]), (compact, GAPS[1])):
        columns = zip(heads, *(figures for _, figures in way if any(figures)), strict=True)
        ways.append((way, [gap + max(map(cell_len, column)) for column in columns]))
    # The first of those in which most names have room.
    chosen, widths = max(ways, key=lambda way: sum(n + sum(way[1]) <= width for n in names))
    room = width - sum(widths)
    if room < min(max(names, default=0), NARROWEST):
        return [line for name, figures in rows for line in _stacked(name, heads, figures, width)]
    room = min(room, max((length for length in names if length <= room), default=0))
    lines = [_line("", heads, widths, room)] if heads else []
    for name, figures in chosen:
        if not any(figures):
            lines += folded(name, width)
            continue
        if cell_len(name) > room:
            lines += folded(name, width)
            name = ""
        lines.append(_line(name, figures, widths, room))
    return lines


def _compact(figure: str) -> str:
    """A figure without the blanks around its signs."""
    return re.sub(r" (->|[+-]) ", r"\1", figure)


def _line(name: str, figures: Sequence[str], widths: Sequence[int], room: int) -> str:
    cells = [" " * (w - cell_len(f)) + f for f, w in zip(figures, widths, strict=True)]
    return (name + " " * (room - cell_len(name)) + "".join(cells)).rstrip()


def _stacked(name: str, heads: Sequence[str], figures: Sequence[str], width: int) -> Iterator[str]:
    yield from folded(name, width)
    indent = " " * (_indent(name) + 2)
    pairs = zip(heads, figures, strict=True) if figures else ()
    line = ""
    for text in [f"{head}: {figure}" if head else figure for head, figure in pairs if figure]:
        longer = f"{line}; {text}" if line else indent + text
        if line and cell_len(longer) > width:
            yield from folded(line, width)
            longer = indent + text
        line = longer
    if line:
        yield from folded(line, width)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def folded(text: str, width: int, hanging: str = "") -> list[str]:
    """Break a line at blanks, or within a word that is longer than a line; keep its indent.

    Args:
        text: whose words are parted by one blank each afterwards.
        width: columns at most.
        hanging: a further indent of all lines but the first.
    """
    indent = " " * min(_indent(text), max(0, width - 2 - len(hanging)))
    lines: list[str] = []

    def room() -> int:
        return max(1, width - len(indent) - len(hanging) * bool(lines))

    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if cell_len(longer) <= room():
            line = longer
            continue
        lines += [line] if line else []
        while cell_len(word) > room():
            lines.append(_start(word, room()))
            word = word[len(lines[-1]) :]
        line = word
    lines += [line] if line else []
    return [indent + hanging * bool(n) + each for n, each in enumerate(lines)]


def _start(word: str, room: int) -> str:
    """As much of a word as has room: up to the end of a part of a name, if that is half of it."""
    start = chop_cells(word, room)[0] or word[0]  # a wide character may have no room
    end = max(start.rfind(sign) for sign in "/:[-.,=") + 1
    return start[:end] if end > len(start) // 2 else start


def shortened(text: str, length: int) -> str:
    """Leave the middle of a text out where it is longer; the end tells names apart.

    Args:
        length: columns at most.
    """
    if cell_len(text) <= length:
        return text
    front = (length - len(ELLIPSIS)) // 3
    start = chop_cells(text, max(1, front))[0]
    end = chop_cells(text[::-1], length - len(ELLIPSIS) - cell_len(start))[0][::-1]
    return start + ELLIPSIS + end
