"""Render a run as Markdown for a job summary or a comment: short first, details folded."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from gradmeter.bench.numbers import arrays_text, bytes_text, seconds_text
from gradmeter.bench.report import (
    causes,
    comparison,
    law_lists,
    laws,
    one_screen,
    ordinary,
    prose,
    run_laws,
    sentences,
    summary_tables,
)
from gradmeter.bench.report.text import markdown as _text
from gradmeter.bench.results.run import ORDINARY, Case, Comparison, Options, Run
from gradmeter.bench.verdicts import law_search, verdicts
from gradmeter.bench.verdicts.laws import FamilyLaws
from gradmeter.bench.verdicts.time_words import time_sentence
from gradmeter.bench.verdicts.verdicts import Row

TOP = 8


@dataclass(frozen=True)
class Image:
    """An image beside the report: its path, its title, and the fact that it shows."""

    path: str
    title: str
    fact: str


def render(run: Run, images: Sequence[Image] = ()) -> str:
    """Return the report; ``images`` are those written beside it."""
    found = law_search.of_run(run)
    screen = summary_tables.as_markdown(one_screen.of_run(run, found))
    parts = [f"# {prose.heading(run)}", _summary(run), screen, *map(_image, images)]
    failed = [case for case in run.cases if case.failure and not case.ordinary]
    if failed:
        parts.append("## Not measured\n\n" + "\n".join(map(_failure, failed)))
    surprised = [f"- {_name(c)}: {s}" for c in run.cases for s in sentences.surprises(c)]
    if surprised:
        parts.append("## Not as predicted\n\n" + "\n".join(surprised))
    if verdicts.calls(run):
        parts.append("## The calls of ordinary tests\n\n" + ordinary.table(run))
    if of_tests := law_lists.tests_markdown(run):
        parts.append(f"## Laws of tests\n\n{of_tests}")
    # The summary says what the laws need that is not installed.
    if found and (told := run_laws.as_markdown(run, found)):
        parts.append(f"## Laws\n\n{told}")
    pairs = verdicts.ordered(run)
    candidates = [row for _, rows in pairs for row in rows if not row.is_baseline]
    calls = [row for row in candidates if row.case.ordinary]
    if calls:
        changed = list(filter(comparison.changed, calls))
        table = comparison.table(changed) if changed else "No call changed."
        shown = "" if comparison.is_idle(calls) else f"\n\n{table}"
        parts.append(f"## {_text(comparison.headline(run)).capitalize()}{shown}")
    others = [row for row in candidates if not row.case.ordinary]
    others.sort(key=lambda row: (not row.exact, -row.effect))
    if others:
        effects, cause = [], causes.Causes()
        for text, row in laws.effects(found, others)[:TOP]:
            effects.append(f"- {_text(text)}")
            effects += [f"  - {_text(line)}" for line in cause.lines(row)]
        parts.append("## The largest effects on memory\n\n" + "\n".join(effects))
    if any(case.times and not case.ordinary for case in run.cases):
        noise = _text(sentences.noise_text(run))
        parts.append(noise[0].upper() + noise[1:])
    for compared, rows in pairs:
        title = _where(compared)
        parts.append(_folded(title, _table(rows, run.options, found)))
    parts += [
        *[
            _folded(_name(case), _table([verdicts.alone(case)], run.options, found))
            for case in verdicts.lone(run)
        ],
        *(
            [_folded("Exact, resident and sampled memory side by side", _three_views(run))]
            if len(verdicts.calls(run)) < len(run.cases)
            else []
        ),
        _folded("How to read this", _legend(run)),
        _folded("Environment and self-tests", _environment(run)),
    ]
    return "\n\n".join(parts) + "\n"


def _image(image: Image) -> str:
    return f"**{_text(image.title)}**\n\n![{_text(image.fact)}]({quote(image.path)})"


def _summary(run: Run) -> str:
    lines = [_text(line) for line in prose.summary(run)]
    return " ".join([*lines, *[f"**{_text(line)}**" for line in prose.untrusted(run)]])


def _table(rows: list[Row], options: Options, found: Sequence[FamilyLaws]) -> str:
    first = rows[0].case
    policies = ", ".join(dict.fromkeys(row.case.allocator for row in rows))
    heap = any(row.case.heap for row in rows)
    arrays = f"1 array = {bytes_text(first.array_bytes)}; " if first.array_bytes > 1 else ""
    clock = sentences.clock(rows)
    middle = "median" + f" ({sentences.CLOCKS[clock]})" * any(row.time for row in rows)
    machine = f", measured on {_text(first.machine)}" if first.machine else ""
    lines = [
        f"{arrays}collector {_text(first.collector)}, allocator {policies}{machine}",
        "",
        f"| variant | {middle} | forward | backward | first run | ratio | peak | held | cycle "
        "| objects | allocations | predicted peak | "
        + "heap peak | heap held | " * heap
        + "resident |",
        "| --- " + "| ---: " * (12 + 2 * heap) + "|",
    ]
    remarks = []
    for row in rows:
        lines.append("| " + " | ".join(_cells(row, heap, clock)) + " |")
        if not row.is_baseline:
            source = causes.lines(row)
            if source or not laws.covering(found, row):
                remarks.append(f"- {_text(sentences.sentence(row))}")
            remarks += [f"  - {_text(line)}" for line in source]
            left = sentences.left_sentence(row)
            if left:
                remarks.append(f"- {_text(left)}")
            counted = sentences.instructions_sentence(row)
            if counted:
                remarks.append(f"- {_text(counted)}")
                for what, differences in sentences.functions(row).items():
                    remarks.append(f"  - {_text(what)}:")
                    remarks += [f"    - {_text(line)}" for line in differences]
            if row.time is not None and row.time.sure:
                remarks.append(f"- {_text(time_sentence(row, options))}")
    slow = list(filter(None, map(sentences.first_run_text, rows)))
    if slow:
        remarks.append(f"- first run, warm-up and compilation: {_text('; '.join(slow))}")
    return "\n".join(lines) + ("\n\n" + "\n".join(remarks) if remarks else "")


def _cells(row: Row, heap: bool, clock: str) -> list[str]:
    case, memory, cycles = row.case, row.case.memory, row.case.cycles
    name = _text(case.variant) + (" (baseline)" if row.is_baseline and row.compared else "")
    forward = [s for times in case.times for s in times.forward]
    backward = [s for times in case.times for s in times.backward]
    peak = case.predicted.peak if case.predicted else None
    return [
        name,
        sentences.median_text(case, clock),
        _seconds(forward),
        _seconds(backward),
        "-" if case.first_run is None else seconds_text(case.first_run, 2),
        sentences.ratio_text(row, clock)
        + (f" {row.time.word}" if row.time and row.time.sure else ""),
        _amount(memory.peak if memory else None, case),
        _amount(memory.held if memory else None, case),
        _amount(cycles.bytes if cycles else None, case),
        f"{cycles.objects:,}" if cycles else "-",
        sentences.allocations_text(case),
        arrays_text(peak, case.array_bytes) if peak is not None else "-",
        *([_heap(case, "peak"), _heap(case, "held")] if heap else []),
        bytes_text(case.residency.bytes) if case.residency else "-",
    ]


def _three_views(run: Run) -> str:
    lines = [
        "`exact` is array data to the byte. `resident` is physical memory at its peak, `left` "
        "when all is dropped, "
        "`sampled` what memory_profiler saw of it from outside. `on` is the exact peak of "
        "a loop with the collector on; it depends on when the collector runs.",
        "",
        "| case | exact | resident | left | sampled | missed by sampling | samples | on |",
        "| --- " + "| ---: " * 7 + "|",
    ]
    for case in run.cases:
        residency = case.residency
        if case.memory is None or residency is None:
            continue
        missed = "-"
        if residency.sampled is not None and residency.bytes > 0:
            missed = f"{max(0.0, 1 - residency.sampled / residency.bytes):.0%}"
        label = "" if residency.method == "reset peak" else f" ({_text(residency.method)})"
        cells = [
            _name(case),
            bytes_text(case.memory.peak),
            bytes_text(residency.bytes) + label,
            "-" if residency.left is None else bytes_text(max(residency.left, 0)),
            "-" if residency.sampled is None else bytes_text(residency.sampled),
            missed,
            f"{residency.samples}",
            "-" if case.collected_peak is None else bytes_text(case.collected_peak),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _legend(run: Run) -> str:
    return "\n".join(
        f"- {', '.join(f'`{term}`' for term in terms)}: {_text(meaning)}"
        if terms
        else f"- {_text(meaning)}"
        for terms, meaning in prose.legend(run)
    )


def _environment(run: Run) -> str:
    return "\n".join(f"- {_text(line)}" for line in prose.environment(run))


def _seconds(seconds: list[float]) -> str:
    return seconds_text(statistics.median(seconds), 2) if any(seconds) else "-"


def _amount(count: int | None, case: Case) -> str:
    if count is None:
        return "-"
    arrays = f" ({arrays_text(count, case.array_bytes)})" if case.array_bytes > 1 else ""
    return bytes_text(count) + arrays


def _heap(case: Case, part: str) -> str:
    return bytes_text(getattr(case.heap[-1], part)) if case.heap else "-"


def _failure(case: Case) -> str:
    assert case.failure is not None
    f = case.failure
    return f"- {_name(case)}: {_text(f.stage)}, {_text(f.kind)}: {_text(f.message)}"


def _name(case: Case) -> str:
    return f"{_where(case)} {_text(case.variant)}".rstrip()


def _where(of: Case | Comparison) -> str:
    size = "" if of.size == ORDINARY else f" &times; {of.size:,}"
    return f"{_text(of.workload)}{size}"


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"
