"""Charts as Vega: their colours and letters, the library, and images of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any, Final, cast

import altair as alt
import vl_convert

from bench.report.cache import kept

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
# What a page has in light; in an image these stand for good.
INK: Final = {"ink": "#1a1a1a", "quiet": "#5c5c5c", "line": "#d9d9d9", "paper": "#ffffff"}

MADE_BY: Final = metadata.version("vl-convert-python")
VERSION: Final = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
WIDTH = 720  # pixels of an image


def colour(name: str) -> str:
    """A colour of the page by its name."""
    return f"var(--{name})"


def scale(named: dict[str, str]) -> alt.Scale:
    """What is drawn in which of the page's colours."""
    return alt.Scale(domain=list(named), range=[colour(c) for c in named.values()])


def table() -> alt.Chart:
    """A chart of the rows that it will be given."""
    return alt.Chart(alt.NamedData(name="table"))


def words(**options: Any) -> dict[str, Any]:
    """How text beside a mark is drawn."""
    return {"align": "left", "baseline": "middle", "color": colour("ink"), **options}


def layers(*charts: alt.Chart, height: int | alt.Step, **signals: float) -> alt.LayerChart:
    """Charts on top of each other, as wide as there is room, with signals and their defaults."""
    found = cast(alt.LayerChart, alt.layer(*charts))
    params = [alt.param(name=name, value=value) for name, value in signals.items()]
    return found.add_params(*params).properties(width="container", height=height)


def described(chart: alt.LayerChart) -> dict[str, Any]:
    """A chart as Vega-Lite, in the page's colours and letters."""
    found: dict[str, Any] = chart.configure(
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
    return found


@cache
def compiled(make: Callable[[], alt.LayerChart]) -> dict[str, Any]:
    """A chart as Vega, which a browser draws."""
    text = json.dumps(described(make()))
    found: dict[str, Any] = json.loads(
        kept(
            f"chart {MADE_BY} {VERSION} {text}",
            lambda: json.dumps(vl_convert.vegalite_to_vega(text, vl_version=VERSION)),
        )
    )
    return found


@cache
def library() -> str:
    """Vega and what embeds it, as a script for a page that reaches no network."""
    return kept(
        f"library {MADE_BY}",
        lambda: vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
    )


def svg(
    chart: alt.LayerChart,
    records: Sequence[Mapping[str, Any]],
    signals: Mapping[str, float],
) -> str:
    """A chart of these rows as an image, in light colours."""
    found = described(chart)
    found["data"] = {"name": "table", "values": list(records)}
    found["width"] = WIDTH
    found["config"] |= {"background": INK["paper"], "padding": 12}
    for layer in found["layer"]:
        if layer.get("data", {}).get("name") == "table":
            del layer["data"]
    for param in found.get("params", []):
        param["value"] = signals.get(param["name"], param["value"])
    text = json.dumps(found)
    for name, value in {**COLOURS, **INK}.items():
        text = text.replace(colour(name), value)
    return vl_convert.vegalite_to_svg(text, vl_version=VERSION)
