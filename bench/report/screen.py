"""Lay the summary of a run out for one screen: tables, remarks and the next command, as values.

The terminal and the Markdown report render this layout; what does not fit is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from rich.cells import cell_len

from gradmeter.bench.report import sentences
from gradmeter.bench.report.causes import Causes
from gradmeter.bench.report.cells import Columns
from gradmeter.bench.report.names import shared_path
from gradmeter.bench.report.summary import Effect, Question, Summary
from gradmeter.bench.results.run import ORDINARY
from gradmeter.bench.verdicts.verdicts import Row

EXPLAINED = 3  # effects, the largest, whose lines of source are named


@dataclass(frozen=True)
class Line:
    """A row of a table: its name, its cells by column, and remarks below it."""

    name: str
    cells: tuple[str, ...]
    remarks: tuple[str, ...] = ()


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
        explained: of how many effects, the largest, the lines of source are named.
        dropped: how many effects are left out, the smallest first; calls without a change always
            are.
        order: by what calls are sorted, of `ORDERS`; empty for the largest effect.
    """

    every_size: bool = True
    every_depth: bool = True
    explained: int = EXPLAINED
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
    """A question with one effect for each workload, where not every size is shown.

    What could not be measured is a part of what could, on the same workload.
    """
    by_program: dict[str, list[Effect]] = {}
    for effect in question.effects:
        by_program.setdefault(effect.program, []).append(effect)
    merged = []
    for effects in by_program.values():
        whole = [effect for effect in effects if effect.amounts] or effects
        last = max(whole, key=lambda effect: effect.sizes)
        joining = [e for e in effects if not (detail.every_size and e.is_measured)]
        rows = [row for each in joining if each is not last for row in each.rows]
        for effect in effects:
            if effect is last and rows:
                ordered = sorted((*last.rows, *rows), key=lambda row: row.case.size)
                merged.append(replace(last, rows=tuple(ordered)))
            elif effect is last or (detail.every_size and effect.is_measured):
                merged.append(effect)
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
    start, more, smaller = ("and ", "more ", "smaller ") if visible else ("", "", "")
    same = sum(not e.is_changed for e in effects) - sum(not e.is_changed for e in visible)
    if not compared:
        return f"{start}{count:,} {more}{noun}"
    if same == count:
        shown = set(map(id, visible))
        alike = all(row.same_code for e in effects if id(e) not in shown for row in e.rows)
        return f"{start}{count:,} {noun} {'of the same code' if alike else 'without a change'}"
    unchanged = f", and {same:,} without a change" if same else ""
    return f"{start}{count - same:,} {noun} with {smaller}effects{unchanged}"


def _by_question(
    questions: Sequence[Question], ranks: Mapping[int, int], columns: Columns, detail: Detail
) -> Iterator[Block]:
    """A block for each variant, a line for each workload."""
    for question in questions:
        title = question.short
        if question.short != question.variant:
            title = f"{question.short} ({question.variant})"
        effects = [effect for effect in question.effects if id(effect) in ranks]
        others = _partial(question.effects)
        path = shared_path([e.program for e in effects]) if _is_call(question.effects[0]) else ""
        lines: list[Line] = []
        told = Causes()
        for effect in effects:
            name = effect.program[len(path) :]
            lines += _lines(effect, name, others, columns, detail, ranks, {}, told)
        yield Block(f"{title}, in {path}" if path else title, tuple(lines))


def _by_workload(
    questions: Sequence[Question], ranks: Mapping[int, int], columns: Columns, detail: Detail
) -> Iterator[Block]:
    """A block for each workload: the baseline with its figures, then a line for each variant."""
    pairs = [(q, e) for q in questions for e in q.effects if id(e) in ranks]
    for program in dict.fromkeys(effect.program for _, effect in pairs):
        here = [(q, e) for q, e in pairs if e.program == program]
        lines: list[Line] = []
        told = Causes()
        for baseline in dict.fromkeys(q.baseline for q, _ in here):
            of_one = [(q, e) for q, e in here if q.baseline == baseline]
            before: dict[str, str] = {}
            if baseline:
                of_baseline, before = _baseline_lines(
                    baseline, [e for _, e in of_one], columns, detail
                )
                lines += of_baseline
            for question, effect in of_one:
                every = [e for e in question.effects if e.program == program]
                others = _partial(every)
                name = question.short
                lines += _lines(effect, name, others, columns, detail, ranks, before, told)
        yield Block(program, tuple(lines))


