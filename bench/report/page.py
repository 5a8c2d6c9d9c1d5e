"""Render a run as one self-contained HTML page: the picture of all, then its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradmeter.bench.numbers import percent
from gradmeter.bench.report import (
    figures,
    laws,
    line_figures,
    matrix,
    matrix_cells,
    memory_figures,
    prose,
    sections,
    sentences,
    summary,
    template,
    timelines,
)
from gradmeter.bench.report.colours import OF_CATEGORY
from gradmeter.bench.report.matrix_cells import Cell
from gradmeter.bench.report.names import short_names
from gradmeter.bench.report.summary import Amount
from gradmeter.bench.report.tables import Figure
from gradmeter.bench.report.timelines import Panel
from gradmeter.bench.results.run import Run
from gradmeter.bench.timelines.drawing import MEANINGS
from gradmeter.bench.verdicts import law_search
from gradmeter.bench.verdicts.verdicts import Row

FEW = 3  # sizes that are named
EFFECTS = 3  # at the top, with their timelines
STYLES = ("page.css", "matrix.css")


@dataclass(frozen=True)
class Effect:
    """One of the largest effects: its timelines where it has some, or else its figure."""

    name: str
    where: str
    cells: list[tuple[str, Cell]]
    anchor: str
    figure: Figure | None
    panel: Panel | None


def render(run: Run) -> str:
    """Return the page."""
    shown = _content(run)
    drawn = [shown["times"], shown["views"], *shown["growth"]]
    drawn += [each.figure for each in shown["effects"]]
    for section in shown["every"]:
        drawn += [section.memory, section.rounds]
    for panel in [each.panel for each in (*shown["effects"], *shown["every"]) if each.panel]:
        drawn += [figure for pair in panel.pairs for figure in (pair.stack, pair.lives)]
    drawn += [view.stack for panel in shown["lines"] for view in panel.views]
    kinds = {figure.kind for figure in drawn if figure}
    return template.render(
        "page.html.j2", kinds, styles=STYLES, **shown, run=run, categories=OF_CATEGORY,
        meanings=MEANINGS, steps=matrix_cells.STEPS,
    )  # fmt: skip


def _content(run: Run) -> dict[str, Any]:
    """The values of the page, by their names in the template."""
    found = law_search.of_run(run)
    short = summary.of_run(run, found)
    places = sections.anchors(run)
    of_pair = matrix.amounts(short)
    grids = matrix.grids(run, short, places)
    measures = [m for m in matrix_cells.MEASURES if any(grid.measure == m for grid in grids)]
    every = list(sections.sections(run, places, timelines.panels(run)))
    content: dict[str, Any] = {
        "heading": prose.heading(run),
        "subject": _subject(run, short),
        "counts": _counts(run),
        "untrusted": prose.untrusted(run),
        "failures": short.failures,
        "surprises": short.surprises,
        "grids": grids,
        "measures": measures,
        "effects": [
            _effect(run, row, of_pair.get(matrix.pair(row), {}), measures, places)
            for row in memory_figures.largest_effects(run, EFFECTS)
        ],
        "laws": laws.table(run, found),
        "no_laws": law_search.lacking(run),
        "times": figures.times(run),
        "noise": _sentence(sentences.noise_text(run)),
        "effect": percent(run.options.effect),
        "every": every,
        "workloads": any(not case.ordinary for case in run.cases),
        "lines": line_figures.panels(run),
        "growth": figures.growth(run),
        "views": figures.views(run),
        "environment": prose.environment(run),
        "legend": prose.legend(run),
    }
    present = {
        "overview": ("Overview", True),
        "effects": ("Largest effects", content["effects"]),
        "laws": ("Laws", content["laws"] or content["no_laws"]),
        "time": ("Time", content["times"]),
        "cases": ("Every case", every),
        "lines": ("Where the bytes are", content["lines"]),
        "growth": ("Growth of time", content["growth"]),
        "views": ("Three views", content["views"]),
        "environment": ("Environment", True),
    }
    content["sections"] = [(id_, name) for id_, (name, shown) in present.items() if shown]
    return content


def _subject(run: Run, short: summary.Summary) -> str:
    """What was measured, in half a line."""
    workloads = {case.workload for case in run.cases if not case.ordinary}
    sizes = sorted({case.size for case in run.cases if not case.ordinary})
    tests = {case.workload for case in run.cases if case.ordinary}
    variants = {q.variant for q in short.questions if q.baseline}
    parts = [_count(len(variants), "variant") + f" beside {', '.join(short.baselines)}"]
    parts = parts if variants else []
    parts += [_count(len(workloads), "workload")] if workloads else []
    if sizes and len(sizes) <= FEW:
        *most, last = (f"{size:,}" for size in sizes)
        listed = " and ".join(filter(None, [", ".join(most), last]))
        parts.append(f"{listed} elements in an array")
    elif sizes:
        parts.append(f"{sizes[0]:,} to {sizes[-1]:,} elements in an array")
    parts += [_count(len(tests), "test")] if tests else []
    return " · ".join([*parts, run.environment.started[:10]])


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _counts(run: Run) -> list[tuple[str, str]]:
    """How many cases were measured, failed, and are as predicted: a number and what it is of."""
    measured = [case for case in run.cases if case.memory or case.heap or case.times]
    predicted = [case for case in measured if case.predicted and case.memory]
    equal = [case for case in predicted if not sentences.surprises(case)]
    exact = [case for case in measured if case.allocations]
    same = [case for case in exact if case.deterministic]
    counts = [(f"{len(measured):,}", f"case{'s' * (len(measured) != 1)} measured")]
    failed = sum(case.failed for case in run.cases)
    cannot = sum(case.failure is not None for case in run.cases) - failed
    counts += [(f"{failed:,}", "failed")] if failed else []
    counts += [(f"{cannot:,}", "not supported by the engine")] if cannot else []
    if predicted:
        counts.append((f"{len(equal):,} of {len(predicted):,}", "as predicted, to the byte"))
    if exact:
        counts.append((f"{len(same):,} of {len(exact):,}", "the same in every pass"))
    return counts


def _effect(
    run: Run,
    row: Row,
    amounts: Mapping[str, Amount],
    measures: Sequence[str],
    places: Mapping[sections.Key, str],
) -> Effect:
    panel = None
    if row.effect and row.case.timeline:
        base = Row(row.baseline, row.baseline, None)
        panel = timelines.panel([base, row] if base.case.timeline else [row])
    where = figures.title(row.case) + sentences.on_machine(row.case)
    figure = memory_figures.effect(run, row, where) if panel is None else None
    anchor = places[row.case.key]
    shown = [(m, matrix_cells.candidate_cell(m, row, amounts, anchor)) for m in measures]
    name = short_names([(row.case.variant, row.baseline.variant)]).popitem()[1]
    return Effect(name, where, shown, anchor, figure, panel)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
