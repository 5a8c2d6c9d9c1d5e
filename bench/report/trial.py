"""The trials of the verdicts as they go on, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.meters import selftest
from bench.progress import Teller
from bench.report.text import plain
from bench.results import Options, SelfTest
from bench.trials import AGAIN, SLOWED, Tally, alternate, upper_bound
from bench.variants import Variant
from bench.wording import percent


def show(
    console: Console,
    variant: Variant,
    cases: Sequence[tuple[str, int]],
    slower: float,
    count: int,
    options: Options,
) -> bool:
    """Try and print; return whether something was wrong beyond chance."""
    tests = [SelfTest(**test) for test in selftest.run()]
    for test in tests:
        outcome = "passed" if test.passed else f"FAILED {test.problem}"
        console.print(
            f"meter: {test.name}: measured {test.measured:,} bytes: {plain(outcome)}",
            highlight=False,
            markup=False,
        )
    tallies: dict[str, Tally] = {}
    with Teller(Console(stderr=True, emoji=False)) as tell:
        for found in alternate(variant, cases, slower, count, options, tell):
            tallies = found
    false = tallies[AGAIN].words["faster"] + tallies[AGAIN].words["slower"]
    right = tallies[SLOWED].words["slower"]
    console.print(_table(tallies, slower))
    mean = (tallies[AGAIN].mean_seconds + tallies[SLOWED].mean_seconds) / 2
    console.print(
        f"false alarms: {false} of {count} comparisons of {plain(str(variant))} with itself "
        f"(with 95% confidence below {percent(upper_bound(false, count))} of all)\n"
        f"detections: {right} of {count} comparisons with itself slowed by {percent(slower)}\n"
        f"seconds per comparison: {mean:.1f}",
        highlight=False,
        markup=False,
    )
    # Chance: more alarms than a probability of 1 - confidence gives once in a thousand.
    alarming = upper_bound(count - false, count, 0.999) < options.confidence
    return alarming or not all(test.passed for test in tests)


def _table(tallies: dict[str, Tally], slower: float) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("compared with")
    for name in ("slower", "faster", "same", "inconclusive", "sets", "seconds"):
        table.add_column(name, justify="right")
    for kind, title in ((AGAIN, "itself"), (SLOWED, f"itself, {percent(slower)} slower")):
        tally = tallies[kind]
        words = [str(tally.words[w]) for w in ("slower", "faster", "same", "inconclusive")]
        sets = sum(tally.sets) / tally.count
        table.add_row(title, *words, f"{sets:.1f}", f"{tally.mean_seconds:.1f}")
    return table
