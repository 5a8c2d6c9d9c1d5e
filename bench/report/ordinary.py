"""Render the calls of tests: one row per call, grouped by file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import markup
from rich.cells import chop_cells, set_cell_size
from rich.console import Console

from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import columns, sentences
from gradmeter.bench.report.names import shared_path
from gradmeter.bench.report.screen import Block, Line, Section
from gradmeter.bench.report.summary import Alike
from gradmeter.bench.report.text import markdown, plain
from gradmeter.bench.results import layers
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.verdicts import verdicts

WIDTH = 80  # columns at most
MOST = 20  # calls of a summary
NOTHING = ("-", "0", "0 B", "+0 B")
FIGURE = 6  # columns of a figure at least
LEGEND = (
    "Exact bytes of NumPy's array data that one call allocates, beyond what was there before it. "
    "peak: the most alive at once. held: alive with what it returned. cycle: what only the "
    "collector frees when that is dropped, in so many objects. Python's own objects and memory "
    "that native code takes for itself are not counted: 0 B says that NumPy took no memory for "
    'arrays, and "not seen" how far resident memory rose beyond the arrays, at least. allocs: how '
    "many blocks were allocated, freed or not."
)
LAYER_LEGEND = {
    layers.PYTHON: "Python objects: bytes of objects and of what they own, without array data, "
    "exact in this version of Python. held: after a collection. growth: what each further call "
    "leaves. allocated: of all blocks, freed or not.",
    layers.HEAP: "Whole heap: every byte that memray sees taken, from Python, the C library or the "
    "system, array data and Python's objects included, and a few hundred of memray's own at the "
    "peak.",
}
HEADS = ("peak", "held", "cycle", "objects", "allocs")
LAYER_FIGURES = ("peak", "held", "growth", "allocations", "allocated")


def by_file(run: Run) -> Iterator[tuple[str, list[tuple[str, Case]]]]:
    """Group the calls by test file, each named by its test and, in a comparison, its variant."""
    files: dict[str, list[tuple[str, Case]]] = {}
    for case in verdicts.calls(run):
        file, separator, name = case.workload.partition("::")
        name = f"{name or file} {case.variant}".rstrip()
        files.setdefault(file if separator else "", []).append((name, case))
    yield from files.items()


def show(run: Run, console: Console, budgets: Mapping[str, str]) -> None:
    """Print the calls in tables of at most 80 columns, with their remarks.

    Args:
        budgets: the outcome of each test's budget, by node id.
    """
    figures = ("peak", "held", "cycle", "objects", "allocs", *(["budget"] if budgets else []))
    for file, tests in by_file(run):
        if file:
            console.out(plain(file), style="bold", highlight=False)
        rows = [
            (plain(name), *_cells(case), *([budgets.get(case.workload, "-")] if budgets else []))
            for name, case in tests
        ]
        head, *lines = aligned([("test", *figures), *rows], min(console.width, WIDTH))
        console.out(head, style="bold", highlight=False)
        console.out("\n".join(lines), highlight=False)
        _show_layers(tests, console)
        for name, case in tests:
            for remark in sentences.remarks(case):
                line = markup.escape(f"{plain(name)}: {plain(remark)}")
                console.print(f"  [yellow]{line}[/]", highlight=False)
        console.print()


@dataclass(frozen=True)
class Chosen:
    """Which calls a summary shows: the first in an order, and how many.

    Attributes:
        order: "peak" and "held" have the largest first, or what changed most, "time" what took
            longest, "name" the names in the order of the alphabet; by default as "peak", or by
            the largest change of any figure.
    """

    order: str = ""
    most: int = MOST


ORDERS = ("peak", "held", "time", "name")


def chosen(order: str | None, most: int | None, option: str) -> Chosen | None:
    """Read which calls a summary shows; None where nothing is asked for.

    Args:
        option: that gave the order.

    Raises:
        UsageError: there is no such order.
    """
    if order is None and most is None:
        return None
    if order not in (None, *ORDERS):
        known = f"{option} {order!r}: calls are sorted by {', '.join(ORDERS)}"
        raise UsageError(f"{known}{suggestion(order or '', ORDERS)}")
    return Chosen(order or "", MOST if most is None else most)


def section(run: Run, budgets: Mapping[str, str], chosen: Chosen) -> Section | None:
    """The largest calls of a run as a table, without columns of nothing; None without calls.

    Args:
        budgets: the outcome of each test's budget, by node id.
    """
    cases = verdicts.calls(run)
    if not cases:
        return None
    order = chosen.order or ORDERS[0]
    keys: dict[str, Callable[[Case], Any]] = {
        "peak": lambda case: -(case.memory.peak if case.memory else -1),
        "held": lambda case: -(case.memory.held if case.memory else -1),
        "time": lambda case: -run.spent.get(case.workload, 0.0),
        "name": lambda case: case.title,
    }
    measured = [case for case in cases if case.memory or case.layers or case.workload in budgets]
    measured.sort(key=keys[order])
    shown, left = measured[: chosen.most], measured[chosen.most :]
    if not shown:
        return None
    path = shared_path([case.workload for case in shown])
    layered = [
        (f"{layer} {name}", layer, name)
        for layer in measured_layers(shown)
        for name in ("peak", "growth")
    ]
    heads = [*HEADS, *(head for head, *_ in layered), *(["budget"] if budgets else [])]
    rows = []
    for case in shown:
        row = [*_cells(case), *(_layer_cell(case, layer, name) for _, layer, name in layered)]
        rows.append([*row, *([budgets.get(case.workload, "-")] if budgets else [])])
    kept = [
        number
        for number, head in enumerate(heads)
        if head == "peak" or any(row[number] not in NOTHING for row in rows)
    ]
    lines = tuple(
        Line(f"{case.workload[len(path) :]} {case.variant}".rstrip(), tuple(row[n] for n in kept))
        for case, row in zip(shown, rows, strict=True)
    )
    rest = len(left)
    text = f"and {rest:,} more call{'s' * (rest != 1)}" if rest else ""
    empty = sum(not case.memory.peak for case in left if case.memory)
    if empty == rest > 0:
        text += ", with no array data"
    elif empty:
        text += f", {empty:,} of them with no array data"
    return Section(tuple(heads[n] for n in kept), (Block(path, lines),), text)


def remarks(run: Run) -> list[Alike]:
    """Sentences on calls besides their figures, those that say the same together."""
    titles: dict[str, list[str]] = {}
    for case in verdicts.calls(run):
        for remark in sentences.remarks(case):
            titles.setdefault(remark, []).append(case.title)
    found = [Alike(text, tuple(names)) for text, names in titles.items()]
    return sorted(found, key=lambda each: -len(each.titles))


def measured_layers(cases: Iterable[Case]) -> list[str]:
    """The layers other than array data in which any of these calls was measured."""
    present = {layer for case in cases for layer in case.layers}
    return [layer for layer in (layers.PYTHON, layers.HEAP) if layer in present]


def _show_layers(tests: Sequence[tuple[str, Case]], console: Console) -> None:
    for layer in measured_layers(case for _, case in tests):
        rows = [(plain(name), *_layer_cells(case, layer)) for name, case in tests]
        title = f"  {layers.TITLES[layer]}"
        heads = ("peak", "held", "growth", "allocs", "allocated")
        head, *lines = aligned([(title, *heads), *rows], min(console.width, WIDTH))
        console.out(head, style="bold", highlight=False)
        console.out("\n".join(lines), highlight=False)


def _layer_cells(case: Case, layer: str) -> list[str]:
    return [_layer_cell(case, layer, name) for name in LAYER_FIGURES]


def _layer_cell(case: Case, layer: str, name: str) -> str:
    figure = f"{layer}_{name}"
    value = layers.reading(case, figure).value
    if value is None:
        return "-"
    return f"{value:,}" if figure in layers.NUMBERS else bytes_text(value)


def layer_tables(run: Run) -> str:
    """The other layers of memory of the calls, a Markdown table each."""
    calls = verdicts.calls(run)
    parts = []
    for layer in measured_layers(calls):
        lines = [
            f"| {layers.TITLES[layer]} of | {' | '.join(LAYER_FIGURES)} |",
            "| --- |" + " ---: |" * len(LAYER_FIGURES),
        ]
        lines += [
            "| " + " | ".join([markdown(case.title), *_layer_cells(case, layer)]) + " |"
            for case in calls
        ]
        parts += ["\n".join(lines), LAYER_LEGEND[layer]]
    return "\n\n".join(parts)


def aligned(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Lay a head and rows out in lines: the names folded, the figures beside them to the right.

    By hand, since a table of the console takes a millisecond for a cell, and a suite has
    thousands of tests.
    """
    widths = [max(FIGURE, *map(len, column)) for column in list(zip(*rows, strict=True))[1:]]
    room = width - sum(widths) - len(widths)
    if room < columns.NARROWEST:  # names have lines of their own
        (_, *heads), *rest = rows
        return columns.aligned(heads, [(name, figures) for name, *figures in rest], width)
    lines = []
    for name, *cells in rows:
        first, *folded = chop_cells(name, room) or [""]
        figures = [cell.rjust(w) for cell, w in zip(cells, widths, strict=True)]
        lines += [" ".join([set_cell_size(first, room), *figures]), *folded]
    return lines


