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
from gradmeter.bench.results import run_file
from gradmeter.bench.results.baseline import (
    load_baseline,
    load_instructions,
    load_layers,
    load_lines,
)
from gradmeter.bench.verdicts import gate_checks, gates
from gradmeter.bench.verdicts.regressions import judge


def check(
    path: RunArgument = session.LATEST,
    against: Annotated[
        Path | None,
        typer.Option(help="The baseline (or an earlier run.json) to compare exact bytes with."),
    ] = None,
    fail_on: FailOn = None,
    markdown: AsMarkdown = False,
) -> None:
    """Gate a run's exact figures: against a committed baseline, or within budgets.

    Without --fail-on: peak>0, held>0 and cycle>0, any byte more than
    before. A baseline file that does not exist yet passes. Exit codes: 1 a
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
    before = None if against is None else load_baseline(against)
    gate_checks.check_terms(criteria, [*(case.key for case in run.cases), *(before or {})])
    gate_checks.check_names(criteria, [case.key for case in run.cases])
    exact = [case.key for case in run.cases if case.array_data]
    if run.cases:
        gate_checks.check_exact(criteria, [*exact, *(before or {})])
    counted = load_instructions(against) if against is not None else {}
    by_layer = load_layers(against) if against is not None else {}
    outcome = judge(
        run, before, criteria, against, counted if before is not None else None, by_layer
    )
    known = load_lines(against) if against is not None else {}
    lines = gate.lines(outcome, criteria, run, path, known)
    if markdown:
        say_lines(gate.as_markdown("Memory gate", lines))
    else:
        for line in lines:
            say(line)
    raise typer.Exit(outcome.exit_code)


def explain() -> None:
    """Explain the gates that --fail-on takes."""
    say_lines(gates.__doc__ or "")
