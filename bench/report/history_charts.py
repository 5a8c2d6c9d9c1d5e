"""The chart of a history: a figure of a case over the commits, as steps."""

from __future__ import annotations

from functools import partial
from typing import Final, cast

import altair as alt

from gradmeter.bench.history.steps import STATUSES
from gradmeter.bench.report.colours import OF_STATUS, SERIES
from gradmeter.bench.report.vega import colour, layers, scale, table

SHAPES: Final = dict(
    zip(STATUSES, ("triangle-up", "diamond", "triangle-down", "circle"), strict=True)
)
_DASHES: Final = ([1, 0], [6, 3], [2, 3])  # which tell series apart without colours


def steps() -> alt.LayerChart:
    """A line that is thick where commits were measured, and bands where they could not be.

    Columns: series (a number, from 1), begin and end (the numbers of commits), value, measured
    (numbers of commits and a-b, with spaces between), status. Rows without a value are what could
    not be measured. Signals: first and last, the numbers at the ends of the axis; low and high,
    those of the other, in units; unit, by which values are divided; name, that of the unit; dates,
    those of all commits.
    """
    rows = table().transform_calculate(amount="datum.value / unit")
    x = partial(
        alt.X,
        title=None,
        scale=alt.Scale(
            domain=[alt.ExprRef("first"), alt.ExprRef("last")], nice=False, zero=False, clamp=True
        ),
        axis=alt.Axis(
            tickMinStep=1,
            tickCount=alt.ExprRef("ceil(width / 110)"),
            labelExpr="dates[datum.value - 1] || ''",
            labelFlush=True,
            grid=False,
        ),
    )
    y = partial(
        alt.Y,
        title=None,
        scale=alt.Scale(domain=[alt.ExprRef("low"), alt.ExprRef("high")], nice=False, zero=False),
        axis=alt.Axis(tickCount=4, labelExpr="datum.label + name", domain=False, ticks=False),
    )
    series = partial(
        alt.Color,
        "series:N",
        scale=alt.Scale(domain=[*range(1, len(SERIES) + 1)], range=[*map(colour, SERIES)]),
        legend=None,
    )
    dash = alt.StrokeDash(
        "series:N",
        scale=alt.Scale(domain=[*range(1, len(_DASHES) + 1)], range=[*map(list, _DASHES)]),
        legend=None,
    )
    gaps = (
        rows.transform_filter("!isValid(datum.value)")
        .transform_calculate(left="datum.begin - 0.5", right="datum.end + 0.5")
        .mark_rect(color=colour("grey"), stroke=colour("grey"), opacity=0.35, clip=True)
        .encode(x=x("left:Q"), x2="right:Q")
    )
    levels = rows.transform_filter("isValid(datum.value)")
    path = (
        levels.transform_calculate(ends="[datum.begin, datum.end]")
        .transform_flatten(["ends"], ["at"])
        .mark_line(interpolate="step-after", size=1.5)
        .encode(x=x("at:Q"), y=y("amount:Q"), color=series(), strokeDash=dash)
    )
    measured = (
        levels.transform_calculate(stretch="split(datum.measured, ' ')")
        .transform_flatten(["stretch"])
        .transform_calculate(
            left="toNumber(split(datum.stretch, '-')[0])",
            right="toNumber(split(datum.stretch + '-' + datum.stretch, '-')[1])",
        )
        .mark_rule(size=3.5, strokeCap="round")
        .encode(x=x("left:Q"), x2="right:Q", y=y("amount:Q"), color=series())
    )
    marks = (
        levels.transform_filter("datum.status !== ''")
        .mark_point(filled=True, opacity=1, size=140, stroke=colour("paper"), strokeWidth=1.5)
        .encode(
            x=x("begin:Q"),
            y=y("amount:Q"),
            color=alt.Color("status:N", scale=scale(OF_STATUS), legend=None),
            shape=alt.Shape(
                "status:N",
                scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())),
                legend=None,
            ),
        )
    )
    signals = {"first": 0, "last": 1, "low": 0, "high": 1, "unit": 1, "name": "", "dates": [""]}
    chart = layers(gaps, path, measured, marks, height=150, **signals)
    return cast(alt.LayerChart, chart.resolve_scale(color="independent"))
