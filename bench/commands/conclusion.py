"""Conclude a comparison: judge its gates, print it, and exit as it ended."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.commands.shared import (
    UNMEASURED,
    exit_for,
    say,
    say_lines,
    show_run,
    tell_failed,
    tell_written,
)
from gradmeter.bench.report import comparison, gate
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import breaches, gates, verdicts


@dataclass(frozen=True)
class Printed:
    """How a comparison is printed: a summary or all of it, Markdown, JSON, or what failed."""

    markdown: bool = False
    json: bool = False
    quiet: bool = False
    everything: bool = False


def conclude(
    run: Run,
    criteria: Sequence[gates.Gate],
    printed: Printed,
    *,
    notes: Sequence[str] = (),
    out: Path | None = None,
    following: str = "",
) -> None:
    """Judge the gates, print the comparison, and exit as it ended.

    Args:
        out: the folder that the run was written to; None for one that was read.
        following: the next command; empty for none.
    """
    rows = verdicts.candidates(run)
    failed = breaches.of_rows(criteria, rows, run.options)
    refused = breaches.not_judged(criteria, rows)
    notes = [*notes, *[f"not judged: {reason}" for reason in refused]]
    if printed.json:
        say_lines(json.dumps(comparison.document(run, failed), indent=1))
    elif printed.markdown:
        lines = [*notes, *([f"next: {following}"] if following else [])]
        say_lines(comparison.render(run, failed, lines))
    elif printed.quiet:
        for line in [*notes[len(notes) - len(refused) :], *gate.breaches(failed, run)]:
            say(line)
    else:
        show_run(run, printed.everything, following=following)
        for label, meaning in run.revisions.items():
            say(f"{label}: {meaning}")
        if out is not None:
            tell_written(out)
        for line in [*notes, comparison.headline(run), *gate.breaches(failed, run)]:
            say(line)
    if printed.quiet:
        tell_failed(run)
    if failed:
        raise typer.Exit(1)
    if refused:
        raise typer.Exit(UNMEASURED)
    exit_for(run)


def hint(run: Run, groups: Sequence[Group]) -> str:
    """Say how to count instructions, where a verdict on time is open and they can be counted."""
    countable = {str(v) for g in groups for v in g.variants if not v.engine.uncounted}
    undecided = [
        row
        for row in verdicts.candidates(run)
        if row.time is not None
        and row.time.word == "inconclusive"
        and {row.case.variant, row.baseline.variant} <= countable
    ]
    if run.options.instructions or not undecided:
        return ""
    command = shlex.join(["gradmeter", *sys.argv[1:], "--instructions"])
    return f"{command}  (instructions, the same in every process, decide the undecided)"
