"""Show a trace or a measured call: as text, and as one output of a notebook.

The text is what a terminal of 80 columns gets. A notebook gets it as it is, and the charts below.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from html import escape

from rich.console import Console

from gradmeter.bench.errors import UsageError
from gradmeter.bench.installing import install
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import extra
from gradmeter.bench.report import lines as line_report
from gradmeter.bench.report import trace as timeline_report
from gradmeter.bench.report.files import timeline_html
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.lines import Lines, Source
from gradmeter.bench.results.measured_call import MeasuredCall
from gradmeter.bench.results.readings import Timeline

WIDTH = 80
FITTING = 'style="max-width: 100%; height: auto"'  # a notebook's column may be narrow


def printed(show: Callable[[Console], None], width: int = WIDTH) -> str:
    """What a report prints, as text, also inside of a notebook."""
    with io.StringIO() as text:
        console = Console(
            file=text, width=width, emoji=False, color_system=None,
            force_jupyter=False, force_terminal=False,
        )  # fmt: skip
        show(console)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).rstrip()


def preformatted(text: str) -> str:
    """A text for a notebook, every character and space of it kept."""
    return f"<pre>{escape(text)}</pre>"


def trace_text(timeline: Timeline, lines: Lines | None) -> str:
    """A traced block in words: its operations if it has any, and its lines."""

    def show(console: Console) -> None:
        if timeline.operations or lines is None:
            timeline_report.show("trace", timeline, console)
            if lines is not None:
                line_report.show_lines(lines, console)
        else:
            line_report.show("trace", lines, console)

    return printed(show)


def trace_html(timeline: Timeline, lines: Lines | None) -> str:
    """A traced block for a notebook: its words, and the charts of its operations."""
    text = preformatted(trace_text(timeline, lines))
    return text + (_charts(timeline) if timeline.operations else "")


def _charts(timeline: Timeline) -> str:
    if extra.missing():
        return f"<p>the charts need {escape(install(*extra.missing()))}</p>"
    try:
        return timeline_html(timeline).replace("<svg ", f"<svg {FITTING} ")
    except UsageError as problem:
        return f"<p>{escape(plain(str(problem)))}</p>"


def figures_text(call: MeasuredCall) -> str:
    """The exact figures of a call in one line."""
    cycle = f"{call.cycle:,} B"
    if call.objects:
        cycle += f" in {call.objects:,} object{'s' * (call.objects != 1)}"
    return (
        f"peak {call.peak:,} B, held {call.held:,} B, cycle {cycle}, {_growth_text(call)}"
        f"{_first_text(call)}"
    )


def _growth_text(call: MeasuredCall) -> str:
    if call.growth is None:
        return f"growth unknown: one call left {call.left:,} B"
    return f"growth {call.growth:,} B"


def _first_text(call: MeasuredCall) -> str:
    if not call.first:
        return ""
    differing = ", ".join(f"{name} {figure:,} B" for name, figure in call.first.items())
    return f"; the first call had {differing}"


def call_text(call: MeasuredCall) -> str:
    """A measured call in words: its figures in one line, and what is alive at the peak."""
    return "\n".join(filter(None, [f"{plain(call.name)}: {figures_text(call)}", _peak_text(call)]))


def _peak_text(call: MeasuredCall) -> str:
    if call.lines is None or not call.lines.peak.stack:
        return ""
    lines = call.lines
    most = lines.peak.bytes
    title = "peak" if most == call.peak else f"peak {most:,} B of the call whose lines were counted"

    def show(console: Console) -> None:
        line_report.show_peak(title, lines, console)
        line_report.show_lines(lines, console)

    return printed(show)


def functions_text(names: str, reading: Lines, sources: Sequence[Source]) -> str:
    """The lines of functions in words, as they are written."""

    def show(console: Console) -> None:
        if not any(line.hits for line in reading.lines):
            console.print(f"the statement did not run {names}", highlight=False, markup=False)
            return
        peak = reading.peak.bytes
        line_report.show_peak(f"peak {line_report.exact(peak)}", reading, console)
        line_report.show_functions(reading, sources, console)

    return printed(show, width=120)


MEANINGS = {
    "peak": "the most alive at once",
    "held": "alive while the returned value is held",
    "cycle": "only the collector frees them, when it is dropped",
    "growth": "that each further call adds",
}


def call_html(call: MeasuredCall) -> str:
    """A measured call for a notebook: a table of its figures, and what is alive at the peak."""
    figures = {"peak": call.peak, "held": call.held, "cycle": call.cycle, "growth": call.growth}
    rows = "".join(
        f"<tr><th>{name}</th><td>{'unknown' if figure is None else bytes_text(figure)}</td>"
        f"<td>{'' if figure is None else f'{figure:,} B'}</td>"
        f"<td>{_meaning(call, name)}</td></tr>"
        for name, figure in figures.items()
    )
    parts = [f"<table><caption>{escape(plain(call.name))}</caption>{rows}</table>"]
    if call.first:
        parts.append(f"<p>{escape(_first_text(call).removeprefix('; '))}</p>")
    peak = _peak_text(call)
    return "\n".join(parts) + (preformatted(peak) if peak else "")


def _meaning(call: MeasuredCall, name: str) -> str:
    if name == "growth" and call.growth is None:
        return f"one call left {call.left:,} B"
    if name == "cycle" and call.objects:
        return f"{MEANINGS[name]}; in {call.objects:,} objects"
    return MEANINGS[name]
