"""Sentences and cells of the reports, with no digit that the figures do not support."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from gradmeter.bench.numbers import (
    apart,
    bytes_text,
    more_arrays,
    percent,
    ratio_span,
    seconds_text,
    signed_arrays,
    significant,
    where_text,
)
from gradmeter.bench.results import layers
from gradmeter.bench.results.run import CANNOT, Case, Run
from gradmeter.bench.verdicts import instructions, verdicts
from gradmeter.bench.verdicts.instructions import Difference
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
    kept = ""
    parts: list[str] = []
    for change in sorted(changes, key=lambda change: change.figure != "cycle"):
        if change.figure == "cycle":
            assert ours.cycles is not None
            assert base.cycles is not None
            new, old = apart(change.after, change.before)
            kept = kept_text(
                new if change.after else "",
                old if change.before else "",
                base.variant,
                (ours.cycles.objects, base.cycles.objects),
            )
        elif change.figure in verdicts.TELLING or not (kept or parts):
            parts.append(_change_text(change, ours.array_bytes))
    if not (kept or parts) and ours.cycles and base.cycles:
        leaked = Change("leaked", base.cycles.leaked, ours.cycles.leaked)
        parts += [_change_text(leaked, ours.array_bytes)] if leaked.difference else []
    parts += [layer_change_text(change) for change in row.layer_changes]
    if kept:
        return f"{name} {'; '.join([kept, *parts])}."
    return f"{name}: {'; '.join(parts) or 'the same memory to the byte'}."


def kept_text(ours: str, theirs: str, baseline: str, objects: tuple[int | str, int | str]) -> str:
    """Say what a candidate keeps in reference cycles, and its baseline; without the subject.

    Args:
        ours, theirs: how much the two keep; empty for nothing.
        objects: how many each has in cycles.
    """
    mine, its = (f"{n:,}" if isinstance(n, int) else n for n in objects)
    until = "until the collector runs"
    if not ours:
        return (
            f"keeps nothing in reference cycles; {baseline} keeps {theirs} ({its} objects) {until}"
        )
    text = f"keeps {ours} in reference cycles ({mine} objects) {until}; {baseline} keeps "
    return text + (theirs or "none")


def left_sentence(row: Row) -> str:
    """Compare what stays resident under another policy; empty where the policy is the same."""
    ours, base = row.case.residency, row.baseline.residency
    if ours is None or base is None or ours.left is None or base.left is None:
        return ""
    if ours.allocator == base.allocator:
        return ""
    new, old = apart(max(ours.left, 0), max(base.left, 0))
    where = where_text(row.case.workload, row.case.size)
    return (
        f"{row.case.variant} on {where}: {new} stay resident when all is dropped; "
        f"{old} under {row.baseline.variant}."
    )


def instructions_sentence(row: Row) -> str:
    """Compare a candidate's instructions with its baseline's; empty where none were asked for."""
    where = where_text(row.case.workload, row.case.size)
    name = f"{row.case.variant} on {where}"
    counted = instructions.compare(row.case, row.baseline)
    if counted is None:
        lacking = next((case for case in (row.case, row.baseline) if case.uncounted), None)
        if lacking is None:
            return ""
        return f"{lacking.variant} on {where}: instructions not counted ({lacking.uncounted})."
    difference = f"{counted.after:,} instead of {counted.before:,}"
    within = f"identical code within {max(counted.tolerance, 0.00005):.2%}"
    if counted.word == "equal":
        return f"{name}: equal instructions, {difference} ({within})."
    phases = ", ".join(
        f"{phase} {after - before:+,}" for phase, (before, after) in counted.phases.items()
    )
    return (
        f"{name}: {counted.word} instructions, {difference} ({counted.ratio - 1:+.2%}: {phases}; "
        f"{within})."
    )


MOST_FUNCTIONS = 6


def functions(row: Row) -> dict[str, list[str]]:
    """The functions that differ most between a candidate and its baseline, by what is counted."""
    after, before = row.case.instructions, row.baseline.instructions
    if after is None or before is None:
        return {}
    executed = instructions.by_function(after.functions, before.functions)
    called = instructions.by_function(after.calls, before.calls)
    kinds = {
        "instructions of C functions (all Python code runs in one)": _differences(executed),
        "calls of Python functions": _differences(called),
    }
    return {what: differences for what, differences in kinds.items() if differences}


def _differences(differences: Sequence[Difference]) -> list[str]:
    shown = [f"{d.after - d.before:+,} {d.name}" for d in differences[:MOST_FUNCTIONS]]
    rest = differences[MOST_FUNCTIONS:]
    total = sum(d.after - d.before for d in rest)
    return [*shown, *([f"{total:+,} in {len(rest):,} others"] if rest else [])]


INSTRUCTIONS = (
    "instructions: of every thread, which valgrind runs one at a time, and NumPy without AVX-512; "
    "page faults, memory bandwidth, waiting and child processes are not seen."
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


LONG = {
    "forward": "peak of the forward",
    "backward": "peak of the backward",
    "dropped": "held when every name is dropped",
}


def layer_change_text(change: Change) -> str:
    """Say what a call takes in another layer of memory, or how many blocks."""
    name = change.figure.replace("_", " ")
    if change.figure in layers.NUMBERS:
        return f"{name} {change.after:,} instead of {change.before:,}"
    old, new = apart(change.before, change.after)
    return f"{name} {new} instead of {old}"


def _change_text(change: Change, array_bytes: int) -> str:
    new, old = apart(change.after, change.before)
    return (
        f"{LONG.get(change.figure, change.figure)} {new} instead of {old}"
        f"{more_arrays(change.difference, array_bytes)}"
    )


def ratio_text(row: Row, shown: str = "") -> str:
    """The ratio of times with its interval, to the digits that this supports.

    In brackets instead of parentheses: the smallest and largest of too few sets.

    Args:
        shown: the clock whose seconds stand beside it; empty for none.
    """
    if row.is_baseline:
        return "1" if row.case.times and row.compared else "-"
    if row.time is None:
        return "-"
    time = row.time
    few = None if time.sure else time.sets
    ratio, span = ratio_span(time.ratio, time.low, time.high, few)
    other = f" {CLOCKS[time.clock]}" if shown not in ("", time.clock) else ""
    return f"{ratio} ({span}){other}" if time.sure else f"{ratio} [{span}]{other}"


def clock(rows: Sequence[Row]) -> str:
    """The clock whose seconds a table shows: the one that its ratios are of.

    "processor" where all are, else "wall"; then `ratio_text` marks a ratio of the other kind.
    """
    clocks = {row.time.clock for row in rows if row.time is not None}
    return "processor" if clocks == {"processor"} else "wall"


CLOCKS = {"processor": "CPU", "wall": "wall"}  # as the heads of tables name them


def median_text(case: Case, clock: str = "wall") -> str:
    """The median duration of a case by a clock, to the digits that its sets support."""
    if clock == "wall":
        middles = case.medians
    else:
        middles = [median(times.cpu) for times in case.times if times.cpu]
    if not any(middles):
        return "-"
    middle = median(middles)
    half = (max(middles) - min(middles)) / 2 if len(middles) > 1 else middle
    return seconds_text(middle, significant(half / middle) if middle else 1)


def allocations_text(case: Case) -> str:
    """How many blocks of array data a case allocates, and their bytes; "-" where none is known."""
    number, allocated = (layers.reading(case, name).value for name in ("allocations", "allocated"))
    return "-" if number is None or allocated is None else f"{number:,}, {bytes_text(allocated)}"


def on_machine(case: Case) -> str:
    """On which machine a case was timed, as a suffix; empty where there is one, or no time."""
    return f" ({case.machine})" if case.machine and case.times else ""


def noise_text(run: Run) -> str:
    """The noise floor of a run, in a sentence; of one of several machines, in one for each."""
    timed = {case.machine for case in run.cases if case.times}
    machines = [name for name in run.machines if name in timed]
    return " ".join(_noise_text(run, machine) for machine in machines or [""])


def _noise_text(run: Run, machine: str) -> str:
    noise = verdicts.noise(run, machine)
    where = machine or "this run"
    if noise is None:
        of = f" of {machine}" if machine else ""
        return f"noise floor{of}: not measured, nothing was timed twice."
    few = None if noise.sure else noise.pairs
    ratio, span = ratio_span(noise.ratio, noise.low, noise.high, few)
    what = f"{percent(run.options.confidence)} interval" if noise.sure else "smallest to largest"
    return (
        f"noise floor of {where}: the baseline against itself came out at {ratio} times "
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
    """Sentences on a test's call besides its figures: failure, unlike passes, other memory."""
    if not case.ordinary:
        return []
    lines = []
    if case.failure is not None:
        f = case.failure
        kind = "" if f.kind == CANNOT else f"{f.kind}: "
        lines.append(f"no exact figures, {f.stage}: {kind}{f.message}")
    elif not case.deterministic:
        peaks = ", ".join(f"{each.peak:,} B" for each in case.allocations)
        lines.append(f"its passes disagree, so its bytes are not exact: peaks of {peaks}")
    lines += _layer_remarks(case)
    if case.cycles is not None and case.cycles.leaked:
        lines.append(_left_text(case.cycles.leaked, case.kept))
    unseen = case.unseen
    if unseen is not None:
        held = f", {bytes_text(unseen.held)} of it held" if unseen.held else ""
        lines.append(
            f"and {bytes_text(unseen.peak)} not seen{held}: resident memory that is no array data "
            "of NumPy's"
        )
    return lines


def _layer_remarks(case: Case) -> list[str]:
    """What differs between the passes of a layer, and why a layer has no figures."""
    lines = [
        f"{layers.TITLES[layer]}: its passes disagree, so these are not exact: {'; '.join(what)}"
        for layer, what in layers.disagreements(case).items()
    ]
    lines += [
        f"no figures of {layers.TITLES[layer]}: {read.missing}"
        for layer, read in case.layers.items()
        if read.missing
    ]
    return lines


def _left_text(leaked: int, kept: list[int]) -> str:
    """What a call leaves behind: told apart by whether the calls after it add to it."""
    alive = f"{leaked:,} B are alive even after a collection"
    if len(kept) < 2:
        return alive
    levels = f"{', '.join(f'{level:,}' for level in kept)} B after {len(kept)} calls in a row"
    if all(after > before for before, after in pairwise(kept)):
        return f"{alive}, and each call adds to them: {levels}"
    if kept[-1] > kept[0]:
        return f"{alive}, and some calls add to them: {levels}"
    return f"{alive}, and no further call adds to them: they are kept, not leaked ({levels})"
