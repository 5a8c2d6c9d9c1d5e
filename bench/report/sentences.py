"""Sentences and cells of the reports, with no digit that the figures do not support."""

from __future__ import annotations

from gradmeter.bench.numbers import (
    apart,
    more_arrays,
    percent,
    ratio_span,
    seconds_text,
    signed_arrays,
    significant,
    where_text,
)
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.verdicts import instructions, verdicts
from gradmeter.bench.verdicts.verdicts import Change, Row


def sentence(row: Row) -> str:
    """Compare a candidate's memory with its baseline's in one sentence, with exact bytes."""
    ours, base = row.case, row.baseline
    name = f"{ours.variant} on {where_text(ours.workload, ours.size)}"
    if ours.failure:
        return f"{name}: not measured ({ours.failure.stage}: {ours.failure.message})."
    if base.failure:
        return f"{name}: nothing to compare with, the baseline failed ({base.failure.message})."
    changes = row.changes
    if changes is None:
        return f"{name}: no memory figures of the same kind to compare."
    parts = []
    for change in sorted(changes, key=lambda change: change.figure != "cycle"):
        if change.figure == "cycle":
            assert ours.cycles is not None
            assert base.cycles is not None
            more, less = (ours, base) if change.difference > 0 else (base, ours)
            fewer, most = sorted((change.before, change.after))
            few, many = apart(fewer, most)
            holder = ours.cycles if more is ours else base.cycles
            parts.append(
                f"{more.variant} keeps {many} in reference cycles ({holder.objects:,} objects); "
                f"{less.variant} keeps {few if fewer else 'none'}"
            )
        elif change.figure in verdicts.TELLING or not parts:
            parts.append(_change_text(change, ours.array_bytes))
    if not parts and ours.cycles and base.cycles and ours.cycles.leaked != base.cycles.leaked:
        leaked = Change("leaked", base.cycles.leaked, ours.cycles.leaked)
        parts.append(_change_text(leaked, ours.array_bytes))
    return f"{name}: {'; '.join(parts) or 'the same memory to the byte'}."


def instructions_sentence(row: Row) -> str:
    """Compare a candidate's instructions with its baseline's; empty where they are not counted."""
    counted = instructions.compare(row.case, row.baseline)
    if counted is None:
        return ""
    name = f"{row.case.variant} on {where_text(row.case.workload, row.case.size)}"
    difference = f"{counted.after:,} instead of {counted.before:,}"
    within = f"rounds differ by {max(counted.tolerance, 0.00005):.2%}"
    if counted.word == "equal":
        return f"{name}: equal instructions, {difference} ({within})."
    phases = ", ".join(
        f"{phase} {after - before:+,}" for phase, (before, after) in counted.phases.items()
    )
    return (
        f"{name}: {counted.word} instructions, {difference} ({counted.ratio - 1:+.2%}: {phases}; "
        f"{within})."
    )


FIRST = 3.0  # times the median: a first run that is reported
LEAST_FIRST = 0.1  # seconds


def first_run_text(row: Row) -> str:
    """The duration of a long first run, and the number of runs that pay for it; else empty.

    It is paid for when the candidate has taken less time than its baseline, the first runs of
    both included.
    """
    ours, base = row.case, row.baseline
    if ours.first_run is None or ours.median is None:
        return ""
    if ours.first_run < max(LEAST_FIRST, FIRST * ours.median):
        return ""
    text = f"{ours.variant} {seconds_text(ours.first_run, 2)}"
    if row.time is None or row.time.word != "faster" or base.first_run is None:
        return text
    assert base.median is not None
    runs = (ours.first_run - base.first_run) / (base.median - ours.median)
    count = max(1, round(runs))
    return text + (f", paid after {count:,} run{'s' * (count > 1)}" if runs > 0 else "")


_LONG = {
    "forward": "peak of the forward",
    "backward": "peak of the backward",
    "dropped": "held when every name is dropped",
}


def _change_text(change: Change, array_bytes: int) -> str:
    new, old = apart(change.after, change.before)
    return (
        f"{_LONG.get(change.figure, change.figure)} {new} instead of {old}"
        f"{more_arrays(change.difference, array_bytes)}"
    )


def ratio_text(row: Row) -> str:
    """The ratio of times with its interval, to the digits that this supports.

    In brackets instead of parentheses: the smallest and largest of too few sets.
    """
    if row.is_baseline:
        return "1" if row.case.times and row.compared else "-"
    if row.time is None:
        return "-"
    time = row.time
    few = None if time.sure else time.sets
    ratio, span = ratio_span(time.ratio, time.low, time.high, few)
    return f"{ratio} ({span})" if time.sure else f"{ratio} [{span}]"


def median_text(case: Case) -> str:
    """The median duration of a case, to the digits that its sets support."""
    middles, middle = case.medians, case.median
    if middle is None:
        return "-"
    half = (max(middles) - min(middles)) / 2 if len(middles) > 1 else middle
    return seconds_text(middle, significant(half / middle) if middle else 1)


def noise_text(run: Run) -> str:
    """The noise floor of a run, in a sentence."""
    noise = verdicts.noise(run)
    if noise is None:
        return "noise floor: not measured, nothing was timed twice."
    few = None if noise.sure else noise.pairs
    ratio, span = ratio_span(noise.ratio, noise.low, noise.high, few)
    what = f"{percent(run.options.confidence)} interval" if noise.sure else "smallest to largest"
    return (
        f"noise floor of this run: the baseline against itself came out at {ratio} times "
        f"({what} {span}); "
        f"one pair of processes scatters by {_rough(noise.scatter)} ({noise.pairs} pairs)."
    )


def _rough(fraction: float) -> str:
    """A fraction in per cent to one digit."""
    return f"{float(f'{fraction * 100:.1g}'):,.{1 if fraction < 0.0095 else 0}f}%"


def surprises(case: Case) -> list[str]:
    """Sentences on what is unexpected in a case's memory.

    Empty for a test's call, which has no prediction; see `remarks`.
    """
    if case.ordinary:
        return []
    lines = []
    measured, predicted, cycles = case.figures, case.predicted, case.cycles
    if measured is not None and predicted is not None:
        for name in ("forward", "backward", "peak", "held", "dropped"):
            value, expected = measured[name], getattr(predicted, name)
            if value != expected:
                lines.append(
                    f"{name} is {value:,} bytes where {expected:,} were predicted "
                    f"({signed_arrays(value - expected, case.array_bytes)} arrays)"
                )
    if case.allocations and not case.deterministic:
        lines.append("its passes disagree, so its bytes are not deterministic")
    if cycles is not None and cycles.leaked:
        lines.append(f"{cycles.leaked:,} bytes are alive even after a collection")
    return lines


def remarks(case: Case) -> list[str]:
    """Sentences on a test's call besides its figures: failure, unlike passes, leaked bytes."""
    if not case.ordinary:
        return []
    lines = []
    if case.failure is not None:
        f = case.failure
        lines.append(f"no exact figures, {f.stage}: {f.kind}: {f.message}")
    elif not case.deterministic:
        peaks = ", ".join(f"{each.peak:,} B" for each in case.allocations)
        lines.append(f"its passes disagree, so its bytes are not exact: peaks of {peaks}")
    if case.cycles is not None and case.cycles.leaked:
        lines.append(
            f"{case.cycles.leaked:,} B are alive even after a collection: each call leaves them"
        )
    return lines
