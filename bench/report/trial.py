"""Run the trials of the verdicts and print their false alarms and detections."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.meters import selftest
from gradmeter.bench.numbers import percent, ratio_span
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.readings import SelfTest
from gradmeter.bench.results.run import Options
from gradmeter.bench.runs.instruction_trials import alternate_counts
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.runs.trials import AGAIN, SLOWED, Tally, alternate, histories, upper_bound


def show(
    console: Console,
    groups: Sequence[Group],
    slower: float,
    more: int,
    count: int,
    options: Options,
) -> bool:
    """Run the trials and print them; return whether more failed than chance explains.

    Args:
        slower: the fraction by which the other side is slowed.
        more: the operations that it computes more instead; 0 for none.
    """
    tests = [SelfTest(**test) for test in selftest.run()]
    for test in tests:
        outcome = "passed" if test.passed else f"FAILED {test.problem}"
        console.print(
            f"meter: {test.name}: measured {test.measured:,} bytes: {plain(outcome)}",
            highlight=False,
            markup=False,
        )
    effect = operations_text(more) if more else f"{percent(slower)} slower"
    way = {"more": more} if more else {"slower": slower}
    tallies: dict[str, Tally] = {}
    with Teller(Console(stderr=True, emoji=False)) as progress:
        for latest in alternate(groups, way, count, options, progress):
            tallies = latest
    name = plain(str(groups[0].variants[0]))
    false = tallies[AGAIN].words["faster"] + tallies[AGAIN].words["slower"]
    right = tallies[SLOWED].words["slower"]
    console.print(_table(tallies, effect))
    mean = (tallies[AGAIN].mean_seconds + tallies[SLOWED].mean_seconds) / 2
    console.print(
        f"false alarms: {false} of {count} comparisons of {name} with itself "
        f"(with 95% confidence below {percent(upper_bound(false, count))} of all)\n"
        f"detections: {right} of {count} comparisons with itself, {effect}\n"
        f"seconds per comparison: {mean:.1f}",
        highlight=False,
        markup=False,
    )
    # Chance: more alarms than a probability of 1 - confidence gives once in a thousand.
    alarming = upper_bound(count - false, count, 0.999) < options.confidence
    return alarming or not all(test.passed for test in tests)


def operations_text(more: int) -> str:
    """Say how many operations more are computed."""
    return f"{more} operation{'s' * (more != 1)} more"


def _table(tallies: dict[str, Tally], effect: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("compared with")
    for name in ("slower", "faster", "same", "inconclusive", "sets", "seconds"):
        table.add_column(name, justify="right")
    for kind, title in ((AGAIN, "itself"), (SLOWED, f"itself, {effect}")):
        tally = tallies[kind]
        words = [str(tally.words[w]) for w in ("slower", "faster", "same", "inconclusive")]
        sets = sum(tally.sets) / tally.count
        table.add_row(title, *words, f"{sets:.1f}", f"{tally.mean_seconds:.1f}")
    return table


def show_histories(console: Console, groups: Sequence[Group], options: Options) -> bool:
    """Run and print a trial of every history; return whether one decided a verdict."""
    table = Table(box=None, pad_edge=False)
    for name in ("history", "workload", "verdict"):
        table.add_column(name)
    for name in ("ratio", "sets", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    decided = False
    with Teller(Console(stderr=True, emoji=False)) as tell:
        for group, name, trial in histories(groups, options, tell):
            verdict = trial.verdict
            if verdict is None:
                table.add_row(name, group.title, "failed", "-", "-", f"{trial.seconds:.1f}")
                decided = True
                continue
            decided |= verdict.word in ("faster", "slower")
            few = None if verdict.sure else verdict.sets
            ratio, span = ratio_span(verdict.ratio, verdict.low, verdict.high, few)
            table.add_row(
                name,
                group.title,
                verdict.word,
                f"{ratio} ({span})",
                str(verdict.sets),
                f"{trial.seconds:.1f}",
            )
    console.print(table)
    console.print(
        f"identical code in processes of other histories, allocator {options.allocator}: "
        + ("a history decided a verdict" if decided else "no history decided a verdict"),
        highlight=False,
    )
    return decided


def show_instructions(
    console: Console, groups: Sequence[Group], more: int, count: int, options: Options
) -> bool:
    """Run and print the trials of the verdicts on instructions; return whether one was wrong."""
    with Teller(Console(stderr=True, emoji=False)) as tell:
        *_, trials = alternate_counts(groups, more, count, options, tell)
    effect = operations_text(more)
    table = Table(box=None, pad_edge=False)
    table.add_column("compared with")
    for name in ("less", "equal", "more", "ratio", "seconds"):
        table.add_column(name, justify="right")
    for kind, title in ((AGAIN, "itself"), (SLOWED, f"itself, {effect}")):
        tally = trials.kinds[kind]
        words = [str(tally.words[word]) for word in ("less", "equal", "more")]
        ratios = f"{min(tally.ratios):.5f} to {max(tally.ratios):.5f}"
        table.add_row(title, *words, ratios, f"{sum(tally.seconds) / count:.1f}")
    console.print(table)
    tolerances = trials.kinds[AGAIN].tolerances
    name = plain(str(groups[0].variants[0]))
    console.print(
        f"{name}: processes of identical code differ by {trials.largest_in_place:.4%} at most, "
        f"by {trials.largest_elsewhere:.4%} where their memory lies elsewhere\n"
        f"tolerance of a comparison: {min(tolerances):.3%} to {max(tolerances):.3%}, twice as "
        "the rounds of a case differ in its two processes",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    alarms = count - trials.kinds[AGAIN].words["equal"]
    return bool(alarms) or trials.kinds[SLOWED].words["more"] < count