def table(run: Run) -> str:
    """The calls as a Markdown table, with their remarks."""
    lines = [
        "| test | peak | held | cycle | objects | allocations |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    remarks = []
    for case in verdicts.calls(run):
        lines.append("| " + " | ".join([markdown(case.title), *_cells(case)]) + " |")
        remarks += [
            f"- {markdown(f'{case.title}: {remark}')}" for remark in sentences.remarks(case)
        ]
    parts = ["\n".join(lines), layer_tables(run), "\n".join(remarks)]
    return "\n\n".join(filter(None, parts))


def _cells(case: Case) -> list[str]:
    memory, cycles, unseen = case.memory, case.cycles, case.unseen
    number = layers.reading(case, "allocations").value
    return [
        _bytes_text(memory.peak, bool(unseen and unseen.peak)) if memory else "-",
        _bytes_text(memory.held, bool(unseen and unseen.held)) if memory else "-",
        bytes_text(cycles.bytes) if cycles else "-",
        f"{cycles.objects:,}" if cycles else "-",
        "-" if number is None else f"{number:,}",
    ]


def _bytes_text(count: int, other: bool) -> str:
    """Bytes of arrays; where there are none, but ``other`` memory, that is not called 0 B."""
    return "not seen" if other and not count else bytes_text(count)
