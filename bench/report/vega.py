"""Charts as Vega: their colours and fonts, compilation, and SVG images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import altair as alt
import vl_convert

from gradmeter.bench.report.colours import PALETTE

VERSION: Final = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
WIDTH = 720  # pixels of an image


def colour(name: str) -> str:
    """A colour of the page by its name."""
    return f"var(--{name})"


def scale(named: dict[str, str]) -> alt.Scale:
    """A scale from values to the page's colours, by name."""
    return alt.Scale(domain=list(named), range=[colour(c) for c in named.values()])


def table() -> alt.Chart:
    """A chart of the rows of the data set named "table"."""
    return alt.Chart(alt.NamedData(name="table"))


def words(**options: Any) -> dict[str, Any]:
    """The options of text beside a mark."""
    return {"align": "left", "baseline": "middle", "color": colour("ink"), **options}


def layers(*charts: alt.Chart, height: int | alt.Step, **signals: Any) -> alt.LayerChart:
    """Charts on top of each other, as wide as their container, with signals and defaults."""
    chart = cast(alt.LayerChart, alt.layer(*charts))
    params = [alt.param(name=name, value=value) for name, value in signals.items()]
    return chart.add_params(*params).properties(width="container", height=height)


def vega_lite(chart: alt.LayerChart) -> dict[str, Any]:
    """A chart as Vega-Lite, in the page's colours and fonts."""
    specification: dict[str, Any] = chart.configure(
        background="transparent",
        font="system-ui, sans-serif",
        padding={"left": 0, "right": 8, "top": 4, "bottom": 4},
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor=colour("quiet"),
            titleColor=colour("quiet"),
            gridColor=colour("line"),
            tickColor=colour("line"),
            domainColor=colour("quiet"),
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight=400,
            labelOverlap=True,
        ),
        legend=alt.LegendConfig(labelColor=colour("ink"), labelFontSize=12),
        text=alt.MarkConfig(fontSize=12),
    ).to_dict()
    return specification


def compiled(chart: alt.LayerChart) -> str:
    """Compile a chart to Vega, which a browser draws; return its JSON."""
    text = json.dumps(vega_lite(chart))
    return json.dumps(vl_convert.vegalite_to_vega(text, vl_version=VERSION))


def svg(
    chart: alt.LayerChart,
    records: Sequence[Mapping[str, Any]],
    signals: Mapping[str, float | list[str]],
) -> str:
    """A chart of these rows as an image, in light colours."""
    specification = vega_lite(chart)
    specification["data"] = {"name": "table", "values": list(records)}
    specification["width"] = WIDTH
    specification["config"] |= {"background": PALETTE["paper"][0], "padding": 12}
    for layer in specification["layer"]:
        if layer.get("data", {}).get("name") == "table":
            del layer["data"]
    for param in specification.get("params", []):
        param["value"] = signals.get(param["name"], param["value"])
    text = json.dumps(specification)
    for name, (light, _) in PALETTE.items():
        text = text.replace(colour(name), light)
    return vl_convert.vegalite_to_svg(text, vl_version=VERSION)
