"""Print a timeline in a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report.text import escape
from gradmeter.bench.results.readings import ArrayLife, Timeline
from gradmeter.bench.timelines import explain
from gradmeter.bench.timelines.difference import difference

ROWS = 12
LEAST_ROWS = 3


def show(name: str, timeline: Timeline, console: Console) -> None:
    """Print the peak of a timeline, what is alive there, and what would lower it."""
    most, interval = explain.peak(timeline)
    count = len(timeline.operations)
    where = explain.when(timeline, interval)
    print_line = _line_printer(console)
    # No line break within a path, so that it can be copied.
    title = f"[bold]{escape(name)}[/]: {count} operation{'s' * (count != 1)}"
    console.print(title, highlight=False, soft_wrap=True)
    operation = explain.inside(timeline, interval)
    position = f" ({timeline.operations.index(operation) + 1} of {count})" if operation else ""
    print_line(f"peak {bytes_text(most)} ({most:,} B) {escape(where)}{position}")
    parts = explain.alive_at(timeline, interval)
    shown = [
        part
        for i, part in enumerate(parts[:ROWS])
        if i < LEAST_ROWS or part.bytes > explain.WORTH * most
    ]
    if shown:
        console.print(_alive(timeline, shown))
    rest = parts[len(shown) :]
    if rest:
        print_line(f"and {len(rest)} more, {bytes_text(sum(part.bytes for part in rest))}")
    before = explain.born_before(timeline)
    if sum(life.bytes for life in before) > explain.WORTH * most:
        size = bytes_text(sum(life.bytes for life in before))
        print_line(
            f"born before, and not counted: {len(before)} array{'s' * (len(before) != 1)}, {size}: "
            f"{escape(_names(before))}"
        )
    raised = [explain.title(o) for o in timeline.operations if o.raised]
    if raised:
        more = f" and {len(raised) - 4} more" if len(raised) > 4 else ""
        print_line(f"[red]did not end[/]: {escape(', '.join(raised[:4]))}{more}")
    advice = explain.advice(timeline)
    if advice:
        print_line("what would lower it:")
        for sentence in advice:
            console.print(Padding(escape(sentence), (0, 0, 0, 2), expand=False), highlight=False)
    end = timeline.levels[-1]
    print_line(f"at the end {bytes_text(end)} ({end:,} B) are alive")


def show_operations(timeline: Timeline, console: Console) -> None:
    """Print every operation with its bytes."""
    table = _table()
    table.add_column("", justify="right")
    table.add_column("operation", overflow="fold", min_width=20)
    for name in ("before", "peak", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    other = explain.unexplained(timeline)
    table.add_column("other", justify="right", no_wrap=True)
    for i, o in enumerate(timeline.operations, 1):
        figures = [f"{figure:,}" for figure in (o.before, o.peak, o.after, other[o.end])]
        table.add_row(str(i), escape(explain.title(o)), *figures)
    console.print(table)


def show_difference(
    names: tuple[str, str], timelines: tuple[Timeline, Timeline], console: Console
) -> None:
    """Print the first operation that differs, the arrays that only one has, and both peaks."""
    a, b = timelines
    print_line = _line_printer(console)
    differences = difference(a, b)
    for letter, name, timeline in zip("AB", names, timelines, strict=True):
        most, interval = explain.peak(timeline)
        where = escape(explain.when(timeline, interval))
        # As in `show`, no line break within a path.
        console.print(f"{letter} [bold]{escape(name)}[/]", highlight=False, soft_wrap=True)
        print_line(f"  peak {bytes_text(most)} ({most:,} B) {where}")
        print_line(f"  at the end {bytes_text(timeline.levels[-1])}")
    if differences.first is None:
        print_line("every operation is the same in both, to the byte")
    else:
        print_line(f"the first difference is at operation {differences.first + 1}:")
        table = _table()
        table.add_column("")
        table.add_column("operation", overflow="fold")
        for name in ("before", "peak", "after"):
            table.add_column(name, justify="right", no_wrap=True)
        for letter, timeline in zip("AB", timelines, strict=True):
            if differences.first < len(timeline.operations):
                o = timeline.operations[differences.first]
                figures = [f"{figure:,}" for figure in (o.before, o.peak, o.after)]
                table.add_row(letter, escape(explain.title(o)), *figures)
            else:
                table.add_row(letter, "has ended", "", "", "")
        console.print(table)
    for letter, timeline, lives in (("A", a, differences.only_a), ("B", b, differences.only_b)):
        if lives:
            print_line(f"only {letter} has {len(lives)} array{'s' * (len(lives) != 1)}:")
            for life in _largest(lives):
                print_line(
                    f"  {escape(life.name)}, {bytes_text(life.bytes)}, born "
                    f"{escape(explain.birth(timeline, life))}, "
                    f"{escape(explain.death(timeline, life))}"
                )
            _print_rest(lives, print_line)
    if differences.moved:
        print_line(f"{len(differences.moved)} of the arrays that both have die elsewhere:")
        for ours, theirs in sorted(differences.moved, key=lambda pair: -pair[0].bytes)[:ROWS]:
            print_line(f"  {escape(ours.name)}, {bytes_text(ours.bytes)}:")
            print_line(
                f"    A {escape(explain.death(a, ours))}; B {escape(explain.death(b, theirs))}"
            )
        _print_rest([ours for ours, _ in differences.moved], print_line)


def _alive(timeline: Timeline, parts: list[explain.Alive]) -> Table:
    table = _table()
    table.add_column("alive there", overflow="fold", min_width=16)
    table.add_column("what it is", no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True)
    table.add_column("born", overflow="fold")
    for part in parts:
        born = explain.birth(timeline, part.life) if part.life else ""
        table.add_row(escape(part.name), part.category, f"{part.bytes:,}", escape(born))
    return table


def _line_printer(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(text, highlight=False)


def _print_rest(lives: list[ArrayLife], print_line: Callable[[str], None]) -> None:
    if len(lives) > ROWS:
        print_line(f"  and {len(lives) - ROWS} more")


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)


def _largest(lives: list[ArrayLife]) -> list[ArrayLife]:
    return sorted(lives, key=lambda life: -life.bytes)[:ROWS]


def _names(lives: list[ArrayLife]) -> str:
    more = ", ..." if len(lives) > 4 else ""
    return ", ".join(life.name for life in lives[:4]) + more
