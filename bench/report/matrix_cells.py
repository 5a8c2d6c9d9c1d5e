"""The cells of the picture of a run: a figure, what it is made of, and how much it changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import sentences
from gradmeter.bench.report.summary import HEAP, Amount, in_arrays
from gradmeter.bench.results.run import Case
from gradmeter.bench.verdicts import instructions, verdicts
from gradmeter.bench.verdicts.verdicts import Row

MEMORY: Final = ("peak", "held", "cycle")
TIME: Final = "time"
INSTRUCTIONS: Final = "instructions"
MEASURES: Final = (*MEMORY, TIME, INSTRUCTIONS)
FACTORS: Final = (1.1, 1.5, 2.0)  # between the steps of the colours
STEPS: Final = ("to 1.1x", "to 1.5x", "to 2x", "over 2x")
LONGEST: Final = 18  # characters of a law in a cell


@dataclass(frozen=True)
class Cell:
    """A figure in the picture.

    Attributes:
        text: the figure, as "+32", "1.31" or "=".
        note: what it is made of, as "15 → 47", or its verdict.
        kind: its colour: "more" or "less" with the step (1 to 4), "equal", "unsure", "failed",
            "none", or "own" for a figure that is compared with none.
        title: the exact figures.
        anchor: of the case, in the sections of all cases; empty where there is none.
        share: of the largest such figure, in hundredths, for figures that are compared with none.
    """

    text: str
    note: str = ""
    kind: str = "none"
    title: str = ""
    anchor: str = ""
    share: float = 0.0

    @property
    def looks(self) -> tuple[str, str, str]:
        """What a reader sees of it."""
        return self.text, self.note, self.kind


def baseline_cell(measure: str, row: Row, amounts: Mapping[str, Amount], anchor: str) -> Cell:
    """The baseline's own figure, which colours nothing."""
    case = row.case
    if case.failure:
        return failure_cell(case, anchor)
    if measure in MEMORY:
        has_law = measure in amounts and case.figures is not None and case.array_bytes > 1
        return _own_cell(measure, case, amounts[measure].before if has_law else "", anchor)
    if measure == TIME:
        text = sentences.median_text(case)
        return Cell(text, "", "own", f"median {text}", anchor) if text != "-" else Cell("-")
    if case.instructions is None:
        return Cell("-", title=case.uncounted or "not counted")
    count = instructions.median(case.instructions.totals)
    return Cell(_short_count(count), "", "own", f"{count:,} instructions", anchor)


def candidate_cell(measure: str, row: Row, amounts: Mapping[str, Amount], anchor: str) -> Cell:
    """What a candidate changes of a measure; ``amounts`` are those of its summary."""
    if row.case.failure:
        return failure_cell(row.case, anchor)
    if row.baseline.failure:
        return Cell("-", "no baseline", "none", "the baseline failed", anchor)
    if measure in MEMORY:
        return _memory_cell(measure, row, amounts, anchor)
    return _time_cell(row, anchor) if measure == TIME else _instructions_cell(row, anchor)


def failure_cell(case: Case, anchor: str) -> Cell:
    """The cell of a case that failed, or that its engine is known not to support."""
    assert case.failure is not None
    title = f"{case.failure.stage}: {case.failure.message}"
    if case.failed:
        return Cell("failed", "", "failed", title, anchor)
    return Cell("-", "cannot", "none", title, anchor)


def _memory_cell(measure: str, row: Row, amounts: Mapping[str, Amount], anchor: str) -> Cell:
    after, before = verdicts.beside(row.case, row.baseline)
    heap = after is not None and "peak" not in after
    key = HEAP.get(measure, "") if heap else measure
    if after is None or before is None or key not in after:
        return _own_cell(measure, row.case, "", anchor)
    new, old = after[key], before[key]
    title = f"{key} {new:,} B, {row.baseline.variant} {old:,} B"
    text = amount_text(old, row.case, heap=heap)
    if new == old:
        return Cell("=", f"heap {text}" if heap else text, "equal", title, anchor)
    difference = new - old
    sign = "+" if difference > 0 else "-"
    exact = title + f": {difference:+,} B"
    if key == "cycle" and row.case.cycles and row.baseline.cycles:
        objects = row.case.cycles.objects, row.baseline.cycles.objects
        exact += f"; {objects[0]:,} objects instead of {objects[1]:,}"
    in_words = _difference(abs(difference), row.case, heap=heap)
    law = amounts.get(measure)
    note = _both(text, amount_text(new, row.case, heap=heap))
    if law is not None and law.is_changed and not heap:
        as_law = f"{law.before} → {law.after}"
        note = as_law if len(as_law) <= LONGEST else note
    note = f"heap {note}" if heap else note
    peak = before["heap peak" if heap else "peak"]
    kind = ("more" if difference > 0 else "less") + str(_step(_factor(new, old, peak)))
    return Cell(f"{sign}{in_words}", note, kind, exact, anchor)


