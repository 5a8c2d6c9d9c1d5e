"""The one command that tells most about a run, after its summary."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from gradmeter.bench import engines
from gradmeter.bench.report.summary import Effect, Summary
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import verdicts
from gradmeter.bench.verdicts.verdicts import Row

FEW = 100  # more sets, that are worth waiting for


def next_command(run: Run, summary: Summary) -> tuple[str, str]:
    """The command, and what it does; both empty where none would help.

    A verdict that a few more sets decide comes first, then the cause of the largest effect.
    """
    # A comparison that measured until it was decided has had its sets.
    for row in () if run.options.most_sets else sorted(_decidable(summary), key=more_sets):
        words = ["gradmeter", "compare", row.baseline.variant, *_case(run, row.case)]
        return shlex.join(words), "measures on until its time is decided"
    effect = next(_explicable(summary), None)
    if effect is not None:
        row = effect.rows[-1]
        if row.case.traced and row.baseline.traced:
            words = ["gradmeter", "trace", _workload(run, row.case), "--size", str(row.case.size)]
            words += ["--variant", row.baseline.variant, "--against", row.case.variant]
            return shlex.join(words), "shows where the largest difference begins"
        words = ["gradmeter", "lines", _workload(run, row.case), "--size", str(row.case.size)]
        words += ["--variant", row.case.variant]
        return shlex.join(words), "shows the lines that its bytes come from"
    largest = max(
        (case for case in verdicts.calls(run) if case.memory and case.lines is None),
        key=lambda case: case.memory.peak if case.memory else 0,
        default=None,
    )
    if largest is not None and largest.memory and largest.memory.peak:
        words = ["pytest", largest.workload, "--bench-memory", "--bench-lines"]
        return shlex.join(words), "shows the lines that the largest peak comes from"
    return "", ""


def more_sets(row: Row) -> int:
    """How many more sets would probably decide a row."""
    return (row.time.more or 0) if row.time else 0


def _decidable(summary: Summary) -> Iterator[Row]:
    for row in summary.undecided:
        time = row.time
        few = time is not None and time.more is not None and time.more <= FEW
        if few and not row.case.ordinary and _is_known(row.case) and _is_known(row.baseline):
            yield row


def _explicable(summary: Summary) -> Iterator[Effect]:
    """The effects on exact bytes whose cause a command shows, the largest first."""
    effects = [e for question in summary.questions if question.baseline for e in question.effects]
    for effect in sorted(effects, key=lambda effect: -effect.largest):
        row = effect.rows[-1]
        if effect.largest and not effect.is_heap and not row.case.ordinary and _is_known(row.case):
            yield effect


def _is_known(case: Case) -> bool:
    """Whether a command can name the case's variant: an engine of ours, at no revision."""
    return case.variant.partition(":")[0] in engines.names()


def _case(run: Run, case: Case) -> list[str]:
    return [case.variant, "--workload", _workload(run, case), "--size", str(case.size)]


def _workload(run: Run, case: Case) -> str:
    origin = run.workloads.get(case.workload)
    return case.workload if origin is None else origin.where
