"""Tables, and figures: the charts that are drawn from them, as values.

A chart has no data of its own: it is drawn from the rows of the table behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradmeter.bench.report.text import plain

Value = str | int | float | None
Signals = dict[str, float | list[str]]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        field: its name for charts.
        title: its name for people.
        text: formats a number; None where the column is of text.
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
        """The first rows as records for a chart, with texts that are safe to show."""
        names = [column.field for column in self.columns]
        return [
            {n: plain(v) if isinstance(v, str) else v for n, v in zip(names, row, strict=True)}
            for row in self.rows[:most]
        ]


@dataclass(frozen=True)
class Figure:
    """A chart, the fact that it shows, and the table behind it.

    Attributes:
        kind: which of the charts of gradmeter.bench.report.charts.
        title: the title of the chart.
        fact: what the chart shows, in a sentence that also serves screen readers.
        signals: values that the chart needs besides its rows.
        narrow: other signals where there is little room, as on a phone.
        most: the number of rows that are drawn; None for all of them.
    """

    kind: str
    title: str
    fact: str
    table: Table
    signals: Signals = field(default_factory=dict)
    most: int | None = None
    narrow: Signals = field(default_factory=dict)


def exact(count: int) -> str:
    """Format bytes, unrounded."""
    return f"{count:,}"


def number(value: float) -> str:
    """Format a number, unrounded."""
    return f"{value:,}"