def _difference(count: int, case: Case, *, heap: bool) -> str:
    """A difference as a number of arrays where it is one, to two decimals; else in bytes."""
    if heap or case.array_bytes == 1 or 200 * count < case.array_bytes:
        return bytes_text(count)
    whole, rest = divmod(count, case.array_bytes)
    return f"{count / case.array_bytes:,.2f}" if rest else f"{whole:,}"


def _own_cell(measure: str, case: Case, law: str, anchor: str) -> Cell:
    """A case's own figure: of its arrays, or where it has none, of its heap."""
    figures, heap = case.figures, case.heap_figures or {}
    if figures is not None:
        count = figures[measure]
        text = amount_text(count, case)
        note = law if law != text and len(law) <= LONGEST else ""
        return Cell(text, note, "own", f"{measure} {count:,} B", anchor)
    key = HEAP.get(measure, "")
    if key not in heap:
        return Cell("-", title="not measured", anchor=anchor)
    return Cell(bytes_text(heap[key]), "heap", "own", f"{key} {heap[key]:,} B", anchor)


def _both(old: str, new: str) -> str:
    """Two amounts, with their unit once where both have the same."""
    if old == new:
        return old
    number, _, unit = old.partition(" ")
    return f"{number} → {new}" if unit and new.endswith(f" {unit}") else f"{old} → {new}"


def amount_text(count: int, case: Case, *, heap: bool = False) -> str:
    """Bytes in arrays of the workload, or as bytes where it has none, or they are a heap's."""
    if heap or case.array_bytes == 1:
        return bytes_text(count)
    return in_arrays(count, case.array_bytes)


def _factor(after: float, before: float, peak: float) -> float:
    """By what factor a figure differs; from or to nothing, by how much of the baseline's peak."""
    if after > 0 and before > 0:
        return max(after / before, before / after)
    return 1 + max(after, before) / max(peak, 1)


def _step(factor: float) -> int:
    """The step of the colours, 1 to 4."""
    return 1 + sum(factor > limit for limit in FACTORS)


def _time_cell(row: Row, anchor: str) -> Cell:
    if row.same_code:
        return Cell("-", "same code", "none", "runs the same code as the baseline", anchor)
    time = row.time
    if time is None:
        return Cell("-", title="no times to compare", anchor=anchor)
    ratio, _, span = sentences.ratio_text(row).partition(" ")
    sets = f"{time.sets} set{'s' * (time.sets != 1)}"
    title = f"{time.ratio:.4g} times {row.baseline.variant} {span}; {sets}"
    if not time.sure:
        return Cell(ratio, "no verdict", "unsure", title, anchor)
    if time.word in ("slower", "faster"):
        kind = "more" if time.word == "slower" else "less"
        return Cell(ratio, time.word, f"{kind}{_step(factor_of_time(row))}", title, anchor)
    return Cell(ratio, time.word, "equal" if time.word == "same" else "unsure", title, anchor)


def _instructions_cell(row: Row, anchor: str) -> Cell:
    counted = instructions.compare(row.case, row.baseline)
    if counted is None:
        reason = row.case.uncounted or row.baseline.uncounted or "not counted"
        return Cell("-", title=reason, anchor=anchor)
    title = f"{counted.after:,} instructions, {row.baseline.variant} {counted.before:,}"
    if counted.word == "equal":
        return Cell("=", _short_count(counted.before), "equal", title, anchor)
    step = _step(_factor(counted.after, counted.before, counted.before))
    return Cell(
        f"{counted.ratio - 1:+.2%}",
        _both(_short_count(counted.before), _short_count(counted.after)),
        f"{counted.word}{step}",
        title,
        anchor,
    )


def _short_count(count: int) -> str:
    return bytes_text(count).removesuffix("B").strip() if count < 1e9 else f"{count / 1e9:,.1f} G"


def factor_of_time(row: Row) -> float:
    """By what factor a candidate is faster or slower; 1 where it is neither."""
    if row.time is None or row.time.word not in ("slower", "faster"):
        return 1.0
    return max(row.time.ratio, 1 / row.time.ratio) if row.time.ratio > 0 else 1.0


def differences(row: Row) -> str:
    """What a candidate changes, in a few words: "peak +32, held +37, slower 1.31"."""
    if row.case.failure or row.baseline.failure:
        return "failed" if row.case.failed else ""
    memory = {name: _memory_cell(name, row, {}, "") for name in MEMORY}
    changed = ("more", "less")
    words = [f"{name} {c.text}" for name, c in memory.items() if c.kind.startswith(changed)]
    timed = _time_cell(row, "")
    if timed.kind.startswith(changed):
        words.append(f"{timed.note} {timed.text}")
    return ", ".join(words)
