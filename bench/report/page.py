"""Render a run as one self-contained HTML page: sentences, charts, and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradmeter.bench.numbers import percent
from gradmeter.bench.report import (
    figures,
    laws,
    line_figures,
    prose,
    sentences,
    template,
    timelines,
)
from gradmeter.bench.report.colours import OF_CATEGORY
from gradmeter.bench.report.tables import Figure
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import law_search, verdicts
from gradmeter.bench.verdicts.laws import FamilyLaws
from gradmeter.bench.verdicts.time_words import time_sentence

TOP = 6  # sentences of a kind, at the top


def render(run: Run) -> str:
    """Return the page."""
    shown = _content(run)
    drawn = shown["largest"], shown["times"], shown["views"], *shown["memory"], *shown["growth"]
    pairs = [pair for panel in shown["panels"] for pair in panel.pairs]
    kinds = {figure.kind for figure in (*drawn, *shown["rounds"]) if figure}
    kinds |= {figure.kind for pair in pairs for figure in (pair.stack, pair.lives)}
    views = [view for panel in shown["lines"] for view in panel.views]
    kinds |= {view.stack.kind for view in views if view.stack}
    return template.render("page.html.j2", kinds, **shown, run=run, categories=OF_CATEGORY)


def _content(run: Run) -> dict[str, Any]:
    """The values of the page, by their names in the template."""
    panels, undrawn = timelines.panels(run)
    memory = figures.memory(run)
    largest = figures.largest(run)
    found = law_search.of_run(run)
    content: dict[str, Any] = {
        "heading": prose.heading(run),
        "compared": prose.compared(run),
        "summary": prose.summary(run),
        "untrusted": prose.untrusted(run),
        "largest": largest,
        "said": _verdict_sentences(run, largest, found),
        "laws": laws.table(run, found),
        "no_laws": law_search.lacking(run),
        "times": figures.times(run),
        "rounds": list(figures.rounds(run)),
        "noise": _sentence(sentences.noise_text(run)),
        "effect": percent(run.options.effect),
        "memory": memory,
        "memory_count": len(verdicts.ordered(run))
        + len(verdicts.lone(run))
        + bool(verdicts.calls(run)),
        "panels": panels,
        "lines": line_figures.panels(run),
        "others": undrawn,
        "untraced": sum(
            1 for c in run.cases if c.memory and not (c.timeline or c.line_timeline or c.ordinary)
        ),
        "growth": figures.growth(run),
        "views": figures.views(run),
        "everything": figures.everything(run),
        "failed": [
            f"{c.title}: {c.failure.stage}, {c.failure.kind}: {c.failure.message}"
            for c in run.cases
            if c.failure
        ],
        "environment": prose.environment(run),
        "legend": prose.legend(run),
    }
    sections = {
        "short": ("In short", True),
        "laws": ("Laws", content["laws"] or content["no_laws"]),
        "time": ("Time", content["times"] or content["rounds"]),
        "memory": ("Memory", memory),
        "timelines": ("What is alive when", panels),
        "lines": ("Where the bytes are", content["lines"]),
        "growth": ("Growth of time", content["growth"]),
        "views": ("Three views", content["views"]),
        "cases": ("Every case", True),
        "environment": ("Environment", True),
    }
    content["sections"] = [(id_, name) for id_, (name, present) in sections.items() if present]
    return content


def _verdict_sentences(
    run: Run, largest: Figure | None, found: Sequence[FamilyLaws]
) -> dict[str, list[str]]:
    """The verdicts as sentences, the largest effects first, without the largest figure's fact."""
    rows = [row for _, rows in verdicts.ordered(run) for row in rows if not row.is_baseline]
    memory = sorted(rows, key=lambda row: (not row.exact, -row.effect))
    # The same effect in arrays at another size is the same finding.
    news = {(r.case.workload, r.case.variant, r.effect): r for r in reversed(memory) if r.effect}
    memory = [row for row in memory if row in news.values()]
    timed = [row for row in rows if row.time is not None]
    timed.sort(key=lambda row: row.time is None or (not row.time.sure, -abs(row.time.ratio - 1)))
    surprised = [f"{c.title}: {s}" for c in run.cases for s in sentences.surprises(c)]
    memory_sentences = [text for text, _ in laws.effects(found, memory)]
    return {
        "Memory": _first(
            [line for line in memory_sentences if not largest or line != largest.fact]
        ),
        "Time": _first([time_sentence(row, run.options) for row in timed]),
        "Freed memory": _first(list(filter(None, map(sentences.left_sentence, rows)))),
        "Instructions": _first(list(filter(None, map(sentences.instructions_sentence, rows)))),
        "Not as predicted": _first(surprised),
    }


def _first(lines: list[str]) -> list[str]:
    rest = len(lines) - TOP
    return [*lines[:TOP], f"And {rest} more, below."] if rest > 0 else lines


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
