"""Gate a run's exact bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import gates, results, session
from bench.against import judge
from bench.baseline import load_baseline
from bench.commands.shared import AsMarkdown, FailOn, RunArgument, run_file
from bench.errors import UsageError
from bench.report import gate


def check(
    path: RunArgument = session.LATEST,
    against: Annotated[
        Path | None,
        typer.Option(help="The baseline (or an earlier run.json) that exact bytes are held to."),
    ] = None,
    fail_on: FailOn = None,
    markdown: AsMarkdown = False,
) -> None:
    """Gate a run's exact bytes: against a committed baseline, or within budgets.

    Without --fail-on: peak>0, held>0 and cycle>0, any byte more than
    before. A baseline that is not there yet passes. Exit codes: 1 a
    gate failed, 3 a case has no exact figures.

    Example:
      gradmeter check --against reports/baseline.json --fail-on 'peak>1%'
    """
    criteria = [gates.parse(text) for text in fail_on or gates.DEFAULT]
    gates.refuse_time(criteria)
    for asked in criteria:
        if asked.grows and against is None:
            raise UsageError(
                f"{asked.text} compares with a baseline: name it with --against FILE; without "
                "one there are budgets, such as --fail-on 'peak<=24MB'"
            )
    found = results.load(run_file(path))
    before = None if against is None else load_baseline(against)
    gates.check_terms(criteria, [*(case.key for case in found.cases), *(before or {})])
    exact = [case.key for case in found.cases if case.array_data]
    if found.cases:
        gates.check_exact(criteria, [*exact, *(before or {})])
    outcome = judge(found, before, criteria, against)
    screen = gate.lines(outcome, criteria, found, path)
    if markdown:
        typer.echo(gate.as_markdown("Memory gate", screen))
    else:
        for line in screen:
            typer.echo(line)
    raise typer.Exit(outcome.exit_code)


def explain() -> None:
    """Explain what --fail-on takes."""
    typer.echo(gates.__doc__)
