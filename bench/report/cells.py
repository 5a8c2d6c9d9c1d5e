"""The columns of a summary's tables, and what stands in their cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradmeter.bench.numbers import bytes_text, ratio_span
from gradmeter.bench.report import sentences
from gradmeter.bench.report.summary import FIGURES, Amount, Effect
from gradmeter.bench.verdicts import instructions
from gradmeter.bench.verdicts.verdicts import Row

SAME = "="
OPEN = "?"
HEAP_MARK = "*"
INSTRUCTIONS = "instructions"
MOST_SIZES = 3  # columns of time


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
    if not float(ratio):  # which a few sets tell to one decimal
        ratio = f"{time.ratio:.1g}"
    return f"{ratio} {OPEN if time.word == 'inconclusive' else time.word}"
