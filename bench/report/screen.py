"""Lay the summary of a run out for one screen: tables, remarks and the next command, as values.

The terminal and the Markdown report render this layout; what does not fit is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from rich.cells import cell_len

from gradmeter.bench.numbers import bytes_text, ratio_span
from gradmeter.bench.report import sentences
from gradmeter.bench.report.summary import FIGURES, Amount, Effect, Question, Summary
from gradmeter.bench.results.run import ORDINARY
from gradmeter.bench.verdicts import instructions
from gradmeter.bench.verdicts.verdicts import Row

SAME = "="
OPEN = "?"
HEAP_MARK = "*"
INSTRUCTIONS = "instructions"
MOST_SIZES = 3  # columns of time
EXPLAINED = 3  # effects, the largest, whose lines of source are named


@dataclass(frozen=True)
class Line:
    """A row of a table: its name, its cells by column, and a remark below it."""

    name: str
    cells: tuple[str, ...]
    remark: str = ""


@dataclass(frozen=True)
class Block:
    """Rows under a title."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Section:
    """Blocks with the same columns; ``rest`` counts what is left out of them."""

    heads: tuple[str, ...]
    blocks: tuple[Block, ...]
    rest: str = ""


@dataclass(frozen=True)
class Detail:
    """How much of a run is shown.

    Attributes:
        every_size: whether a workload whose figures follow no law has a line for each size; else
            one with the figures of the largest.
        every_depth: whether a family of workloads has a line with the times of each depth; else
            one with those of the largest.
        dropped: how many effects are left out, the smallest first; calls without a change always
            are.
        order: by what calls are sorted, of `ORDERS`; empty for the largest effect.
    """

    every_size: bool = True
    every_depth: bool = True
    dropped: int = 0
    order: str = ""


ORDERS: dict[str, Callable[[Effect], Any]] = {
    "": lambda effect: (-effect.largest, -effect.slowest),
    "peak": lambda effect: -abs(_difference(effect, "peak")),
    "held": lambda effect: -abs(_difference(effect, "held")),
    "time": lambda effect: -effect.slowest,
    "name": lambda effect: effect.program,
}


def sections(summary: Summary, detail: Detail) -> list[Section]:
    """Lay out what is compared, then what stands alone: workloads, and calls of tests."""
    questions = [_merged(q, detail) for q in summary.questions]
    kinds = []
    for compared in (True, False):
        for calls in (False, True):
            kind = []
            for question in questions:
                effects = [e for e in question.effects if e.is_measured and _is_call(e) == calls]
                if calls:
                    effects.sort(key=ORDERS[detail.order])
                if effects and bool(question.baseline) == compared:
                    kind.append(replace(question, effects=tuple(effects)))
            if kind:
                kinds.append(kind)
    every = [
        e for kind in kinds for q in kind for e in q.effects if e.is_changed or not _is_call(e)
    ]
    every.sort(key=lambda e: (not e.is_changed, e.is_heap, -e.largest, -e.slowest))
    shown = every[: max(0, len(every) - detail.dropped)]
    ranks = {id(effect): rank for rank, effect in enumerate(shown)}
    return [_section(kind, ranks, detail) for kind in kinds]


def _is_call(effect: Effect) -> bool:
    return effect.rows[0].case.size == ORDINARY


def _difference(effect: Effect, figure: str) -> float:
    return effect.amounts[figure].difference if figure in effect.amounts else 0.0


def _merged(question: Question, detail: Detail) -> Question:
    """A question with one effect for each workload, where not every size is shown."""
    if detail.every_size:
        return question
    by_program: dict[str, list[Effect]] = {}
    for effect in question.effects:
        by_program.setdefault(effect.program, []).append(effect)
    merged = []
    for effects in by_program.values():
        # The largest size at which there are figures; without any, all is about what failed.
        figures = [effect for effect in effects if effect.amounts] or effects
        last = max(figures, key=lambda effect: effect.sizes)
        rows = (row for effect in effects for row in effect.rows)
        merged.append(replace(last, rows=tuple(sorted(rows, key=lambda row: row.case.size))))
    return replace(question, effects=tuple(merged))


def _section(questions: Sequence[Question], ranks: Mapping[int, int], detail: Detail) -> Section:
    effects = [effect for question in questions for effect in question.effects]
    visible = [effect for effect in effects if id(effect) in ranks]
    columns = Columns.of(visible)
    programs = {effect.program for effect in visible}
    by_workload = len(questions) > len(programs) and not any(map(_is_call, effects))
    layout = _by_workload if by_workload else _by_question
    blocks = [block for block in layout(questions, ranks, columns, detail) if block.lines]
    return Section(columns.heads, tuple(blocks), _rest(questions, effects, visible))