def _baseline_lines(
    baseline: str, effects: Sequence[Effect], columns: Columns, detail: Detail
) -> tuple[list[Line], dict[str, str]]:
    """The baseline's own figures, those of its arrays if they are known, at the largest size."""
    exact = sorted(effects, key=lambda e: (e.is_heap, -len(e.sizes), -max(e.sizes)))[0]
    amounts = {} if exact.is_heap else exact.amounts
    before = {figure: each.before for figure, each in amounts.items()}
    figures = [before.get(figure, "-") for figure in columns.figures]
    figures += ["-"] * columns.has_instructions
    rows: dict[int | None, dict[int, Row]] = {}
    for effect in effects:
        for depth, of_depth in effect.depths.items():
            rows.setdefault(depth, {}).update({row.case.size: row for row in of_depth})
    name = f"{baseline} (baseline)"
    timed = {
        depth: [_baseline_time(by_size.get(size)) for size in columns.sizes]
        for depth, by_size in rows.items()
    }
    if len(timed) == 1 or not any(any(cells) for cells in timed.values()):
        return [Line(name, (*figures, *next(iter(timed.values()))))], before
    lines = []
    name += ", "
    for depth, cells in list(timed.items())[0 if detail.every_depth else -1 :]:
        lines.append(Line(f"{name}n = {depth}", (*figures, *cells)))
        name, figures = " " * cell_len(name), [""] * len(figures)
    return lines, before


def _baseline_time(row: Row | None) -> str:
    if row is None:
        return ""
    return sentences.median_text(row.baseline, row.time.clock if row.time else "wall")


def _partial(effects: Sequence[Effect]) -> set[str]:
    """The workloads that have several effects, each of which is about some sizes only."""
    counts = Counter(effect.program for effect in effects)
    return {program for program, count in counts.items() if count > 1}


def _lines(
    effect: Effect,
    name: str,
    others: Set[str],
    columns: Columns,
    detail: Detail,
    ranks: Mapping[int, int],
    before: dict[str, str],
    told: Causes,
) -> Iterator[Line]:
    """The line of an effect; of a family with times, a line for each depth.

    Args:
        others: workloads whose effects are not about all sizes, which are then named.
        before: the baseline's figures as they stand above.
        told: the lines of source that are named above.
    """
    if effect.program in others and effect.sizes != (ORDINARY,):
        name = f"{name} x {', '.join(f'{size:,}' for size in effect.sizes)}"
    figures = columns.amounts(effect, before)
    below = _remarks(effect, told, ranks[id(effect)] < detail.explained)
    depths = effect.depths
    if None in depths:
        yield Line(name, (*figures, *columns.times(effect.rows)), below)
        return
    timed = {depth: columns.times(rows) for depth, rows in depths.items()}
    if not any(any(cells) for cells in timed.values()):
        values = ", ".join(str(depth) for depth in depths)
        yield Line(f"{name}, n = {values}", figures, below)
        return
    before_depth = f"{name}, "
    for depth, cells in list(timed.items())[0 if detail.every_depth else -1 :]:
        yield Line(f"{before_depth}n = {depth}", (*figures, *cells), below)
        before_depth = " " * cell_len(before_depth)
        figures, below = ("",) * len(figures), ()


def _remarks(effect: Effect, told: Causes, is_explained: bool) -> tuple[str, ...]:
    """What is in no column: resident and other layers of memory, lines of source, other figures."""
    row = effect.rows[-1]
    layers = "; ".join(map(sentences.layer_change_text, row.layer_changes))
    others = ""
    if effect.others and not any(each.is_changed for each in effect.amounts.values()):
        others = f"another {' and '.join(effect.others)}"
    lines = told.lines(row) if is_explained else []
    left = sentences.left_sentence(row).rpartition(": ")[2]
    return tuple(filter(None, [layers, left, others, *lines]))
