"""Print a timeline by lines in a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from gradmeter.bench.lines import timeline as telling
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report.lines import signed, where
from gradmeter.bench.report.terminal import escape
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
    table = _table()
    table.add_column("alive there", justify="right", no_wrap=True)
    table.add_column("made by", overflow="fold", min_width=24, max_width=40)
    table.add_column("", overflow="ellipsis", no_wrap=True)
    for part in shown:
        made = where(part.place) if part.place else telling.INSIDE
        text = part.place.text if part.place else ""
        table.add_row(bytes_text(part.bytes), escape(made), escape(text))
    console.print(table)
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
    table = _table()
    table.add_column("", justify="right")
    for name in ("before", "peak", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("phase", no_wrap=True)
    table.add_column("line", overflow="ellipsis", no_wrap=True)
    for i, moment in enumerate(timeline.moments, 1):
        place = _place(timeline, moment)
        table.add_row(
            str(i), *(f"{n:,}" for n in (moment.before, moment.peak, moment.after)),
            moment.phase, escape(where(place)) if place else "outside of the lines watched",
        )  # fmt: skip
    console.print(table)
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
    found = telling.differences(*timelines)
    if not found:
        console.print("the same lines hold the same bytes at both peaks", highlight=False)
        return
    table = _table()
    for name in ("A", "B", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("alive at the peak, made by", overflow="fold", min_width=24, max_width=34)
    table.add_column("", overflow="ellipsis", no_wrap=True)
    for each in found[:ROWS]:
        table.add_row(
            bytes_text(each.first), bytes_text(each.second), signed(each.second - each.first),
            escape(where(each.place)), escape(each.place.text),
        )  # fmt: skip
    console.print(table)
    if len(found) > ROWS:
        console.print(f"and {len(found) - ROWS} more lines", highlight=False)


def _place(timeline: LineTimeline, moment: Moment) -> Place | None:
    return timeline.places[moment.line] if moment.line is not None else None


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
