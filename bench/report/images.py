"""The charts as images: for Markdown, and for a notebook."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path

import vl_convert

from bench import files
from bench.report import charts, figures, timeline_charts, timelines, vega
from bench.report.markdown import Image
from bench.report.tables import Figure
from bench.report.text import plain
from bench.results import Run, Timeline

TELLING = ("largest", "time", "timeline")  # what a short report shows
UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))


def write(run: Run, folder: Path) -> list[Image]:
    """Write every chart that a page shows at its top and once of each kind, as SVG and PNG.

    Returns:
        Those that a short report shows.

    Raises:
        OSError: they cannot be written.
    """
    telling = []
    for name, figure in chosen(run).items():
        drawn = svg(figure)
        files.write(folder / f"{name}.svg", drawn.encode())
        files.write(folder / f"{name}.png", vl_convert.svg_to_png(drawn, scale=1.5))
        if name in TELLING:
            telling.append(Image(f"{name}.svg", figure.title, figure.fact))
    return telling


def chosen(run: Run) -> dict[str, Figure]:
    """The figures worth an image, by name."""
    found: dict[str, Figure | None] = {
        "largest": figures.largest(run),
        "time": figures.times(run),
        "views": figures.views(run),
    }
    panels, _ = timelines.panels(run)
    if panels:
        # The baseline comes first, then the largest effect.
        pair = panels[0].pairs[:2][-1]
        where = f"on {panels[0].title}"
        found["timeline"] = replace(pair.stack, title=f"What is alive when: {pair.name} {where}")
        found["lives"] = replace(pair.lives, title=f"When each array lives: {pair.name} {where}")
        if len(panels[0].pairs) > 1:
            found["timeline-baseline"] = panels[0].pairs[0].stack
    found |= {f"growth-{i}": figure for i, figure in enumerate(figures.growth(run), 1)}
    return {name: figure for name, figure in found.items() if figure is not None}


def svg(figure: Figure, unit: str = "arrays") -> str:
    """A figure as an image."""
    make = charts.KINDS[figure.kind]
    if figure.kind == "stack":
        make = partial(timeline_charts.stack, unit, legend=True)
    return vega.svg(make(), figure.table.records(figure.most), figure.signals)


def timeline_html(timeline: Timeline) -> str:
    """A timeline for a notebook: two charts without scripts, each with its words."""
    scale, unit = next((s, u) for s, u in UNITS if s <= max(1, *timeline.peaks))
    pair = timelines.side_by_side([("", timeline)], 1)[0]
    pair.stack.signals["unit"] = scale
    parts = []
    for figure in (pair.stack, pair.lives):
        fact = escape(plain(figure.fact))
        drawn = f'<div role="img" aria-label="{fact}">{svg(figure, unit)}</div>'
        parts.append(f"<figure><figcaption>{fact}</figcaption>{drawn}</figure>")
    parts += [f"<p>{escape(plain(sentence))}</p>" for sentence in pair.advice]
    return "\n".join(parts)