def _rest(
    questions: Sequence[Question], effects: Sequence[Effect], visible: Sequence[Effect]
) -> str:
    """Count what is left out; empty for nothing."""
    count = len(effects) - len(visible)
    if not count:
        return ""
    compared = bool(questions[0].baseline)
    noun = "call" if _is_call(effects[0]) else "comparison" if compared else "case"
    noun += "s" * (count != 1)
    same = sum(not e.is_changed for e in effects) - sum(not e.is_changed for e in visible)
    if not compared:
        return f"and {count:,} more {noun}"
    if same == count:
        return f"and {count:,} {noun} without a change"
    unchanged = f", and {same:,} without a change" if same else ""
    return f"and {count - same:,} {noun} with smaller effects{unchanged}"


def _by_question(
    questions: Sequence[Question], ranks: Mapping[int, int], columns: Columns, detail: Detail
) -> Iterator[Block]:
    """A block for each variant, a line for each workload."""
    for question in questions:
        title = question.short
        if question.short != question.variant:
            title = f"{question.short} ({question.variant})"
        effects = [effect for effect in question.effects if id(effect) in ranks]
        others = {e.program for e in question.effects if not _covers(e, question.effects)}
        yield Block(
            title,
            tuple(
                line
                for effect in effects
                for line in _lines(effect, effect.program, others, columns, detail, ranks, {})
            ),
        )


def _by_workload(
    questions: Sequence[Question], ranks: Mapping[int, int], columns: Columns, detail: Detail
) -> Iterator[Block]:
    """A block for each workload: the baseline with its figures, then a line for each variant."""
    pairs = [(q, e) for q in questions for e in q.effects if id(e) in ranks]
    for program in dict.fromkeys(effect.program for _, effect in pairs):
        here = [(q, e) for q, e in pairs if e.program == program]
        lines: list[Line] = []
        for baseline in dict.fromkeys(q.baseline for q, _ in here):
            of_one = [(q, e) for q, e in here if q.baseline == baseline]
            before: dict[str, str] = {}
            if baseline:
                line, before = _baseline_line(baseline, [e for _, e in of_one], columns)
                lines.append(line)
            for question, effect in of_one:
                every = [e for e in question.effects if e.program == program]
                others = {e.program for e in every if not _covers(e, every)}
                lines += _lines(effect, question.short, others, columns, detail, ranks, before)
        yield Block(program, tuple(lines))


def _baseline_line(
    baseline: str, effects: Sequence[Effect], columns: Columns
) -> tuple[Line, dict[str, str]]:
    """The baseline's own figures, those of its arrays if they are known, at the largest size."""
    exact = sorted(effects, key=lambda e: (e.is_heap, -len(e.sizes), -max(e.sizes)))[0]
    amounts = {} if exact.is_heap else exact.amounts
    before = {figure: each.before for figure, each in amounts.items()}
    rows = {row.case.size: row for effect in effects for row in effect.rows}
    times = [_baseline_time(rows.get(size)) for size in columns.sizes]
    cells = [before.get(figure, "-") for figure in columns.figures]
    cells += ["-"] * columns.has_instructions
    return Line(f"{baseline} (baseline)", (*cells, *times)), before


def _baseline_time(row: Row | None) -> str:
    if row is None:
        return ""
    return sentences.median_text(row.baseline, row.time.clock if row.time else "wall")


def _covers(effect: Effect, effects: Sequence[Effect]) -> bool:
    """Whether an effect is about all sizes at which there are effects on its workload."""
    sizes = {size for e in effects if e.program == effect.program for size in e.sizes}
    return set(effect.sizes) == sizes


def _lines(
    effect: Effect,
    name: str,
    others: Set[str],
    columns: Columns,
    detail: Detail,
    ranks: Mapping[int, int],
    before: dict[str, str],
) -> Iterator[Line]:
    """The line of an effect; of a family with times, a line for each depth.

    Args:
        others: workloads whose effects are not about all sizes, which are then named.
        before: the baseline's figures as they stand above.
    """
    if effect.program in others and effect.sizes != (ORDINARY,):
        name = f"{name} x {', '.join(f'{size:,}' for size in effect.sizes)}"
    figures = columns.amounts(effect, before)
    remark = _remark(effect, ranks)
    depths = effect.depths
    if None in depths:
        yield Line(name, (*figures, *columns.times(effect.rows)), remark)
        return
    timed = {depth: columns.times(rows) for depth, rows in depths.items()}
    if not any(any(cells) for cells in timed.values()):
        values = ", ".join(str(depth) for depth in depths)
        yield Line(f"{name}, n = {values}", figures, remark)
        return
    before_depth = f"{name}, "
    for depth, cells in list(timed.items())[0 if detail.every_depth else -1 :]:
        yield Line(f"{before_depth}n = {depth}", (*figures, *cells), remark)
        before_depth = " " * cell_len(before_depth)
        figures, remark = ("",) * len(figures), ""


