"""Render what a search in a history has found: for a terminal, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gradmeter.bench.history.found import Found, Gap
from gradmeter.bench.history.steps import Change, Step
from gradmeter.bench.numbers import title_text
from gradmeter.bench.report import steps as of_steps
from gradmeter.bench.report.steps import SHORT
from gradmeter.bench.report.text import plain
from gradmeter.bench.verdicts.gates import Gate

FILL: Final = "gradmeter fill"
BISECT: Final = "gradmeter bisect"
VERSION: Final = 1
_GAPS = 5  # that are shown; the others are counted
_GATES = 3  # of a step
Failed = Mapping[tuple[str, str], Sequence[tuple[Gate, Change]]]  # by the commits of a step
Times = Mapping[tuple[str, str], Sequence[str]]  # sentences, likewise


def lines(found: Found, command: str) -> list[str]:
    """What was measured, and what could not be; the last line counts.

    Args:
        command: that tells the steps.
    """
    steps = found.overview.steps
    told = f"; {command} tells them" if steps else ""
    last = f"{counts(found)}; {_count(len(steps), 'step')}{told}"
    return [plain(line) for line in [*remarks(found), last]]


def culprits(found: Found, failed: Failed, times: Times) -> list[str]:
    """Every step with its commit; the last line counts them, and the commits that were measured."""
    merges = {step.after for step in found.overview.steps if _unsearched(found, step)}

    def beside(step: Step) -> list[str]:
        said = [
            f"gate failed: {gate.text}: {title_text(*change.key)}"
            for gate, change in failed.get((step.before, step.after), ())
        ]
        more = len(said) - _GATES
        said[_GATES:] = [f"and {_count(more, 'more failed gate')}"] if more > 0 else []
        if step.after in merges:
            said.append("a merge: --all-parents also searches the commits that it brought")
        return [*said, *times.get((step.before, step.after), ())]

    steps = found.overview.steps
    words = f"{_count(len(steps), 'step')}"
    if steps:
        words += f", {len(failed):,} of them fail{'s' * (len(failed) == 1)} a gate"
    return [
        *of_steps.step_lines(found.overview, beside),
        *map(plain, remarks(found)),
        plain(f"{words}; {counts(found)}"),
    ]


def _unsearched(found: Found, step: Step) -> bool:
    """Whether a step is at a merge whose other parents were not followed."""
    return (
        step.suspects == 1
        and len(found.overview.commit(step.after).parents) > 1
        and not any(branch.merge == step.after for branch in found.overview.branches)
    )


def culprits_document(found: Found, failed: Failed, times: Times) -> dict[str, Any]:
    """What bisect prints as JSON."""
    return {
        "format": BISECT,
        "version": VERSION,
        **facts(found),
        "failed_gates": [
            {
                "gate": gate.text,
                "commit": after,
                "case": title_text(*change.key),
                "figure": change.figure,
                "before": change.before,
                "after": change.after,
            }
            for (_, after), each in failed.items()
            for gate, change in each
        ],
        "times": [{"commit": after, "sentences": list(s)} for (_, after), s in times.items()],
    }


def remarks(found: Found) -> Iterator[str]:
    """What is left out, in sentences."""
    gaps = found.gaps
    yield from map(gap_text, gaps[:_GAPS])
    if len(gaps) > _GAPS:
        yield f"and {_count(len(gaps) - _GAPS, 'more such interval')}"
    yield from found.notes
    if not found.whole:
        yield (
            "between measured commits of equal figures nothing was measured, so what changed and "
            "came back there is not seen: --every N measures every N-th commit"
        )


def counts(found: Found) -> str:
    """How many commits were measured, in a few words."""
    base = " and the one before" if ".." in found.overview.range else ""
    return (
        f"{_count(len(found.measured), 'commit')} measured, {found.known:,} known before, of "
        f"{len(found.overview.chosen):,} in {found.overview.range}{base}, "
        f"{_count(found.cases, 'case')}"
    )


def gap_text(gap: Gap) -> str:
    """Where commits could not be measured, and why."""
    number = _count(len(gap.commits), "commit")
    if not gap.before and not gap.after:
        where = "in the whole range"
    elif not gap.before:
        where = f"before {gap.after[:SHORT]}"
    elif not gap.after:
        where = f"after {gap.before[:SHORT]}"
    else:
        where = f"between {gap.before[:SHORT]} and {gap.after[:SHORT]}"
    more = f" (and {len(gap.why) - 1} other reasons)" if len(gap.why) > 1 else ""
    return f"{where}: {number} could not be measured, because: {gap.why[0]}{more}"


def document(found: Found) -> dict[str, Any]:
    """What fill prints as JSON."""
    return {"format": FILL, "version": VERSION, **facts(found)}


def facts(found: Found) -> dict[str, Any]:
    """What was measured and found, as builtin types."""
    return {
        "range": found.overview.range,
        "commits": len(found.overview.chosen),
        "cases": found.cases,
        "measured": list(found.measured),
        "known": found.known,
        "unmeasurable": [
            {"after": g.before, "before": g.after, "commits": list(g.commits), "why": list(g.why)}
            for g in found.gaps
        ],
        "notes": list(remarks(found)),
        "steps": of_steps.document(found.overview)["steps"],
    }


def forecast(commits: int, open_: int, cases: int | None, each: int) -> list[str]:
    """What a search would measure.

    Args:
        commits: of the range, the one before it included.
        open_: how many of those that are measured in any case have no figures yet.
        cases: how many there are; None where the suite tells.
        each: commits that are measured in any case.
    """
    number = "the suite's cases" if cases is None else _count(cases, "case")
    most = math.ceil(math.log2(max(commits - 1, 1)))
    return [
        f"{open_:,} of {_count(each, 'commit')} that are measured in any case, {number}; then at "
        f"most {_count(most, 'commit')} for each step, of {commits:,} in all"
    ]


def share_text(name: str, groups: int, total: int | None) -> str:
    """Which share of a history's cases is measured, in a sentence.

    Args:
        name: of the shard, such as 2/3.
        groups: those of the shard.
        total: those of all; None where it is the share of a suite's tests.
    """
    what = " of the suite's tests" if total is None else f": {groups:,} of {total:,} groups"
    return (
        f"shard {name}{what}; the stores of all shards together are the history, and fill "
        "without --shard measures what is missing there"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
