"""Render what each kind of operation executes, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradmeter.bench.cases.operations import BACKWARD, ELEMENTS, KINDS, LENGTH
from gradmeter.bench.report.sentences import INSTRUCTIONS
from gradmeter.bench.report.text import markdown
from gradmeter.bench.verdicts.operation_costs import Cost


def table(variant: str, costs: Sequence[Cost], ground: Mapping[str, str]) -> str:
    """The instructions of one operation of every kind that was counted, forward and backward."""
    by_phase = {cost.phase: cost for cost in costs}
    lines = ["| operation | forward | backward |", "| --- | ---: | ---: |"]
    for name, (_, operations) in KINDS.items():
        pair = [by_phase.get(phase) for phase in (name, name + BACKWARD)]
        if not any(pair):  # what the engine lacks
            continue
        cells = [f"{round(c.each / operations):,}" if c is not None else "-" for c in pair]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    differ = max((c.allowed / c.after for c in costs if c.after), default=0.0)
    features = " ".join(ground["CPU features"].split())
    return "\n".join(
        [
            f"# Instructions of one operation of {markdown(variant)}",
            "",
            f"Counted under valgrind {ground['valgrind']}, in chains of {LENGTH} on {ELEMENTS} "
            "elements, so that the engine's own cost shows: Python's, NumPy's call and the kernel "
            "are in it, and a share of what one forward and one backward take at all. `c` is a "
            "number, `x` and `y` are variables; of two operations in a chain the mean is shown. "
            f"Identical code may differ by {differ:.2%}, which is twice what two processes did.",
            "",
            *lines,
            "",
            INSTRUCTIONS[0].upper() + INSTRUCTIONS[1:],
            "",
            *(f"- {name}: {markdown(ground[name])}" for name in ("interpreter", "NumPy")),
            f"- C library: {markdown(ground['C library'])}; allocator {ground['allocator']}",
            f"- CPU features under valgrind: {markdown(features)}",
            "",
        ]
    )


def differences(costs: Sequence[Cost]) -> list[str]:
    """What differs between the revisions, the largest first; one line if nothing does."""
    changed = sorted((c for c in costs if c.more), key=lambda c: -abs(c.more / c.after))
    lines = [
        f"{cost.phase}: {round((cost.before or 0) / LENGTH):,} -> {cost.each:,} instructions"
        f"{percent(cost)}"
        for cost in changed
    ]
    return lines or ["no operation executes more or less"]


def percent(cost: Cost) -> str:
    """By what percentage of what it was before a cost differs, in parentheses."""
    return f" ({cost.more / cost.before:+.2%})" if cost.before else ""
