"""The sentences of a summary: its legend, and what to know besides its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gradmeter.bench.numbers import where_text
from gradmeter.bench.report import ordinary, prose, sentences
from gradmeter.bench.report.cells import HEAP_MARK, INSTRUCTIONS, OPEN, SAME
from gradmeter.bench.report.next_command import more_sets, next_command
from gradmeter.bench.report.screen import Section
from gradmeter.bench.report.summary import FIGURES, Alike, Summary
from gradmeter.bench.results import layers
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import law_search, verdicts

MOST, MOST_OF_CALLS = 3, 6  # sentences of a kind; the others are counted
FIGURE_MEANINGS = {
    "peak": "most alive at once",
    "held": "alive at the end",
    "cycle": "freed only by the collector",
}
LAYER_MEANINGS = {
    layers.PYTHON: "Python's objects and what they own, exact in one version of Python",
    layers.HEAP: "all that the process takes, arrays, objects and native code",
}


@dataclass(frozen=True)
class Remark:
    """A sentence under the tables.

    Attributes:
        label: what it is about, "" for none.
        is_background: whether it gives way where a screen is full: versions, which the report has.
    """

    label: str
    text: str
    is_background: bool = False


def legend(
    run: Run, summary: Summary, sections: Sequence[Section], *, every_size: bool
) -> list[str]:
    """Sentences on what the baseline is, and on what the columns and marks mean.

    Args:
        every_size: whether figures without a law are shown at every size.
    """
    cells = {c for s in sections for b in s.blocks for line in b.lines for c in line.cells}
    heads = {head for section in sections for head in section.heads}
    effects = [e for question in summary.questions for e in question.effects if e.amounts]
    parts = []
    if names := summary.baselines:
        what = f"{names[0]}, the baseline" if len(names) == 1 else f"a baseline: {_listed(names)}"
        parts.append(f"Compared with {what}.")
    if figures := [f"{name} ({FIGURE_MEANINGS[name]})" for name in FIGURES if name in heads]:
        text = f"{', '.join(figures)}: exact bytes of the array data that a call allocates"
        if any(effect.has_arrays for effect in effects):
            text = f"{', '.join(figures)}: exact, in arrays"
        elif any(not effect.rows[0].case.ordinary for effect in effects):
            text = f"{', '.join(figures)}: exact bytes of array data"
        if any(None not in effect.depths for effect in effects):
            text += ", n the depth" + " (blank: as above)" * _leaves_out(sections)
        if not every_size and any(not (e.is_law or e.rows[0].case.ordinary) for e in effects):
            text += "; at the largest size where no law tells them"
        if SAME in cells:
            text += f"; {SAME} is equal to the byte"
        parts.append(f"{text}.")
    if any(cell.endswith(HEAP_MARK) for cell in cells):
        parts.append(f"{HEAP_MARK} the difference in the whole heap: arrays that are not NumPy's.")
    if any(head.startswith("time") for head in heads):
        text = "time: the ratio to the baseline's" if names else "time: the median"
        open_ = any(cell.endswith(f" {OPEN}") for cell in cells)
        parts.append(f"{text}{f'; {OPEN} is undecided' * open_}.")
    if "allocs" in heads:
        parts.append("allocs: blocks.")
    named = [layer for layer in LAYER_MEANINGS if any(h.startswith(f"{layer} ") for h in heads)]
    if named:
        parts.append(f"{'; '.join(f'{layer}: {LAYER_MEANINGS[layer]}' for layer in named)}.")
    elif "peak" in heads and verdicts.calls(run):
        parts.append(
            "Python's own objects and memory of native code are not counted: 0 B says that NumPy "
            "took no memory for arrays."
        )
    if INSTRUCTIONS in heads:
        parts.append(f"{INSTRUCTIONS}: at the largest size.")
    return parts if cells else parts[: bool(names)]


def _leaves_out(sections: Sequence[Section]) -> bool:
    """Whether a row is of a further depth, and so has no bytes of its own."""
    return any(
        head in FIGURES and not cell
        for section in sections
        for block in section.blocks
        for line in block.lines
        for head, cell in zip(section.heads, line.cells, strict=False)
    )


def remarks(run: Run, summary: Summary) -> Iterator[Remark]:
    """What failed, what is not as predicted, what is undecided, the noise, notes, what is next."""
    for test in run.self_tests:
        if not test.passed:
            problem = test.problem or f"measured {test.measured:,}, expected {test.expected:,}"
            yield Remark("self-test failed", f"{test.name}: {problem}")
    problems = [each for each in summary.failures if each.is_problem]
    yield from _alike("not measured", problems)
    yield from _alike("not supported", [each for each in summary.failures if not each.is_problem])
    yield from _alike("not as predicted", summary.surprises)
    yield from _alike("", ordinary.remarks(run), MOST_OF_CALLS)
    yield from _undecided(summary)
    if any(case.times and not case.ordinary for case in run.cases):
        label, _, text = sentences.noise_text(run).partition(": ")
        yield Remark(label, text)
    if missing := law_search.lacking(run):
        yield Remark("", missing)
    yield from _first("", prose.origins(run))
    for remark in _first("", prose.grounds(run)):
        yield replace(remark, is_background=True)
    yield from _first("", prose.notes(run))
    if not run.finished:
        workloads = [case for case in run.cases if not case.ordinary]
        how = "; gradmeter run --resume goes on with it" if workloads or not run.cases else ""
        yield Remark("", f"This run was not finished{how}.")


def what_is_next(run: Run, summary: Summary) -> Remark | None:
    """The next command; None where none would help, or the run goes on first."""
    if not run.finished:
        return None
    command, purpose = next_command(run, summary)
    return Remark("next", f"{command}  ({purpose})") if command else None


def _alike(label: str, found: Sequence[Alike], most: int = MOST) -> Iterator[Remark]:
    texts = []
    for each in found:
        count = len(each.titles)
        more = f" and {count - 1:,} more" if count > 1 else ""
        texts.append(f"{each.titles[0]}{more}: {each.text}")
    yield from _first(label, texts, most)


def _first(label: str, texts: Sequence[str], most: int = MOST) -> Iterator[Remark]:
    """The first sentences of a kind, and how many more there are."""
    shown = most if len(texts) > most + 1 else most + 1
    for text in texts[:shown]:
        yield Remark(label, text)
    if len(texts) > shown:
        yield Remark(label, f"and {len(texts) - shown:,} more like these")


def _undecided(summary: Summary) -> Iterator[Remark]:
    """How many times have no verdict, and why."""
    rows = [row for row in summary.undecided if row.time is not None]
    if not rows:
        return
    few = [row for row in rows if row.time is not None and not row.time.sure]
    text = f"{len(rows):,} of {summary.timed:,} times"
    if len(few) == len(rows):
        more = min(map(more_sets, rows))
        text += f": too few sets for a verdict; {more} more are the least"
    else:
        near = [row for row in rows if row.time is not None and row.time.sure and row.time.more]
        near.sort(key=more_sets)
        if near:
            first = near[0]
            assert first.time is not None
            more = int(float(f"{first.time.more:.1g}"))
            where = where_text(first.case.workload, first.case.size)
            text += (
                f"; about {more:,} more set{'s' * (more != 1)} would decide the first, "
                f"{first.case.variant} on {where}"
            )
    yield Remark("undecided", text)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {more:,} more" if more > 0 else "")
