"""Render comparisons for a pull request: the verdict first, unchanged candidates folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from gradmeter.bench.report import causes, laws, prose, run_laws, sentences
from gradmeter.bench.report.text import markdown as _text
from gradmeter.bench.results.readings import Value
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import law_search, verdicts
from gradmeter.bench.verdicts.breaches import Breach
from gradmeter.bench.verdicts.laws import FamilyLaws
from gradmeter.bench.verdicts.time_words import time_sentence
from gradmeter.bench.verdicts.verdicts import Row

FORMAT = "gradmeter comparison"
SAME_CODE = "same code"


class TimeVerdict(Value, frozen=True, kw_only=True):
    """The verdict on a candidate's time; ``low`` and ``high`` are None without an interval."""

    verdict: str
    ratio: float
    low: float | None
    high: float | None
    sets: int
    more_sets: int | None
    clock: str


class MemoryVerdict(Value, frozen=True, kw_only=True):
    """The verdict on one exact figure, with its bytes before and after."""

    verdict: Literal["less", "more", "equal"]
    before: int
    after: int


class Compared(Value, frozen=True, kw_only=True):
    """One candidate beside its baseline."""

    workload: str
    size: int
    baseline: str
    candidate: str
    same_code: bool
    time: TimeVerdict | None
    memory: dict[str, MemoryVerdict]
    failure: str | None
    sentences: list[str]
    machine: str = ""


class Document(Value, frozen=True, kw_only=True):
    """What ``gradmeter compare --json`` prints."""

    format: Literal["gradmeter comparison"] = "gradmeter comparison"
    version: Literal[1] = 1
    noise: str
    revisions: dict[str, str]
    notes: list[str]
    comparisons: list[Compared]
    failed_gates: list[dict[str, str]]


def row_sentences(row: Row, run: Run) -> list[str]:
    """The sentences on a candidate: memory, then time."""
    timed = row.time is not None or row.same_code
    time = [time_sentence(row, run.options)] if timed else []
    counted = sentences.instructions_sentence(row)
    left = sentences.left_sentence(row)
    return [
        sentences.sentence(row),
        *[f"{line}." for line in causes.lines(row)],
        *time,
        *filter(None, (left, counted)),
        *[f"{what}: {'; '.join(lines)}." for what, lines in sentences.functions(row).items()],
    ]


def document(run: Run, failed: Sequence[Breach]) -> dict[str, Any]:
    """The comparisons as builtin types, in the form of `Document`."""
    content = Document(
        noise=sentences.noise_text(run),
        revisions=run.revisions,
        notes=prose.notes(run),
        comparisons=[_compared(row, run) for row in verdicts.candidates(run)],
        failed_gates=[{"gate": b.gate, "where": b.where, "what": b.what} for b in failed],
    )
    converted: dict[str, Any] = msgspec.to_builtins(content)
    return converted


def _compared(row: Row, run: Run) -> Compared:
    time, failure = row.time, row.case.failure or row.baseline.failure
    after, before = (figures or {} for figures in verdicts.beside(row.case, row.baseline))
    return Compared(
        workload=row.case.workload,
        size=row.case.size,
        baseline=row.baseline.variant,
        candidate=row.case.variant,
        same_code=row.same_code,
        time=None
        if time is None
        else TimeVerdict(
            verdict=time.word,
            ratio=time.ratio,
            low=time.low if time.sure else None,
            high=time.high if time.sure else None,
            sets=time.sets,
            more_sets=time.more,
            clock=time.clock,
        ),
        memory={
            name: MemoryVerdict(
                verdict=_word(after[name] - before[name]), before=before[name], after=after[name]
            )
            for name in after
            if name in before
        },
        failure=failure.message if failure else None,
        sentences=row_sentences(row, run),
        machine=row.case.machine,
    )


def _word(difference: int) -> Literal["less", "more", "equal"]:
    return "more" if difference > 0 else "less" if difference < 0 else "equal"


def time_word(row: Row) -> str:
    """The verdict on a candidate's time; "-" where there is none."""
    if row.same_code:
        return SAME_CODE
    return row.time.word if row.time is not None else "-"


