"""Render the calls of tests: one row per call, grouped by file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich import markup
from rich.cells import chop_cells, set_cell_size
from rich.console import Console

from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import sentences
from gradmeter.bench.report.text import markdown, plain
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import verdicts

WIDTH = 80  # columns at most
FIGURE = 8  # columns of a figure at least
LEGEND = (
    "Exact bytes of NumPy's array data that one call allocates, beyond what was there before it. "
    "peak: the most alive at once. held: alive with what it returned. cycle: what only the "
    "collector frees when that is dropped, in so many objects. Python's own objects and memory "
    "that native code takes for itself are not counted: 0 B says that NumPy took no memory for "
    'arrays, and "not seen" how far resident memory rose beyond the arrays, at least.'
)


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
    figures = ("peak", "held", "cycle", "objects", *(["budget"] if budgets else []))
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
        for name, case in tests:
            for remark in sentences.remarks(case):
                line = markup.escape(f"{plain(name)}: {plain(remark)}")
                console.print(f"  [yellow]{line}[/]", highlight=False)
        console.print()


def aligned(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Lay rows out in lines: the names folded, the figures beside them to the right.

    By hand, since a table of the console takes a millisecond for a cell, and a suite has
    thousands of tests.
    """
    widths = [max(FIGURE, *map(len, column)) for column in list(zip(*rows, strict=True))[1:]]
    room = max(16, width - sum(widths) - len(widths))
    lines = []
    for name, *cells in rows:
        first, *folded = chop_cells(name, room) or [""]
        figures = [cell.rjust(w) for cell, w in zip(cells, widths, strict=True)]
        lines += [" ".join([set_cell_size(first, room), *figures]), *folded]
    return lines


def table(run: Run) -> str:
    """The calls as a Markdown table, with their remarks."""
    lines = [
        "| test | peak | held | cycle | objects |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    remarks = []
    for case in verdicts.calls(run):
        lines.append("| " + " | ".join([markdown(case.title), *_cells(case)]) + " |")
        remarks += [
            f"- {markdown(f'{case.title}: {remark}')}" for remark in sentences.remarks(case)
        ]
    return "\n".join(lines) + ("\n\n" + "\n".join(remarks) if remarks else "")


def _cells(case: Case) -> list[str]:
    memory, cycles, unseen = case.memory, case.cycles, case.unseen
    return [
        _bytes_text(memory.peak, bool(unseen and unseen.peak)) if memory else "-",
        _bytes_text(memory.held, bool(unseen and unseen.held)) if memory else "-",
        bytes_text(cycles.bytes) if cycles else "-",
        f"{cycles.objects:,}" if cycles else "-",
    ]


def _bytes_text(count: int, other: bool) -> str:
    """Bytes of arrays; where there are none, but ``other`` memory, that is not called 0 B."""
    return "not seen" if other and not count else bytes_text(count)
