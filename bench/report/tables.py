"""What the page shows, before anything is drawn: tables, and the charts that are drawn of them.

A chart has no data of its own: it is drawn from the rows of the table behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.report.text import plain

Value = str | int | float | None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        field: its name for charts.
        title: its name for people.
        text: what a number reads as; None where the column is of text.
    """

    field: str
    title: str
    text: Callable[[Any], str] | None = None


@dataclass(frozen=True)
class Table:
    """Rows of values, in the order of the columns; the first column names the row."""

    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Value, ...]]

    def records(self, most: int | None = None) -> list[dict[str, Value]]:
        """The first rows as a chart has them: names as they may be shown."""
        names = [column.field for column in self.columns]
        return [
            {n: plain(v) if isinstance(v, str) else v for n, v in zip(names, row, strict=True)}
            for row in self.rows[:most]
        ]


@dataclass(frozen=True)
class Figure:
    """A chart with what it says in words and the table behind it.

    Attributes:
        kind: which of the charts of bench.report.charts.
        title: what is drawn.
        fact: what there is to see, in a sentence: for who does not see it, too.
        signals: what the chart has to know besides its rows.
        narrow: other signals where there is little room, as on a phone.
        most: only so many rows are drawn; None for all of them.
    """

    kind: str
    title: str
    fact: str
    table: Table
    signals: dict[str, float] = field(default_factory=dict)
    most: int | None = None
    narrow: dict[str, float] = field(default_factory=dict)


def exact(count: int) -> str:
    """Bytes to the byte."""
    return f"{count:,}"


def number(value: float) -> str:
    """A number as it is."""
    return f"{value:,}"
