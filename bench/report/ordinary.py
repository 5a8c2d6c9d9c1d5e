"""Render the calls of tests: one row per call, grouped by file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich import markup
from rich.console import Console
from rich.table import Table

from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import sentences
from gradmeter.bench.report.text import markdown, plain
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import verdicts

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
    for file, tests in by_file(run):
        table = Table(
            title=markup.escape(plain(file)) or None,
            title_justify="left",
            title_style="bold",
            box=None,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            width=min(console.width, 80),
        )
        table.add_column("test", overflow="fold", ratio=1)
        for name in ("peak", "held", "cycle", "objects", *(["budget"] if budgets else [])):
            table.add_column(name, justify="right", no_wrap=True, min_width=8)
        for name, case in tests:
            cells = [*_cells(case), *([budgets.get(case.workload, "-")] if budgets else [])]
            table.add_row(markup.escape(plain(name)), *cells)
        console.print(table)
        for name, case in tests:
            for remark in sentences.remarks(case):
                line = markup.escape(f"{plain(name)}: {plain(remark)}")
                console.print(f"  [yellow]{line}[/]", highlight=False)
        console.print()


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
