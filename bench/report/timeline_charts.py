"""The charts of a timeline: what is alive in each operation, and when each array lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt

from gradmeter.bench.report.colours import OF_CATEGORY, OF_RANK
from gradmeter.bench.report.vega import colour, layers, scale, table, words
from gradmeter.bench.timelines import explain


def _operations_axis(*, title: str | None) -> alt.X:
    return alt.X(
        "begin:Q",
        title=title,
        scale=alt.Scale(domainMin=0, domainMax=alt.ExprRef("last"), nice=False, zero=False),
        axis=alt.Axis(tickMinStep=1, grid=False, format="d"),
    )


# So that both charts of a timeline are aligned.
_SIDE: Final[dict[str, Any]] = {
    "minExtent": 110,
    "maxExtent": 110,
}


def stack(unit: str = "arrays", *, legend: bool = False) -> alt.LayerChart:
    """The bytes alive in each operation, by category.

    Columns: operation, phase, and one for each category. Signals: unit; last, the number
    of operations on the axis; most, the largest peak on it.
    """
    return _stacked(
        "category",
        OF_CATEGORY,
        unit,
        None,
        ("operation", "category"),
        alt.Legend(orient="top", title=None, columns=6, columnPadding=24) if legend else None,
        _SIDE,
    )


def line_stack(unit: str = "arrays") -> alt.LayerChart:
    """The bytes alive in each moment, by the line that made them.

    Columns: line, phase, and one for each rank of a line. Signals: as of `stack`.
    """
    side = {"minExtent": 50, "maxExtent": 50}
    return _stacked("rank", OF_RANK, unit, "moments", ("line", "phase"), None, side)


def _stacked(
    kind: str,
    colours: dict[str, str],
    unit: str,
    title: str | None,
    shown: Sequence[str],
    legend: alt.Legend | None,
    side: Mapping[str, Any],
) -> alt.LayerChart:
    """The bytes alive in each row, by kind, and where the backward begins.

    Args:
        kind: what the name of each of the columns ``colours`` is.
        title: of the axis of rows.
        shown: columns that the tooltip shows beside the bytes.
        side: the room for the axis of bytes.
    """
    rows = table().transform_window(end="row_number()")
    order = f"indexof({list(colours)!r}, datum.{kind})"
    areas = (
        rows.transform_fold(list(colours), as_=[kind, "bytes"])
        .transform_calculate(order=order, amount="datum.bytes / unit", begin="datum.end - 1")
        .transform_filter("datum.bytes > 0")
        .transform_stack(
            stack="amount", groupby=["end"], sort=[alt.SortField("order")], as_=["from", "to"]
        )
        .mark_rect()
        .encode(
            x=_operations_axis(title=title),
            x2="end:Q",
            y=alt.Y(
                "from:Q",
                title=unit,
                scale=alt.Scale(domainMin=0, domainMax=alt.ExprRef("most / unit"), nice=False),
                axis=alt.Axis(titleX=-40, **side),
            ),
            y2="to:Q",
            color=alt.Color(f"{kind}:N", scale=scale(colours), legend=legend),
            tooltip=[
                *(alt.Tooltip(f"{name}:N") for name in shown),
                alt.Tooltip("bytes:Q", format=","),
            ],
        )
    )
    turn = (
        rows.transform_filter("datum.phase === 'backward'")
        .transform_aggregate(end="min(end)")
        .transform_calculate(begin="datum.end - 1", word="'backward'")
    )
    rule = turn.mark_rule(color=colour("ink"), strokeDash=[3, 3]).encode(x="begin:Q")
    word = turn.mark_text(**words(dx=4, baseline="bottom", dy=-2)).encode(
        x="begin:Q", y=alt.value(0), text="word:N"
    )
    return layers(areas, rule, word, height=190, unit=1, most=1, last=1)


def lives(*, step: int) -> alt.LayerChart:
    """The lifetime of each array, in the colour of saved arrays while a graph holds it.

    Columns: name, category, bytes, begin, end, held_from, held_to. Signals: last.
    """
    band = {"band": 0.85}
    rows = (
        table()
        .transform_window(row="row_number()")
        .transform_calculate(label="datum.row + '|' + datum.name")
    )
    axis = alt.Axis(
        labelExpr="slice(datum.label, indexof(datum.label, '|') + 1)",
        labelLimit=105,
        labelFontSize=11,
        labels=step > 8,
        ticks=False,
        title=None,
        **_SIDE,
    )
    y = alt.Y("label:N", sort=None, axis=axis)
    tooltip = [
        alt.Tooltip("name:N"),
        alt.Tooltip("category:N"),
        alt.Tooltip("bytes:Q", format=","),
        alt.Tooltip("begin:Q"),
        alt.Tooltip("end:Q"),
    ]
    lifetimes = rows.mark_rect(height=band).encode(
        x=_operations_axis(title="operations"),
        x2="end:Q",
        y=y,
        color=alt.Color("category:N", scale=scale(OF_CATEGORY), legend=None),
        tooltip=tooltip,
    )
    held = (
        rows.transform_filter("isValid(datum.held_from)")
        .mark_rect(color=colour(OF_CATEGORY[explain.SAVED]), height=band)
        .encode(x="held_from:Q", x2="held_to:Q", y=y, tooltip=tooltip)
    )
    return layers(lifetimes, held, height=alt.Step(step), last=1)
