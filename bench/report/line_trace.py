"""Print a timeline by lines in a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from gradmeter.bench.lines import timeline as telling
from gradmeter.bench.lines.difference import differences
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report.lines import signed, table_of, where
from gradmeter.bench.report.text import escape
from gradmeter.bench.results.lines import LineTimeline, Moment, Place

ROWS = 12
LEAST_ROWS = 3
WORTH = 0.01  # the fraction of the peak below which a line gets no row


def show(name: str, timeline: LineTimeline, console: Console) -> None:
    """Print the peak of a timeline, and the lines that made what is alive there."""
    count = len(timeline.moments)
    console.print(
        f"[bold]{escape(name)}[/]: traced by lines, {count} moment{'s' * (count != 1)}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    number = telling.highest(timeline)
    if number is not None:
        _show_peak(timeline, number, console)
    console.print(
        f"at the end {bytes_text(timeline.held)} ({timeline.held:,} B) are alive", highlight=False
    )
    if timeline.problem:
        console.print(f"[red]lines may be missing[/]: {escape(timeline.problem)}", highlight=False)


def show_all(
    names: Sequence[str], timelines: Sequence[LineTimeline], moments: bool, console: Console
) -> None:
    """Print one timeline, or the difference of two.

    Args:
        moments: print every moment, too.
    """
    for name, timeline in zip(names, timelines, strict=True) if moments else ():
        if len(names) > 1:
            console.print(name, markup=False, highlight=False)
        show_moments(timeline, console)
    if len(names) == 1:
        show(names[0], timelines[0], console)
    else:
        show_difference((names[0], names[1]), (timelines[0], timelines[1]), console)


def _show_peak(timeline: LineTimeline, number: int, console: Console) -> None:
    moment = timeline.moments[number]
    _show_figure("", timeline, console)
    place = _place(timeline, moment)
    if place is not None and place.text:
        console.print(f"    {escape(place.text)}", highlight=False, no_wrap=True, crop=True)
    parts = telling.alive(timeline, moment)
    shown = [
        part
        for i, part in enumerate(parts)
        if i < LEAST_ROWS or part.place is None or part.bytes > WORTH * moment.peak
    ]
    shown = shown[: ROWS - 1] + shown[-1:] if len(shown) > ROWS else shown
    sizes = [bytes_text(part.bytes) for part in shown]
    made = [where(part.place) if part.place else telling.INSIDE for part in shown]
    source = [part.place.text if part.place else "" for part in shown]
    console.print(table_of(console.width, {"alive there": sizes}, source, place=made))
    rest = len(parts) - len(shown)
    if rest:
        size = sum(p.bytes for p in parts) - sum(p.bytes for p in shown)
        console.print(f"and arrays of {rest} more lines, {bytes_text(size)}", highlight=False)


def _show_figure(indent: str, timeline: LineTimeline, console: Console) -> None:
    number = telling.highest(timeline)
    moment = timeline.moments[number] if number is not None else None
    place = _place(timeline, moment) if moment else None
    inside = f"in {where(place)}" if place else "outside of the lines watched"
    position = f" ({number + 1} of {len(timeline.moments)})" if number is not None else ""
    phase = telling.phase_text(moment) if moment else ""
    console.print(
        f"{indent}peak {bytes_text(timeline.peak)} ({timeline.peak:,} B) {phase}"
        f"{escape(inside)}{position}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def show_moments(timeline: LineTimeline, console: Console) -> None:
    """Print every moment with its bytes."""
    moments = timeline.moments
    numbers = {"": [str(i) for i in range(1, len(moments) + 1)]}
    for name in ("before", "peak", "after"):
        numbers[name] = [f"{getattr(moment, name):,}" for moment in moments]
    if any(moment.phase for moment in moments):
        numbers["phase"] = [moment.phase for moment in moments]
    places = [_place(timeline, moment) for moment in moments]
    lines = [where(place) if place else "outside of the lines watched" for place in places]
    console.print(table_of(console.width, numbers, lines, title="line"))
    if timeline.merged > 1:
        console.print(f"each is the highest of {timeline.merged} moments in a row", highlight=False)


def show_difference(
    names: tuple[str, str], timelines: tuple[LineTimeline, LineTimeline], console: Console
) -> None:
    """Print both peaks, and the lines whose arrays differ there."""
    for letter, name, timeline in zip("AB", names, timelines, strict=True):
        console.print(f"{letter} [bold]{escape(name)}[/]", highlight=False, soft_wrap=True)
        _show_figure("  ", timeline, console)
        console.print(f"  at the end {bytes_text(timeline.held)}", highlight=False)
    found = differences(*timelines)
    if not found:
        console.print("the same lines hold the same bytes at both peaks", highlight=False)
        return
    numbers = {
        "A": [bytes_text(each.before) for each in found[:ROWS]],
        "B": [bytes_text(each.after) for each in found[:ROWS]],
        "difference": [signed(each.bytes) for each in found[:ROWS]],
    }
    made = [where(each.place) for each in found[:ROWS]]
    console.print(
        table_of(console.width, numbers, [each.place.text for each in found[:ROWS]], place=made)
    )
    if len(found) > ROWS:
        console.print(f"and {len(found) - ROWS} more lines", highlight=False)


def _place(timeline: LineTimeline, moment: Moment) -> Place | None:
    return timeline.places[moment.line] if moment.line is not None else None
