"""What a run says, in words: sentences and cells, with the digits that are known."""

from __future__ import annotations

from bench import verdicts
from bench.results import Case, Options, Run
from bench.verdicts import Change, Row
from bench.wording import (
    apart,
    more_arrays,
    percent,
    ratio_span,
    seconds_text,
    signed_arrays,
    significant,
    where_text,
)


def sentence(row: Row) -> str:
    """What a candidate's memory is beside its baseline's, in words; bytes are exact."""
    ours, base = row.case, row.baseline
    name = f"{ours.variant} on {where_text(ours.workload, ours.size)}"
    if ours.failure:
        return f"{name}: not measured ({ours.failure.stage}: {ours.failure.message})."
    if base.failure:
        return f"{name}: nothing to compare with, the baseline failed ({base.failure.message})."
    found = row.changes
    if found is None:
        return f"{name}: no memory figures of the same kind to compare."
    parts = []
    for change in sorted(found, key=lambda change: change.figure != "cycle"):
        if change.figure == "cycle":
            assert ours.cycles is not None
            assert base.cycles is not None
            more, less = (ours, base) if change.difference > 0 else (base, ours)
            few, many = apart(*sorted((change.before, change.after)))
            holder = ours.cycles if more is ours else base.cycles
            parts.append(
                f"{less.variant} leaves {few} in reference cycles where {more.variant} leaves "
                f"{many} in {holder.objects:,} objects"
            )
        elif change.figure in verdicts.TELLING or not parts:
            parts.append(_change_text(change, ours.array_bytes))
    if not parts and ours.cycles and base.cycles and ours.cycles.leaked != base.cycles.leaked:
        leaked = Change("leaked", base.cycles.leaked, ours.cycles.leaked)
        parts.append(_change_text(leaked, ours.array_bytes))
    return f"{name}: {'; '.join(parts) or 'the same memory to the byte'}."


FIRST = 3.0  # times the median: a first run that is worth a word
LEAST_FIRST = 0.1  # seconds


def first_run_text(row: Row) -> str:
    """How long the first run took, and after how many runs that has paid; empty for no word.

    It has paid when the candidate, its first run included, has taken less time than its
    baseline, whose first run counts too.
    """
    ours, base = row.case, row.baseline
    if ours.first_run is None or ours.median is None:
        return ""
    if ours.first_run < max(LEAST_FIRST, FIRST * ours.median):
        return ""
    said = f"{ours.variant} {seconds_text(ours.first_run, 2)}"
    if row.time is None or row.time.word != "faster" or base.first_run is None:
        return said
    assert base.median is not None
    runs = (ours.first_run - base.first_run) / (base.median - ours.median)
    count = max(1, round(runs))
    return said + (f", paid after {count:,} run{'s' * (count > 1)}" if runs > 0 else "")


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


def time_sentence(row: Row, options: Options) -> str:
    """What a candidate's time is beside its baseline's, in words."""
    ours, base, found = row.case, row.baseline, row.time
    name = f"{ours.variant} on {where_text(ours.workload, ours.size)}"
    if found is None:
        return f"{name}: no times to compare."
    few = None if found.sure else found.sets
    ratio, span = ratio_span(found.ratio, found.low, found.high, few)
    if not found.sure:
        sets = f"{found.sets} set{'s' * (found.sets > 1)}"
        return (
            f"{name}: inconclusive, {ratio} times {base.variant} ({span} over {sets}); "
            f"an interval takes {found.more} more sets at least."
        )
    interval = f"{percent(options.confidence)} interval {span}, {found.sets} sets"
    if found.word == "same":
        return (
            f"{name}: the same time as {base.variant} within {percent(options.effect)} "
            f"({ratio}, {interval})."
        )
    if found.word != "inconclusive":
        return f"{name}: {found.word}, {ratio} times {base.variant} ({interval})."
    if found.more is None:
        end = f"it lies about at the smallest effect that matters, {percent(options.effect)}"
    else:
        more = int(float(f"{found.more:.1g}"))
        end = f"about {more:,} more set{'s' * (more != 1)} would probably decide"
    return f"{name}: inconclusive, {ratio} times {base.variant} ({interval}); {end}."


def ratio_text(row: Row) -> str:
    """The ratio of times with its interval, to the digits that this supports.

    In brackets instead of parentheses: the smallest and largest of too few sets.
    """
    if row.is_baseline:
        return "1" if row.case.times and row.compared else "-"
    if row.time is None:
        return "-"
    found = row.time
    few = None if found.sure else found.sets
    ratio, span = ratio_span(found.ratio, found.low, found.high, few)
    return f"{ratio} ({span})" if found.sure else f"{ratio} [{span}]"


def median_text(case: Case) -> str:
    """The median duration of a case, to the digits that its sets support."""
    middles, middle = case.medians, case.median
    if middle is None:
        return "-"
    half = (max(middles) - min(middles)) / 2 if len(middles) > 1 else middle
    return seconds_text(middle, significant(half / middle) if middle else 1)


def noise_text(run: Run) -> str:
    """The noise floor of a run in a sentence."""
    found = verdicts.noise(run)
    if found is None:
        return "noise floor: not measured, nothing was timed twice."
    few = None if found.sure else found.pairs
    ratio, span = ratio_span(found.ratio, found.low, found.high, few)
    what = f"{percent(run.options.confidence)} interval" if found.sure else "smallest to largest"
    return (
        f"noise floor of this run: the baseline against itself came out at {ratio} times "
        f"({what} {span}); "
        f"one pair of processes scatters by {_rough(found.scatter)} ({found.pairs} pairs)."
    )


def _rough(fraction: float) -> str:
    """A fraction in per cent to one digit."""
    return f"{float(f'{fraction * 100:.1g}'):,.{1 if fraction < 0.0095 else 0}f}%"


def surprises(case: Case) -> list[str]:
    """What about a case's memory is not as it should be: sentences.

    Of the call of an ordinary test nothing was foreseen, see `remarks`.
    """
    if case.ordinary:
        return []
    found = []
    measured, predicted, cycles = case.figures, case.predicted, case.cycles
    if measured is not None and predicted is not None:
        for name in ("forward", "backward", "peak", "held", "dropped"):
            value, expected = measured[name], getattr(predicted, name)
            if value != expected:
                found.append(
                    f"{name} is {value:,} bytes where {expected:,} were predicted "
                    f"({signed_arrays(value - expected, case.array_bytes)} arrays)"
                )
    if case.allocations and not case.deterministic:
        found.append("its passes disagree, so its bytes are not deterministic")
    if cycles is not None and cycles.leaked:
        found.append(f"{cycles.leaked:,} bytes are alive even after a collection")
    return found


def remarks(case: Case) -> list[str]:
    """What has to be said of the call of an ordinary test besides its figures: sentences."""
    if not case.ordinary:
        return []
    found = []
    if case.failure is not None:
        f = case.failure
        found.append(f"no exact figures, {f.stage}: {f.kind}: {f.message}")
    elif not case.deterministic:
        peaks = ", ".join(f"{each.peak:,} B" for each in case.allocations)
        found.append(f"its passes disagree, so its bytes are not exact: peaks of {peaks}")
    if case.cycles is not None and case.cycles.leaked:
        found.append(
            f"{case.cycles.leaked:,} B are alive even after a collection: each call leaves them"
        )
    return found