def memory_word(row: Row) -> str:
    """The verdict on all exact figures of a candidate together."""
    changes = row.changes
    if changes is None:
        return "not measured"
    words = {_word(change.difference) for change in changes}
    kind = "" if row.exact else " (heap)"
    return (" and ".join(sorted(words, reverse=True)) or "equal") + kind


def headline(run: Run) -> str:
    """Count the candidates by their verdicts on time and on memory, in one line."""
    rows = verdicts.candidates(run)
    if is_idle(rows):
        calls = f"{len(rows)} call{'s' * (len(rows) != 1)}"
        return f"nothing was compared: the same code ran on every side ({calls})"
    times = Counter(map(time_word, rows))
    memory = Counter(memory_word(row) for row in rows)
    order = ("slower", "faster", "inconclusive", "same", SAME_CODE)
    parts = [f"{times[word]} {word}" for word in order if times[word]]
    sizes = [f"{n} {word}" for word, n in sorted(memory.items(), key=lambda kv: kv[0] == "equal")]
    time = ", ".join(parts) or "no verdicts"
    return f"time: {time}; memory: {', '.join(sizes) or 'nothing compared'}"


def is_idle(rows: Sequence[Row]) -> bool:
    """Whether nothing could differ: every call ran the same code as its baseline, and passed."""
    return bool(rows) and all(row.same_code and not changed(row) for row in rows)


def render(run: Run, failed: Sequence[Breach], notes: Sequence[str] = ()) -> str:
    """The comparisons as Markdown.

    Args:
        failed: the gates that failed; they come first.
        notes: sentences on the run as a whole.
    """
    rows = verdicts.candidates(run)
    same = [row for row in rows if not changed(row)]
    moved = [row for row in rows if changed(row)]
    parts = [f"## {_text(headline(run)).capitalize()}"]
    parts += [f"**Gate failed: {_text(f'{b.gate}: {b.where}: {b.what}')}**" for b in failed]
    if moved:
        parts.append(table(moved))
        found = law_search.of_run(run)
        said = {s: None for row in moved for s in _once(row, run, found)}
        parts.append("\n".join(f"- {_text(s)}" for s in said))
        parts.append(run_laws.as_markdown(run, found))
    elif rows and not is_idle(rows):
        parts.append("Nothing changed.")
    if same:
        unchanged = "\n".join(f"- {_text(s)}" for r in same for s in row_sentences(r, run))
        parts.append(
            f"<details><summary>{len(same)} without a change</summary>\n\n"
            f"{table(same)}\n\n{unchanged}\n\n</details>"
        )
    if any(case.times and not case.ordinary for case in run.cases):
        parts.append(_text(sentences.noise_text(run)))
    parts += [_text(note) for note in (*prose.notes(run), *notes)]
    if run.revisions:
        meanings = [f"- {_text(label)}: {_text(what)}" for label, what in run.revisions.items()]
        parts.append("\n".join(meanings))
    return "\n\n".join(filter(None, parts)) + "\n"


def _once(row: Row, run: Run, found: Sequence[FamilyLaws]) -> list[str]:
    """The sentences on a candidate, that on its memory as a law where there is one."""
    memory, *others = row_sentences(row, run)
    family = laws.covering(found, row) if row.changes else None
    return [laws.sentence(family, row.case.variant) if family else memory, *others]


def changed(row: Row) -> bool:
    """Whether a candidate is shown unfolded: slower, faster, other bytes, or failed."""
    time = row.time is not None and row.time.word in ("slower", "faster")
    return (
        time
        or bool(row.changes or row.layer_changes)
        or bool(row.case.failure or row.baseline.failure)
    )


def table(rows: Sequence[Row]) -> str:
    """Candidates as a Markdown table: a row for each, with its verdicts."""
    lines = ["| case | baseline | time | | memory |", "| --- | --- | ---: | --- | --- |"]
    for row in rows:
        cells = [
            row.case.title + sentences.on_machine(row.case),
            row.baseline.variant,
            sentences.ratio_text(row),
            time_word(row),
            memory_word(row),
        ]
        lines.append("| " + " | ".join(map(_text, cells)) + " |")
    return "\n".join(lines)
