"""The charts: one description of each kind, drawn from the rows of a table named "table".

A description holds no data and no names of cases, only how the columns are drawn; so a page
has each kind once, however many charts it draws. Colours are the page's, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import altair as alt

from gradmeter.bench.report import history_charts
from gradmeter.bench.report.timeline_charts import line_stack, lives, stack
from gradmeter.bench.report.vega import colour, layers, scale, table, words

OF_PART: Final = {
    **dict.fromkeys(("peak", "exact", "heap peak"), "first"),
    **dict.fromkeys(("held", "resident", "heap held"), "second"),
    **dict.fromkeys(("cycle", "sampled"), "third"),
}
EXACT: Final = ["peak", "held", "cycle"]
HOLLOW: Final = ["heap peak", "heap held"]  # bars without a filling: no exact bytes of arrays
OF_VERDICT: Final = {
    "faster": "less",
    "slower": "more",
    "same": "ink",
    "inconclusive": "grey",
    "no verdict": "grey",
}
# What tells names apart is at their end, so that their beginning is left out.
TELLING_END: Final[dict[str, Any]] = {"limit": alt.ExprRef("width"), "dir": "rtl"}
SHAPES: Final = ["circle", "diamond", "square", "cross", "triangle"]
ROOM = 190  # pixels at the right of bars, for their labels
TICK_COUNT = alt.ExprRef("ceil(width / 90)")
TICKS = alt.Axis(tickCount=TICK_COUNT)
BYTES: Final = "bytes"
IN_BYTES: Final = "replace(format(datum.value, '~s'), /([kMGT]?)$/, ' $1B')"


def _scale_leaving_room(room: str, **options: Any) -> alt.Scale:
    return alt.Scale(range=[0, alt.ExprRef(f"max(width - {room}, 60)")], **options)


def bars(parts: Sequence[str], unit: str, above: Sequence[str] = ("name",)) -> alt.LayerChart:
    """A group of bars for each name, with the predicted value as a mark on each bar.

    Columns: name, part, value, text (the value with its unit), expected; and where several lines
    stand above the bars, one for each. Signals: unit, by which values and expected values are
    divided.
    """
    rows = (
        table()
        .transform_calculate(amount="datum.value / unit", predicted="datum.expected / unit")
        .transform_calculate(
            whole=" + '|' + ".join(f"datum.{line}" for line in above),
            label="datum.part + ' ' + datum.text + (!isValid(datum.expected) ? '' "
            ": datum.expected === datum.value ? ', as predicted' "
            ": ', predicted ' + format(datum.predicted, ',.2~f'))",
        )
        .encode(y=alt.Y("whole:N", sort=None, axis=None, scale=alt.Scale(paddingInner=0.15)))
    )
    slots = alt.Scale(domain=[*above, *parts])
    of_part = alt.YOffset("part:N", scale=slots)
    axis = TICKS if unit != BYTES else alt.Axis(tickCount=TICK_COUNT, labelExpr=IN_BYTES)
    x = alt.X("amount:Q", title=unit, scale=_scale_leaving_room(str(ROOM), nice=False), axis=axis)
    tooltip = [
        alt.Tooltip("name:N"),
        alt.Tooltip("part:N"),
        alt.Tooltip("value:Q", format=",", title="bytes"),
        alt.Tooltip("expected:Q", format=",", title="predicted bytes"),
    ]
    first = rows.transform_window(nth="row_number()", groupby=["whole"])
    headings = [
        first.transform_filter("datum.nth === 1")
        .mark_text(**words(fontWeight=600, **TELLING_END))
        .encode(x=alt.value(0), yOffset=alt.YOffsetDatum(line, scale=slots), text=f"{line}:N")
        for line in above
    ]
    of_colour = scale({part: OF_PART[part] for part in parts})
    marks = rows.mark_bar(height=12, strokeWidth=1.5).encode(
        x=x,
        yOffset=of_part,
        stroke=alt.Stroke("part:N", scale=of_colour, legend=None),
        fill=alt.Fill("part:N", scale=of_colour, legend=None),
        fillOpacity=alt.condition(f"indexof({HOLLOW}, datum.part) < 0", alt.value(1), alt.value(0)),
        tooltip=tooltip,
    )
    predictions = (
        rows.transform_filter("isValid(datum.expected)")
        .mark_tick(color=colour("ink"), thickness=2, size=14)
        .encode(x="predicted:Q", yOffset=of_part, tooltip=tooltip)
    )
    labels = rows.mark_text(**words(dx=6)).encode(x="amount:Q", yOffset=of_part, text="label:N")
    return layers(marks, predictions, labels, *headings, height=alt.Step(15), unit=1)


def ratios() -> alt.LayerChart:
    """A forest plot: ratios of times with their intervals, and the verdicts in words.

    Columns: where, name, ratio, low, high, words (of these three), verdict. Signals: effect,
    the smallest that matters; y_step, the pixels of a row on narrow paper.
    """
    rows = (
        table()
        .transform_window(row="row_number()")
        .transform_calculate(
            label="(width > 560 ? datum.words : split(datum.words, ' ')[0]) + ' ' + datum.verdict",
            heading="width > 560 ? datum.where + '   ' + datum.name : [datum.where, datum.name]",
        )
    )
    room = "(width > 560 ? 220 : 120)"
    x = partial(
        alt.X,
        title="time, as a ratio to the baseline's",
        scale=_scale_leaving_room(room, type="log", nice=False, padding=6),
        axis=alt.Axis(orient="top", format="~r", tickCount=5, offset=6),
    )
    label = alt.Y("row:O", axis=None, bandPosition=0, scale=alt.Scale(padding=0))
    y = alt.Y("row:O", axis=None, bandPosition=0.74)
    of_verdict = alt.Color("verdict:N", scale=scale(OF_VERDICT), legend=None)
    tooltip = [
        alt.Tooltip(f"{name}:N") for name in ("where", "name", "ratio", "low", "high", "verdict")
    ]
    ends = rows.transform_filter("datum.row === 1").transform_calculate(
        near="1 / (1 + effect)", one="1", far="1 + effect"
    )
    same = ends.mark_rect(color=colour("line"), opacity=0.6).encode(x="near:Q", x2="far:Q")
    one = ends.mark_rule(color=colour("quiet")).encode(x="one:Q")
    interval = rows.mark_rule(size=3).encode(
        x=x("low:Q"), x2="high:Q", y=y, color=of_verdict, tooltip=tooltip
    )
    points = rows.mark_point(filled=True, opacity=1, size=90).encode(
        x="ratio:Q",
        y=y,
        color=of_verdict,
        shape=alt.Shape(
            "verdict:N", scale=alt.Scale(domain=list(OF_VERDICT), range=SHAPES), legend=None
        ),
        tooltip=tooltip,
    )
    names = rows.mark_text(**words(baseline="top", dy=4, lineHeight=15, **TELLING_END)).encode(
        x=alt.value(0), y=label, text="heading:N"
    )
    labels = rows.mark_text(**words()).encode(
        x=alt.value(alt.ExprRef(f"max(width - {room}, 60) + 10")), y=y, text="label:N"
    )
    return layers(same, one, interval, points, names, labels, height=alt.Step(40), effect=0.02)


def rounds() -> alt.LayerChart:
    """Every round of every set, as a mark. Columns: name, rounds (milliseconds, in a list)."""
    rows = table()
    y = partial(alt.Y, "name:N", sort=None, axis=None)
    marks = (
        rows.transform_calculate(each="split(datum.rounds, ' ')")
        .transform_flatten(["each"])
        .transform_calculate(ms="toNumber(datum.each)")
        .mark_tick(color=colour("first"), opacity=0.6, thickness=2, size=14)
        .encode(
            x=alt.X(
                "ms:Q", title="milliseconds", scale=alt.Scale(zero=False, padding=8), axis=TICKS
            ),
            y=y(),
            yOffset=alt.value(29),
        )
    )
    first = rows.transform_window(nth="row_number()", groupby=["name"])
    names = (
        first.transform_filter("datum.nth === 1")
        .mark_text(**words(baseline="top", dy=4, **TELLING_END))
        .encode(x=alt.value(0), y=y(bandPosition=0), text="name:N")
    )
    return layers(marks, names, height=alt.Step(44))


def growth(x: str) -> alt.LayerChart:
    """Lines of time's growth, both axes logarithmic. Columns: name, x, y, slope."""
    rows = table().transform_calculate(
        label="datum.name + (isValid(datum.slope) ? '  slope ' + format(datum.slope, '.2f') : '')"
    )
    names = ["first", "rank2", "rank4", "rank6", "second", "third"]
    legend = alt.Legend(
        orient="top",
        direction="vertical",
        columns=1,
        title=None,
        labelExpr="width > 420 ? datum.label : split(datum.label, '  ')[0]",
        labelFontSize=11,
        labelLimit=420,
        symbolSize=80,
    )
    log = partial(alt.Scale, type="log", nice=False, padding=12)
    y = "milliseconds"
    axis = alt.Axis(format=",~g", tickCount=5)
    colours = alt.Scale(range=[*map(colour, names)])
    encoded = rows.encode(
        x=alt.X("x:Q", title=x, scale=log(), axis=axis),
        y=alt.Y("y:Q", title=y, scale=log(), axis=axis),
        tooltip=[alt.Tooltip("name:N"), alt.Tooltip("x:Q", title=x), alt.Tooltip("y:Q", title=y)],
    )
    of_name: dict[str, Any] = {"shorthand": "label:N", "sort": None}
    lines = encoded.mark_line(opacity=0.7).encode(
        stroke=alt.Stroke(**of_name, scale=colours, legend=None)
    )
    points = encoded.mark_point(filled=True, size=80, opacity=1).encode(
        color=alt.Color(**of_name, scale=colours, legend=legend),
        shape=alt.Shape(**of_name, legend=legend),
    )
    return layers(lines, points, height=260)


KINDS: Final[dict[str, Callable[[], alt.LayerChart]]] = {
    "memory": partial(bars, EXACT, "arrays"),
    "memory and heap": partial(bars, [*HOLLOW, *EXACT], "arrays"),
    "calls": partial(bars, EXACT, BYTES),
    "calls and heap": partial(bars, [*HOLLOW, *EXACT], BYTES),
    "views": partial(bars, ["exact", "resident", "sampled"], "MB", ["where", "name"]),
    "ratios": ratios,
    "rounds": rounds,
    "stack": stack,
    "line stack": line_stack,
    "lives": partial(lives, step=14),
    "many lives": partial(lives, step=5),
    "history": history_charts.steps,
    "time by size": partial(growth, "elements in an array"),
    "time by depth": partial(growth, "depth"),
}
