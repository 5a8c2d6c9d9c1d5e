"""Gate a run's exact figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import session
from gradmeter.bench.commands.shared import (
    AsMarkdown,
    FailOn,
    RunArgument,
    run_path,
    say,
    say_lines,
)
from gradmeter.bench.errors import UsageError
from gradmeter.bench.report import gate
from gradmeter.bench.results import known as known_figures
from gradmeter.bench.results import run_file
from gradmeter.bench.verdicts import gate_checks, gates
from gradmeter.bench.verdicts.regressions import judge


def check(
    path: RunArgument = session.LATEST,
    against: Annotated[
        Path | None,
        typer.Option(
            help="The baseline (or an earlier run.json, or a file of laws) to compare exact bytes "
            "with."
        ),
    ] = None,
    fail_on: FailOn = None,
    markdown: AsMarkdown = False,
) -> None:
    """Gate a run's exact figures: against a committed baseline, or within budgets.

    Without --fail-on: peak>0, held>0 and cycle>0, any byte more than
    before. Against a file of laws, more than these say at the run's sizes
    and depths. A baseline file that does not exist yet passes. Exit codes: 1 a
    gate failed, 3 a case has no exact figures, or its instructions, Python
    objects or heap were measured with other binaries than the baseline's.

    Example:
      gradmeter check --against reports/baseline.json --fail-on 'peak>1%'
    """
    criteria = [gates.parse(text) for text in fail_on or gates.DEFAULT]
    gate_checks.refuse_time(criteria)
    for criterion in criteria:
        if criterion.grows and against is None:
            raise UsageError(
                f"{criterion.text} compares with a baseline: name it with --against FILE, or give "
                "a budget, such as --fail-on 'peak<=24MB'"
            )
    run = run_file.load(run_path(path))
    known = None if against is None else known_figures.load(against, run.cases)
    before = known.figures if known is not None else {}
    gate_checks.check_terms(criteria, [*(case.key for case in run.cases), *before])
    gate_checks.check_names(criteria, [case.key for case in run.cases])
    exact = [case.key for case in run.cases if case.array_data]
    if run.cases:
        gate_checks.check_exact(criteria, [*exact, *before])
    if known is not None and known.by_law is not None:
        gate_checks.refuse_counted(criteria, "a file of laws has none; name a baseline")
    outcome = judge(run, known, criteria, against)
    lines = gate.lines(outcome, criteria, run, path, known.lines if known is not None else {})
    if markdown:
        say_lines(gate.as_markdown("Memory gate", lines))
    else:
        for line in lines:
            say(line)
    raise typer.Exit(outcome.exit_code)


def explain() -> None:
    """Explain the gates that --fail-on takes."""
    say_lines(gates.__doc__ or "")
