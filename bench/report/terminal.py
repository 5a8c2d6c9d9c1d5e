"""A run as tables in a terminal of 80 columns."""

from __future__ import annotations

import statistics

from rich import markup
from rich.console import Console
from rich.table import Table

from bench import verdicts
from bench.report.text import plain
from bench.results import Case, Run
from bench.verdicts import Row, arrays_text, bytes_text


def escape(text: str) -> str:
    """Show text as it is."""
    return markup.escape(plain(text))


def show(run: Run, console: Console) -> None:
    """Print every comparison, the largest effect on memory first, then what went wrong."""
    for test in run.self_tests:
        if not test.passed:
            problem = test.problem or f"measured {test.measured:,}, expected {test.expected:,}"
            console.print(f"[red]self-test failed[/]: {escape(test.name)}: {escape(problem)}")
    for comparison, rows in verdicts.ordered(run):
        _table(f"{comparison.workload} x {comparison.size:,}", rows, console)
        for row in rows:
            if not row.is_baseline:
                console.print(f"  {escape(verdicts.sentence(row))}", highlight=False)
        console.print()
    lone = verdicts.lone(run)
    for case in lone:
        _table(f"{case.workload} x {case.size:,}", [verdicts.alone(case)], console)
        console.print()
    for case in run.cases:
        for surprise in verdicts.surprises(case):
            console.print(f"[yellow]not as predicted[/]: {escape(case.title)}: {surprise}")
        if case.failure:
            console.print(
                f"[red]not measured[/]: {escape(case.title)}: {escape(case.failure.stage)}, "
                f"{escape(case.failure.kind)}: {escape(case.failure.message)}"
            )
    if not run.finished:
        console.print("This run was not finished; gradmeter run --resume goes on with it.")
    if run.cases:
        console.print(_legend(run), highlight=False)


def _table(title: str, rows: list[Row], console: Console) -> None:
    unit = rows[0].case.array_bytes
    table = Table(
        title=f"{escape(title)}  (1 array = {bytes_text(unit)})",
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("variant", overflow="fold", min_width=16)
    for name in ("median", "ratio", "peak", "held", "cycle", "predicted", "resident\nsampled"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*["\n".join(map(escape, cell.split("\n"))) for cell in _cells(row)])
    console.print(table)


def _cells(row: Row) -> list[str]:
    case, memory, cycles = row.case, row.case.memory, row.case.cycles
    name = plain(case.variant) + (" (baseline)" if row.is_baseline and row.compared else "")
    seconds = case.seconds
    resident = "-"
    if case.residency is not None:
        sampled = case.residency.sampled
        resident = bytes_text(case.residency.bytes)
        resident += "\n" + ("-" if sampled is None else bytes_text(sampled))
    return [
        name,
        verdicts.seconds_text(statistics.median(seconds)) if seconds else "-",
        verdicts.ratio_text(row).replace(" (", "\n("),
        _amount(memory.peak if memory else None, case),
        _amount(memory.held if memory else None, case),
        _amount(cycles.bytes if cycles else None, case),
        _prediction(case),
        resident,
    ]


def _amount(count: int | None, case: Case) -> str:
    if count is None:
        return "-"
    return f"{bytes_text(count)}\n{arrays_text(count, case.array_bytes)}"


def _prediction(case: Case) -> str:
    if case.predicted is None or case.memory is None:
        return "-"
    if not verdicts.surprises(case):
        return "equal"
    return f"{arrays_text(case.predicted.peak, case.array_bytes)}\nnot equal"


def _legend(run: Run) -> str:
    return (
        "median: seconds of forward, backward and step. ratio: to the baseline, median over "
        f"{run.options.sets} sets of fresh processes (smallest-largest); no verdict yet. "
        "peak, held (with inputs and result), cycle (what only the collector frees): exact "
        "bytes of array data, and in arrays. predicted: derived by hand. resident: pages, "
        "within the larger of 512 kB and 1%; sampled: what memory_profiler saw of them."
    )
