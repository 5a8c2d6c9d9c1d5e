"""What the numbers of a run mean: rows, ratios, and a sentence for each comparison."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from bench.results import Case, Comparison, Run


@dataclass(frozen=True)
class Row:
    """One case of a comparison, beside its baseline.

    Attributes:
        baseline: the case it is compared with; itself for the baseline.
        ratio: the median of the ratios of the sets; None where either has no times.
        spread: the smallest and the largest of these.
        compared: whether there is anything beside it.
    """

    case: Case
    baseline: Case
    ratio: float | None
    spread: tuple[float, float] | None
    compared: bool = True

    @property
    def is_baseline(self) -> bool:
        """Whether this is the baseline itself."""
        return self.case.key == self.baseline.key

    @property
    def effect(self) -> float:
        """How far memory is from the baseline's, in arrays: for putting the largest first."""
        ours, theirs = self.case.memory, self.baseline.memory
        if ours is None or theirs is None or self.is_baseline:
            return 0.0
        cycles = abs(_cycle(self.case) - _cycle(self.baseline))
        most = max(abs(ours.peak - theirs.peak), abs(ours.held - theirs.held), cycles)
        return most / self.case.array_bytes


def set_ratios(case: Case, baseline: Case) -> list[float]:
    """The ratio of total seconds in each set that both have: the median over its rounds.

    The rounds of a set were interleaved, so they are paired; medians are taken of
    logarithms, so that exchanging the two turns a ratio into its inverse.
    """
    others = {times.number: times.total for times in baseline.times}
    found = []
    for times in case.times:
        pairs = zip(times.total, others.get(times.number, []), strict=False)
        logs = [math.log(a / b) for a, b in pairs if a > 0 and b > 0]
        if logs:
            found.append(math.exp(statistics.median(logs)))
    return found


def rows(run: Run, comparison: Comparison) -> list[Row]:
    """The baseline's row and its candidates', the largest effect on memory first."""
    baseline = run.case(comparison.workload, comparison.size, comparison.baseline)
    if baseline is None:
        return []
    found = []
    for variant in [comparison.baseline, *comparison.candidates]:
        case = run.case(comparison.workload, comparison.size, variant)
        if case is not None:
            ratios = set_ratios(case, baseline)
            found.append(
                Row(
                    case,
                    baseline,
                    statistics.median(ratios) if ratios else None,
                    (min(ratios), max(ratios)) if ratios else None,
                )
            )
    return sorted(found, key=lambda row: (not row.is_baseline, -row.effect))


def ordered(run: Run) -> list[tuple[Comparison, list[Row]]]:
    """Every comparison with its rows, those with the largest effect on memory first."""
    pairs = [(c, rows(run, c)) for c in run.comparisons]
    return sorted(
        [(c, found) for c, found in pairs if found],
        key=lambda pair: -max(row.effect for row in pair[1]),
    )


def lone(run: Run) -> list[Case]:
    """Cases that no comparison shows."""
    shown = {row.case.key for comparison in run.comparisons for row in rows(run, comparison)}
    return [case for case in run.cases if case.key not in shown]


def alone(case: Case) -> Row:
    """A case with nothing beside it."""
    return Row(case, case, None, None, compared=False)


def bytes_text(count: int) -> str:
    """A number of bytes for people: exact below 10 kB, then in powers of 1000."""
    if abs(count) < 10_000:
        return f"{count:,} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if abs(value) < 999.95:  # what rounds to 1000.0 is 1.0 of the next
            return f"{value:.1f} {unit}"
    return f"{value / 1000:,.1f} TB"


def arrays_text(count: int, array_bytes: int) -> str:
    """Bytes in arrays of the workload's size."""
    return f"{count / array_bytes:.2f}"


def sentence(row: Row) -> str:
    """What a candidate costs beside its baseline, in words; bytes are exact."""
    ours, base = row.case, row.baseline
    name = f"{ours.variant} on {ours.workload} x {ours.size:,}"
    if ours.failure:
        return f"{name}: not measured ({ours.failure.stage}: {ours.failure.message})."
    if base.failure:
        return f"{name}: nothing to compare with, the baseline failed ({base.failure.message})."
    if ours.memory is None or base.memory is None or ours.cycles is None or base.cycles is None:
        return f"{name}: no memory figures to compare."
    parts = []
    if ours.cycles.bytes != base.cycles.bytes:
        more, less = sorted((ours, base), key=_cycle, reverse=True)
        assert more.cycles is not None
        few, many = _apart(_cycle(less), _cycle(more))
        parts.append(
            f"{less.variant} leaves {few} in reference cycles where {more.variant} leaves "
            f"{many} in {more.cycles.objects:,} objects"
        )
    figures = _figures(ours), _figures(base)
    for what in figures[0]:
        mine, its = figures[0][what], figures[1][what]
        if mine != its and (what in ("peak", "held") or not parts):
            new, old = _apart(mine, its)
            parts.append(
                f"{what} {new} instead of {old} ({_signed(mine - its, ours.array_bytes)} arrays)"
            )
    return f"{name}: {'; '.join(parts) or 'the same memory to the byte'}."


def _figures(case: Case) -> dict[str, int]:
    """The exact figures of a case by name, the most telling first."""
    memory, cycles = case.memory, case.cycles
    assert memory is not None
    assert cycles is not None
    return {
        "peak": memory.peak,
        "held": memory.held,
        "peak of the forward": memory.forward,
        "peak of the backward": memory.backward,
        "held when every name is dropped": cycles.dropped,
        "leaked": cycles.leaked,
    }


def _apart(a: int, b: int) -> tuple[str, str]:
    """Two different numbers of bytes as texts that differ."""
    texts = bytes_text(a), bytes_text(b)
    return texts if texts[0] != texts[1] else (f"{a:,} B", f"{b:,} B")


def _signed(difference: int, array_bytes: int) -> str:
    return f"{difference / array_bytes:+.2f}"


def _cycle(case: Case) -> int:
    return case.cycles.bytes if case.cycles else 0


def surprises(case: Case) -> list[str]:
    """What about a case's memory is not as it should be: sentences."""
    found = []
    memory, predicted, cycles = case.memory, case.predicted, case.cycles
    if memory is not None and predicted is not None and cycles is not None:
        measured = {
            "forward": memory.forward,
            "backward": memory.backward,
            "peak": memory.peak,
            "held": memory.held,
            "dropped": cycles.dropped,
        }
        for name, value in measured.items():
            expected = getattr(predicted, name)
            if value != expected:
                found.append(
                    f"{name} is {value:,} bytes where {expected:,} were predicted "
                    f"({_signed(value - expected, case.array_bytes)} arrays)"
                )
    if case.allocations and not case.deterministic:
        found.append("its passes disagree, so its bytes are not deterministic")
    if cycles is not None and cycles.leaked:
        found.append(f"{cycles.leaked:,} bytes are alive even after a collection")
    return found


def seconds_text(seconds: float) -> str:
    """A duration for people: three digits, in the unit that suits it."""
    for unit, scale in (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3)):
        if seconds < scale * 999.5:  # what rounds to 1000 is 1 of the next
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds:.3g} s" if seconds < 999.5 else f"{seconds:,.0f} s"


def ratio_text(row: Row) -> str:
    """The ratio of times with the spread of the sets, to the digits that these support."""
    if row.ratio is None or row.spread is None:
        return "-"
    if row.is_baseline:
        return "1"
    low, high = row.spread
    digits = 2 if high - low < 0.2 else 1
    return f"{row.ratio:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
