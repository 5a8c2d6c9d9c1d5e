"""Charts as Vega: colours and fonts, compilation, the script library, and SVG images."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any, Final, cast

import altair as alt
import vl_convert

from gradmeter.bench.report.cache import cached_text

# Okabe and Ito's colours, which the colour-blind can tell apart: Color Universal Design, 2008.
# Their yellow is left out (too light on paper), their black changes with the page.
COLOURS: Final = {
    "orange": "#e69f00",
    "sky": "#56b4e9",
    "green": "#009e73",
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "purple": "#cc79a7",
    "grey": "#8c8c8c",
}
# The colours of the light theme, which images always have.
INK: Final = {"ink": "#1a1a1a", "quiet": "#5c5c5c", "line": "#d9d9d9", "paper": "#ffffff"}

CONVERTER: Final = metadata.version("vl-convert-python")
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


def layers(*charts: alt.Chart, height: int | alt.Step, **signals: float) -> alt.LayerChart:
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


@cache
def compiled(make: Callable[[], alt.LayerChart]) -> dict[str, Any]:
    """A chart as Vega, which a browser draws."""
    text = json.dumps(vega_lite(make()))
    specification: dict[str, Any] = json.loads(
        cached_text(
            f"chart {CONVERTER} {VERSION} {text}",
            lambda: json.dumps(vl_convert.vegalite_to_vega(text, vl_version=VERSION)),
        )
    )
    return specification


@cache
def library() -> str:
    """Vega and vega-embed as one script, for a page that loads nothing."""
    return cached_text(
        f"library {CONVERTER}",
        lambda: vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
    )


def svg(
    chart: alt.LayerChart,
    records: Sequence[Mapping[str, Any]],
    signals: Mapping[str, float],
) -> str:
    """A chart of these rows as an image, in light colours."""
    specification = vega_lite(chart)
    specification["data"] = {"name": "table", "values": list(records)}
    specification["width"] = WIDTH
    specification["config"] |= {"background": INK["paper"], "padding": 12}
    for layer in specification["layer"]:
        if layer.get("data", {}).get("name") == "table":
            del layer["data"]
    for param in specification.get("params", []):
        param["value"] = signals.get(param["name"], param["value"])
    text = json.dumps(specification)
    for name, value in {**COLOURS, **INK}.items():
        text = text.replace(colour(name), value)
    return vl_convert.vegalite_to_svg(text, vl_version=VERSION)