def _remark(effect: Effect, ranks: Mapping[int, int]) -> str:
    """What is in no column: other layers of memory, the lines of source, or other figures."""
    row = effect.rows[-1]
    parts = [sentences.layer_change_text(change) for change in row.layer_changes]
    if ranks[id(effect)] < EXPLAINED:
        parts += sentences.lines_sentences(row)
    if effect.others and not any(each.is_changed for each in effect.amounts.values()):
        parts.append(f"another {' and '.join(effect.others)}")
    return "; ".join(parts)


@dataclass(frozen=True)
class Columns:
    """The columns of a section, those that any of its effects needs.

    Attributes:
        figures: of `FIGURES`.
        sizes: at which times are shown.
        left_out: sizes that have times, and no column.
    """

    figures: tuple[str, ...]
    has_instructions: bool
    sizes: tuple[int, ...]
    left_out: tuple[int, ...]

    @classmethod
    def of(cls, effects: Sequence[Effect]) -> Columns:
        """The columns that these effects need."""
        compared = any(row.compared for effect in effects for row in effect.rows)
        figures = [
            figure
            for figure in FIGURES
            if any(
                amount.is_changed or (not amount.before and amount.after not in ("0", "0 B"))
                for effect in effects
                if (amount := effect.amounts.get(figure)) is not None
            )
        ]
        if not figures and any(effect.amounts for effect in effects) and compared:
            figures = [FIGURES[0]]
        rows = [row for effect in effects for row in effect.rows]
        timed = sorted({row.case.size for row in rows if _time(row)})
        # The smallest and the largest sizes tell most.
        kept = timed if len(timed) <= MOST_SIZES else [timed[0], *timed[1 - MOST_SIZES :]]
        return cls(
            tuple(figures),
            any(_instructions(row) for row in rows),
            tuple(kept),
            tuple(size for size in timed if size not in kept),
        )

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the columns."""
        times = [f"{size:,}" if size else "" for size in self.sizes]
        if times:
            times[0] = f"time, {times[0]}" if times[0] else "time"
        return (*self.figures, *[INSTRUCTIONS] * self.has_instructions, *times)

    def amounts(self, effect: Effect, before: dict[str, str]) -> tuple[str, ...]:
        """The cells of an effect's figures and instructions."""
        cells = [
            _amount_cell(effect, effect.amounts.get(figure), before.get(figure, ""))
            for figure in self.figures
        ]
        if self.has_instructions:
            cells.append(next(filter(None, map(_instructions, reversed(effect.rows))), "-"))
        return tuple(cells)

    def times(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """The cells of the times of an effect, or of a part of it."""
        by_size = {row.case.size: _time(row) for row in rows}
        return tuple(by_size.get(size, "") for size in self.sizes)


def _amount_cell(effect: Effect, amount: Amount | None, above: str) -> str:
    if amount is None:
        return "-"
    if not amount.before:
        return amount.after + HEAP_MARK * effect.is_heap
    if effect.is_heap:
        text = f"{amount.difference:+,.2f}" if effect.has_arrays else _signed_bytes(amount)
        return ("0.00" if text[1:] == "0.00" else text) + HEAP_MARK
    if not amount.is_changed:
        return SAME
    if not effect.has_arrays:
        return _signed_bytes(amount)
    if amount.before == above or amount.after.startswith(f"{amount.before} "):
        return amount.after
    return f"{amount.before} -> {amount.after}"


def _signed_bytes(amount: Amount) -> str:
    sign = "-" if amount.difference < 0 else "+"
    return f"{sign}{bytes_text(abs(round(amount.difference)))}"


def _instructions(row: Row) -> str:
    counted = instructions.compare(row.case, row.baseline) if row.compared else None
    if counted is None:
        return ""
    return SAME if counted.word == "equal" else f"{counted.ratio - 1:+.2%}"


def _time(row: Row) -> str:
    """The cell of a row's time; empty where it has none."""
    if row.case.failure:
        return "failed" if row.case.failed else "cannot"
    if not row.compared:
        return sentences.median_text(row.case) if row.case.times else ""
    if row.same_code:
        return "same code"
    time = row.time
    if time is None:
        return ""
    ratio, _ = ratio_span(time.ratio, time.low, time.high, None if time.sure else time.sets)
    return f"{ratio} {OPEN if time.word == 'inconclusive' else time.word}"
