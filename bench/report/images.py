"""Render charts as images, for Markdown and for notebooks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path

import vl_convert

from gradmeter.bench.report import charts, figures, memory_figures, timeline_charts, timelines, vega
from gradmeter.bench.report.markdown import Image
from gradmeter.bench.report.tables import Figure
from gradmeter.bench.report.text import plain
from gradmeter.bench.results import files
from gradmeter.bench.results.readings import Timeline
from gradmeter.bench.results.run import Run

TELLING = ("largest", "time", "timeline")  # what a short report shows
UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))


def write(run: Run, folder: Path) -> list[Image]:
    """Write the chosen figures of a run, each as SVG and as PNG.

    Returns:
        The images that a short report shows.

    Raises:
        OSError: a file cannot be written.
    """
    report_images = []
    for name, figure in chosen(run).items():
        drawn = svg(figure)
        files.write(folder / f"{name}.svg", drawn.encode())
        files.write(folder / f"{name}.png", vl_convert.svg_to_png(drawn, scale=1.5))
        if name in TELLING:
            report_images.append(Image(f"{name}.svg", figure.title, figure.fact))
    return report_images


def chosen(run: Run) -> dict[str, Figure]:
    """The figures that are written as images, by name."""
    by_name: dict[str, Figure | None] = {
        "largest": memory_figures.largest(run),
        "time": figures.times(run),
        "views": figures.views(run),
    }
    panels = [*timelines.panels(run).values()]
    if panels:
        # The baseline comes first, then the largest effect.
        pair = panels[0].pairs[:2][-1]
        where = f"on {panels[0].title}"
        by_name["timeline"] = replace(pair.stack, title=f"What is alive when: {pair.name} {where}")
        by_name["lives"] = replace(pair.lives, title=f"When each array lives: {pair.name} {where}")
        if len(panels[0].pairs) > 1:
            by_name["timeline-baseline"] = panels[0].pairs[0].stack
    by_name |= {f"growth-{i}": figure for i, figure in enumerate(figures.growth(run), 1)}
    return {name: figure for name, figure in by_name.items() if figure is not None}


def svg(figure: Figure, unit: str = "arrays") -> str:
    """A figure as an image."""
    make = charts.KINDS[figure.kind]
    if figure.kind == "stack":
        make = partial(timeline_charts.stack, unit, legend=True)
    return vega.svg(make(), figure.table.records(figure.most), figure.signals)


def timeline_html(timeline: Timeline) -> str:
    """Render a timeline for a notebook: two charts without scripts, each with its fact."""
    scale, unit = next((s, u) for s, u in UNITS if s <= max(1, *timeline.peaks))
    pair = timelines.side_by_side([("", timeline)], 1)[0]
    pair.stack.signals["unit"] = scale
    parts = []
    for figure in (pair.stack, pair.lives):
        fact = escape(plain(figure.fact))
        drawn = f'<div role="img" aria-label="{fact}">{svg(figure, unit)}</div>'
        parts.append(f"<figure><figcaption>{fact}</figcaption>{drawn}</figure>")
    return "\n".join(parts)
