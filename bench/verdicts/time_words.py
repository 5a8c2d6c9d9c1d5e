"""Verdicts on time as sentences."""

from __future__ import annotations

from gradmeter.bench.numbers import percent, ratio_span, where_text
from gradmeter.bench.results.run import Options
from gradmeter.bench.verdicts.verdicts import Row


def time_sentence(row: Row, options: Options) -> str:
    """Say in a sentence how a candidate's time compares with its baseline's."""
    ours, base, time = row.case, row.baseline, row.time
    machine = f" ({ours.machine})" if ours.machine else ""
    name = f"{ours.variant} on {where_text(ours.workload, ours.size)}{machine}"
    if row.same_code:
        return f"{name}: the same code as {base.variant}, so its time is not compared."
    if time is None:
        return f"{name}: no times to compare."
    few_sets = None if time.sure else time.sets
    ratio, span = ratio_span(time.ratio, time.low, time.high, few_sets)
    if not time.sure:
        sets = f"{time.sets} set{'s' * (time.sets > 1)}"
        return (
            f"{name}: inconclusive, {ratio} times the time of {base.variant} ({span} over {sets}); "
            f"an interval takes {time.more} more sets at least."
        )
    interval = f"{percent(options.confidence)} interval {span}, {time.sets} sets"
    if time.word == "same":
        return (
            f"{name}: the same time as {base.variant} within {percent(options.effect)} "
            f"({ratio}, {interval})."
        )
    if time.word != "inconclusive":
        return f"{name}: {time.word}, {ratio} times the time of {base.variant} ({interval})."
    if time.more is None:
        end = f"it lies about at the smallest effect that matters, {percent(options.effect)}"
    else:
        more = int(float(f"{time.more:.1g}"))
        end = f"about {more:,} more set{'s' * (more != 1)} would probably decide"
    return f"{name}: inconclusive, {ratio} times the time of {base.variant} ({interval}); {end}."
