"""Render compared calls in a terminal: a line for each, those that changed first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import markup
from rich.console import Console

from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import causes, sentences
from gradmeter.bench.report.comparison import changed, time_word
from gradmeter.bench.report.names import shared_path
from gradmeter.bench.report.ordinary import WIDTH, aligned
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.run import Comparison, Run
from gradmeter.bench.verdicts.time_words import time_sentence
from gradmeter.bench.verdicts.verdicts import Row

UNCHANGED = 20  # so many calls without a change are shown; more are counted
FIGURES = ("peak", "held", "cycle")
LEGEND = (
    "ratio: the time divided by the baseline's, with its interval; in brackets the smallest and "
    "largest ratio of sets that are too few for one. peak, held, cycle: exact bytes of array data, "
    "as the difference where the two differ. same code: neither the test nor a module that it "
    "imported from the repository differs, so it was timed in one set."
)


def show(pairs: Sequence[tuple[Comparison, list[Row]]], run: Run, console: Console) -> None:
    """Print compared calls, a table for each revision that is compared with the baseline."""
    candidates: dict[tuple[str, str], list[Row]] = {}
    for _, rows in pairs:
        for row in rows:
            if not row.is_baseline:
                candidates.setdefault((row.case.variant, row.baseline.variant), []).append(row)
    for (variant, baseline), found in candidates.items():
        _show(variant, baseline, found, run, console)
    console.print(LEGEND, highlight=False)


def _show(variant: str, baseline: str, found: Sequence[Row], run: Run, console: Console) -> None:
    path = shared_path([row.case.workload for row in found])
    where = f", in {path}" if path else ""
    console.out(plain(f"{variant} against {baseline}{where}"), style="bold", highlight=False)
    idle = [row for row in found if _idle(row)]
    moved = [row for row in found if changed(row) and row not in idle]
    same = [row for row in found if not changed(row)]
    shown = [*moved, *same] if len(same) <= UNCHANGED else moved
    if shown:
        lines = [_line(row, len(path)) for row in shown]
        head, *rest = aligned(
            [("call", "ratio", "time", *FIGURES), *lines], min(console.width, WIDTH)
        )
        console.out(head, style="bold", highlight=False)
        console.out("\n".join(rest), highlight=False)
    if len(same) > UNCHANGED:
        start = "and " if shown else ""
        console.print(f"{start}{len(same):,} calls without a change", highlight=False)
    told = causes.Causes()
    for row in moved:
        for words in _sentences(row, run, told):
            line = plain(words).replace(plain(row.case.workload), _short(row, len(path)))
            console.print(f"  {markup.escape(line)}", highlight=False)
    reasons = Counter(row.case.failure.message for row in idle if row.case.failure)
    for reason, count in reasons.items():
        line = markup.escape(plain(f"not compared, {count:,} test{'s' * (count > 1)}: {reason}"))
        console.print(f"  {line}", highlight=False)
    console.print()


def _sentences(row: Row, run: Run, told: causes.Causes) -> list[str]:
    failed = row.case.failure or row.baseline.failure
    words = [sentences.sentence(row)] if row.changes or row.layer_changes or failed else []
    words += told.lines(row)
    if row.time is not None and row.time.word in ("slower", "faster"):
        words.append(time_sentence(row, run.options))
    return words


def _idle(row: Row) -> bool:
    """Whether there is nothing to compare on either side, as with a test that is skipped."""
    return (
        row.case.failure is not None
        and row.case.failure == row.baseline.failure
        and not row.case.failed
    )


def _line(row: Row, shared: int) -> tuple[str, ...]:
    time = time_word(row)
    if row.time is not None and not row.time.sure:
        time = "no verdict"
    changes = {change.figure: change.difference for change in row.changes or []}
    figures = row.case.figures or {}
    return (
        _short(row, shared) + sentences.on_machine(row.case),
        "-" if row.same_code else sentences.ratio_text(row),
        time,
        *(
            f"{'+' if changes[name] > 0 else '-'}{bytes_text(abs(changes[name]))}"
            if name in changes
            else bytes_text(figures[name])
            if name in figures
            else "-"
            for name in FIGURES
        ),
    )


def _short(row: Row, shared: int) -> str:
    return plain(row.case.workload[shared:])
