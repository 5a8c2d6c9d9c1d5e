"""Print every table and sentence of a run in a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from gradmeter.bench.numbers import arrays_text, bytes_text, percent, where_text
from gradmeter.bench.report import (
    causes,
    compared_calls,
    law_lists,
    laws,
    ordinary,
    prose,
    run_laws,
    sentences,
)
from gradmeter.bench.report.names import short_names
from gradmeter.bench.report.text import escape, plain
from gradmeter.bench.results.run import ORDINARY, Case, Run
from gradmeter.bench.verdicts import law_search, verdicts
from gradmeter.bench.verdicts.time_words import time_sentence
from gradmeter.bench.verdicts.verdicts import Row

MOST = 200  # comparisons, those with the largest effects first; the others are counted


def show(run: Run, console: Console, budgets: Mapping[str, str] | None = None) -> None:
    """Print every comparison, the largest effect on memory first, then failures and notes.

    Args:
        budgets: the outcome of each test's budget, by node id.
    """
    for test in run.self_tests:
        if not test.passed:
            problem = test.problem or f"measured {test.measured:,}, expected {test.expected:,}"
            console.print(f"[red]self-test failed[/]: {escape(test.name)}: {escape(problem)}")
    found = law_search.of_run(run)
    run_laws.show(run, found, console)
    pairs = verdicts.ordered(run)
    of_calls = [pair for pair in pairs if pair[0].size == ORDINARY]
    if of_calls:
        compared_calls.show(of_calls, run, console)
        pairs = [pair for pair in pairs if pair[0].size != ORDINARY]
    for comparison, rows in pairs[:MOST]:
        title = where_text(comparison.workload, comparison.size)
        _table(title + sentences.on_machine(rows[0].case), rows, console)
        for row in rows:
            if not row.is_baseline:
                lines = causes.lines(row)
                if lines or not laws.covering(found, row):
                    console.print(f"  {escape(sentences.sentence(row))}", highlight=False)
                for line in lines:
                    console.print(f"    {escape(line)}", highlight=False)
                counted = sentences.instructions_sentence(row)
                for line in filter(None, (sentences.left_sentence(row), counted)):
                    console.print(f"  {escape(line)}", highlight=False)
                for what, differences in sentences.functions(row).items():
                    console.print(f"    {what}:", highlight=False)
                    for line in differences:
                        console.print(f"      {escape(line)}", highlight=False)
                if row.time is not None and row.time.sure:
                    words = time_sentence(row, run.options)
                    console.print(f"  {escape(words)}", highlight=False)
        console.print()
    if len(pairs) > MOST:
        changed = sum(1 for _, rows in pairs[MOST:] if any(row.changes for row in rows))
        console.print(
            f"and {len(pairs) - MOST:,} more comparisons, {changed or 'none'} of them with other "
            "memory; gradmeter compare --markdown and report.md have them all\n",
            highlight=False,
        )
    lone = verdicts.lone(run)
    for case in lone:
        title = where_text(case.workload, case.size) + sentences.on_machine(case)
        _table(title, [verdicts.alone(case)], console)
        console.print()
    ordinary.show(run, console, budgets or {})
    law_lists.show_tests(run, console)
    measured = [case for case in run.cases if not case.ordinary]
    for case in measured:
        for surprise in sentences.surprises(case):
            console.print(f"[yellow]not as predicted[/]: {escape(case.title)}: {surprise}")
        if case.failure:
            colour = "red" if case.failed else "yellow"
            console.print(
                f"[{colour}]not measured[/]: {escape(case.title)}: {escape(case.failure.stage)}, "
                f"{escape(case.failure.kind)}: {escape(case.failure.message)}"
            )
    if not run.finished:
        how = "; gradmeter run --resume goes on with it" if measured or not run.cases else ""
        console.print(f"This run was not finished{how}.")
    if any(case.times and not case.ordinary for case in run.cases):
        console.print(escape(sentences.noise_text(run)), highlight=False)
    for line in [*prose.origins(run), *prose.grounds(run), *prose.notes(run)]:
        console.print(escape(line), highlight=False)
    if measured:
        console.print(_legend(run), highlight=False)
    if verdicts.calls(run):
        console.print(ordinary.LEGEND, highlight=False)
        for layer in ordinary.measured_layers(verdicts.calls(run)):
            console.print(ordinary.LAYER_LEGEND[layer], highlight=False)


def _table(title: str, rows: list[Row], console: Console) -> None:
    unit = rows[0].case.array_bytes
    arrays = f"  (1 array = {bytes_text(unit)})" if unit > 1 else ""
    table = Table(
        title=f"{escape(title)}{arrays}",
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    heap = any(row.case.heap for row in rows)
    table.add_column("variant", overflow="fold", min_width=16)
    beside = "heap peak\nheap held" if heap else "pre-\ndicted"
    clock = sentences.clock(rows)
    middle = f"median\n{sentences.CLOCKS[clock]}" if any(row.time for row in rows) else "median"
    for name in (middle, "ratio", "peak", "held", "cycle", beside, "resident\nsampled"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            *["\n".join(map(escape, cell.split("\n"))) for cell in _cells(row, heap, clock)]
        )
    console.print(table)
    first = list(filter(None, map(sentences.first_run_text, rows)))
    if first:
        words = "; ".join(first)
        console.print(f"  first run, warm-up and compilation: {escape(words)}", highlight=False)


def _cells(row: Row, heap: bool, clock: str) -> list[str]:
    case, memory, cycles = row.case, row.case.memory, row.case.cycles
    pair = case.variant, row.baseline.variant
    name = plain(short_names([pair])[pair] if row.compared else case.variant)
    name += " (baseline)" if row.is_baseline and row.compared else ""
    resident = "-"
    if case.residency is not None:
        sampled = case.residency.sampled
        resident = bytes_text(case.residency.bytes)
        resident += "\n" + ("-" if sampled is None else bytes_text(sampled))
    return [
        name,
        sentences.median_text(case, clock),
        _ratio(row, clock),
        _amount(memory.peak if memory else None, case),
        _amount(memory.held if memory else None, case),
        _amount(cycles.bytes if cycles else None, case),
        _heap(case) if heap else _prediction(case),
        resident,
    ]


def _heap(case: Case) -> str:
    if not case.heap:
        return "-"
    return f"{bytes_text(case.heap[-1].peak)}\n{bytes_text(case.heap[-1].held)}"


def _ratio(row: Row, clock: str) -> str:
    text = sentences.ratio_text(row, clock).replace(" ", "\n")
    if row.time is None:
        return text
    # Too few sets for an interval have no verdict.
    return f"{text}\n{row.time.word if row.time.sure else 'no verdict'}"


def _amount(count: int | None, case: Case) -> str:
    if count is None:
        return "-"
    arrays = f"\n{arrays_text(count, case.array_bytes)}" if case.array_bytes > 1 else ""
    return bytes_text(count) + arrays


def _prediction(case: Case) -> str:
    if case.predicted is None or case.memory is None:
        return "-"
    if not sentences.surprises(case):
        return "equal"
    return f"{arrays_text(case.predicted.peak, case.array_bytes)}\ndiffers"


def _legend(run: Run) -> str:
    return (
        "median: seconds of forward, backward and step, in CPU time, or in wall time where a "
        "program waits or computes on several cores. ratio: the variant's time divided by the "
        f"baseline's, over sets of fresh processes; in parentheses its "
        f"{percent(run.options.confidence)} interval, in brackets the smallest and largest ratio "
        "of sets that are too few for an interval. Effects within "
        f"{percent(run.options.effect)} count as the same. "
        "peak, held (with inputs and result), cycle (what only the collector frees): exact "
        "bytes of array data, and in arrays. "
        + (
            "heap: every byte the process took, as memray sees it; - where peak is: the "
            "engine's arrays are not NumPy's. "
            if any(case.heap for case in run.cases)
            else "predicted: derived by hand. "
        )
        + "resident: pages, "
        "within the larger of 512 kB and 1%; sampled: what memory_profiler saw of them."
        + (f" {sentences.INSTRUCTIONS}" if any(c.instructions for c in run.cases) else "")
    )
