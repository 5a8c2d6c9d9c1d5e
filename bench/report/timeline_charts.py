"""The charts of a timeline: what is alive in each operation, and when each array lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt

from gradmeter.bench.report.colours import OF_CATEGORY, OF_RANK
from gradmeter.bench.report.vega import colour, layers, scale, table, words
from gradmeter.bench.timelines import explain

# On the axis the moment 5 is from 4.5 to 5.5, so that its name stands in the middle of it.
_ROOF = "most / unit * 1.15"  # so that the peak's label has room
MOST_TICKS: Final = 400


def _moments(title: str | None, *, named: bool) -> alt.X:
    """The axis of moments: with the names of as many of them as fit, else with numbers."""
    names: dict[str, Any] = {
        "labelExpr": "names[datum.value] || ''",
        "labelAngle": -90,
        "labelLimit": 84,
        "labelFontSize": 11,
        "labelOverlap": "greedy",
        "labelPadding": 4,
        "tickCount": alt.ExprRef(f"min(last, {MOST_TICKS})"),
        "ticks": False,
    }
    return alt.X(
        "begin:Q",
        title=title,
        scale=alt.Scale(
            domainMin=-0.5, domainMax=alt.ExprRef("last - 0.5"), nice=False, zero=False
        ),
        axis=alt.Axis(tickMinStep=1, grid=False, format="d", **(names if named else {})),
    )


# So that both charts of a timeline are aligned.
_SIDE: Final[dict[str, Any]] = {
    "minExtent": alt.ExprRef("side"),
    "maxExtent": alt.ExprRef("side"),
}
SIDE: Final = 110  # pixels of names


def stack(unit: str = "arrays", *, legend: bool = False) -> alt.LayerChart:
    """The bytes alive in each operation, by category.

    Columns: operation, phase, and one for each category. Signals: unit; last, the number
    of operations on the axis; most, the largest peak on it; names, of the operations.
    """
    return _stacked(
        "category",
        OF_CATEGORY,
        unit,
        "operations",
        ("operation", "category"),
        alt.Legend(orient="top", title=None, columns=6, columnPadding=24) if legend else None,
        _SIDE,
        named=True,
    )


def line_stack(unit: str = "arrays") -> alt.LayerChart:
    """The bytes alive in each moment, by the line that made them.

    Columns: line, phase, and one for each rank of a line. Signals: as of `stack`.
    """
    side = {"minExtent": 50, "maxExtent": 50}
    return _stacked("rank", OF_RANK, unit, "moments", ("line", "phase"), None, side, named=False)


def _stacked(
    kind: str,
    colours: dict[str, str],
    unit: str,
    title: str | None,
    shown: Sequence[str],
    legend: alt.Legend | None,
    side: Mapping[str, Any],
    *,
    named: bool,
) -> alt.LayerChart:
    """The bytes alive in each row, by kind, where the backward begins, and where the peak is.

    Args:
        kind: what the name of each of the columns ``colours`` is.
        title: of the axis of rows.
        shown: columns that the tooltip shows beside the bytes.
        side: the room for the axis of bytes.
        named: whether the rows have names, which stand below the axis.
    """
    rows = table().transform_window(nth="row_number()")
    order = f"indexof({list(colours)!r}, datum.{kind})"
    areas = (
        rows.transform_fold(list(colours), as_=[kind, "bytes"])
        .transform_calculate(
            order=order, amount="datum.bytes / unit", begin="datum.nth - 1.5", end="datum.nth - 0.5"
        )
        .transform_filter("datum.bytes > 0")
        .transform_stack(
            stack="amount", groupby=["nth"], sort=[alt.SortField("order")], as_=["from", "to"]
        )
        .mark_rect()
        .encode(
            x=_moments(title, named=named),
            x2="end:Q",
            y=alt.Y(
                "from:Q",
                title=unit,
                scale=alt.Scale(domainMin=0, domainMax=alt.ExprRef(_ROOF), nice=False),
                axis=alt.Axis(titleX=-40, tickCount=5, **side),
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
        .transform_aggregate(nth="min(nth)")
        .transform_calculate(begin="datum.nth - 1.5", word="'backward'")
    )
    rule = turn.mark_rule(color=colour("ink"), strokeDash=[3, 3]).encode(x="begin:Q")
    word = turn.mark_text(**words(dx=4, baseline="bottom", dy=-2, color=colour("quiet"))).encode(
        x="begin:Q", y=alt.value(0), text="word:N"
    )
    top = (
        rows.transform_joinaggregate(top="max(peak)")
        .transform_filter("datum.peak === datum.top && datum.peak > 0")
        .transform_window(among="row_number()")
        .transform_filter("datum.among === 1")
        .transform_calculate(
            begin="datum.nth - 1",
            amount="datum.peak / unit",
            word=f"'peak ' + format(datum.peak / unit, ',.2~f') "
            f"+ ' {unit} in ' + (names[datum.nth - 1] || datum.{shown[0]})",
        )
    )
    mark = top.mark_point(
        shape="triangle-down", filled=True, opacity=1, size=50, color=colour("ink"), yOffset=-5
    ).encode(x="begin:Q", y="amount:Q")
    peak = top.mark_text(
        **words(
            dy=-16,
            fontWeight=600,
            align=alt.ExprRef("datum.nth > last / 2 ? 'right' : 'left'"),
            limit=alt.ExprRef("max(datum.nth, last - datum.nth) / last * width + 44"),
        )
    ).encode(x="begin:Q", y="amount:Q", text="word:N")
    return layers(
        areas, rule, word, mark, peak, height=190, unit=1, most=1, last=1, names=[], side=SIDE
    )


def lives(*, step: int) -> alt.LayerChart:
    """The lifetime of each array, in the colour of saved arrays while a graph holds it.

    Columns: name, category, bytes, begin, end, held_from, held_to. Signals: last; names.
    """
    band = {"band": 0.85}
    rows = (
        table()
        .transform_window(row="row_number()")
        .transform_calculate(
            label="datum.row + '|' + datum.name",
            **{"from": "names[datum.begin] || datum.begin", "before": "names[datum.end] || 'end'"},
            begin="datum.begin - 0.5",
            to="datum.end - 0.5",
            held="datum.held_from - 0.5",
            until="datum.held_to - 0.5",
        )
    )
    axis = alt.Axis(
        labelExpr="slice(datum.label, indexof(datum.label, '|') + 1)",
        labelLimit=alt.ExprRef("side - 5"),
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
        alt.Tooltip("from:N"),
        alt.Tooltip("before:N"),
    ]
    lifetimes = rows.mark_rect(height=band).encode(
        x=_moments("operations", named=True),
        x2="to:Q",
        y=y,
        color=alt.Color("category:N", scale=scale(OF_CATEGORY), legend=None),
        tooltip=tooltip,
    )
    held = (
        rows.transform_filter("isValid(datum.held_from)")
        .mark_rect(color=colour(OF_CATEGORY[explain.SAVED]), height=band)
        .encode(x="held:Q", x2="until:Q", y=y, tooltip=tooltip)
    )
    return layers(lifetimes, held, height=alt.Step(step), last=1, names=[], side=SIDE)
