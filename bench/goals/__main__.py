"""``python -m gradmeter.bench.goals``: measure every speed goal.

Prints a Markdown table and exits with 1 if a goal is missed. A peer that is not installed is
named on standard error and not compared; ``make goals`` installs them first.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

from gradmeter.bench.goals import compiler, line_pass, memory_pass
from gradmeter.bench.goals.engine import dezero_goals, own_goals, torch_goals
from gradmeter.bench.goals.goal import ratios


def main() -> int:
    """Measure every goal; print a row each; return 1 if one was missed."""
    missed = 0
    print("| goal | at most | median ratio | middle half | |\n| --- | --- | --- | --- | --- |")
    for goal in [*dezero_goals(), *torch_goals(), *own_goals()]:
        missed += not _print_row(goal.name, goal.limit, ratios(goal))
    for threads in (1, 2):
        with compiler.cores(threads):
            for goal in compiler.goals(threads):
                missed += not _print_row(goal.name, goal.limit, ratios(goal))
    name = "Goldstein-Price, first compiled call, seconds in a fresh process"
    for how, kept, imported, limit in (
        ("nothing kept", False, False, compiler.FIRST_CALL_SECONDS),
        ("kernels kept", True, False, compiler.KEPT_CALL_SECONDS),
        ("kernels kept, llvmlite imported before", True, True, compiler.KEPT_CALL_SECONDS),
    ):
        figures = compiler.first_call_seconds(kept=kept, imported=imported)
        missed += not _print_row(f"{name}, {how}", limit, figures)
    for name, figures in compiler.call_goals():
        row = f"{name}, processor microseconds of a compiled call"
        missed += not _print_row(row, compiler.CALL_MICROSECONDS, figures)
    name = "Goldstein-Price compiled, 1e7 points, bytes beyond inputs and outputs"
    missed += not _print_row(name, compiler.SPARE, [compiler.spare()] * 2)
    name, figures = memory_pass.measure()
    missed += not _print_row(name, memory_pass.LIMIT, figures)
    name = "a million line events of pure Python under the line meter, processor seconds"
    missed += not _print_row(name, line_pass.SECONDS, line_pass.seconds())
    goal = line_pass.numeric()
    missed += not _print_row(goal.name, goal.limit, ratios(goal))
    return 1 if missed else 0


def _print_row(name: str, limit: float, figures: Sequence[float]) -> bool:
    """Print a goal's row; return whether the median is within the limit."""
    low, median, high = statistics.quantiles(figures, n=4)
    met = median <= limit
    print(
        f"| {name} | {limit:.3g} | {median:.3g} | {low:.3g} to {high:.3g} "
        f"| {'met' if met else 'missed'} |",
        flush=True,
    )
    return met


if __name__ == "__main__":
    sys.exit(main())
