"""Gate a run's exact figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import git, session
from gradmeter.bench.commands.options import AsMarkdown, FailOn, Renamed, RunArgument
from gradmeter.bench.commands.reading import read_run
from gradmeter.bench.commands.shared import say, say_lines
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import ancestor as ancestors
from gradmeter.bench.history import pending, renaming, store
from gradmeter.bench.history.branch import PREFIX
from gradmeter.bench.report import ancestor as report
from gradmeter.bench.report import gate
from gradmeter.bench.results import known as known_figures
from gradmeter.bench.results.known import Known
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import gate_checks, gates
from gradmeter.bench.verdicts.gates import Gate
from gradmeter.bench.verdicts.regressions import Outcome, judge


def check(
    path: RunArgument = session.LATEST,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|STORE",
            help="A baseline, a run.json, a file of laws; or a history: a folder or branch:NAME.",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="REV",
            help="With a history: the branch that the run's commit left, such as origin/main.",
        ),
    ] = None,
    renamed: Renamed = None,
    fail_on: FailOn = None,
    markdown: AsMarkdown = False,
) -> None:
    """Gate a run's exact figures: against earlier ones, or within budgets.

    Examples:
      gradmeter check --against reports/baseline.json --fail-on 'peak>1%'
      gradmeter check --against branch:gradmeter-history --base origin/main

    By default any byte more fails: peak>0, held>0 and cycle>0. Earlier figures are those of a
    baseline, of laws at the run's sizes and depths, or of the newest recorded ancestor in a
    history, unless gradmeter accept accepted more. A case that did not exist passes. Without any
    earlier figures nothing is judged, and the last line says how to make them. Exit codes: 0 also
    for that, 1 a gate failed, 3 a case has no exact figures, or its instructions, Python objects or
    heap were measured with other binaries.
    """
    criteria = [gates.parse(text) for text in fail_on or gates.DEFAULT]
    gate_checks.refuse_time(criteria)
    for criterion in criteria:
        if criterion.grows and against is None:
            raise UsageError(
                f"{criterion.text} compares with a baseline: name it with --against FILE, or give "
                "a budget, such as --fail-on 'peak<=24MB'"
            )
    place = store.place(against) if against is not None and _is_history(against) else None
    if place is None and (base is not None or renamed):
        raise UsageError(
            "--base and --renamed are for a history: give --against reports/history, or branch:NAME"
        )
    run = read_run(path)
    if place is not None:
        outcome, lines = _against_history(run, path, place, base, renamed or (), criteria)
    else:
        file = Path(against) if against is not None else None
        known = None if file is None else known_figures.load(file, run.cases)
        _refuse_idle(criteria, run, known)
        outcome = judge(run, known, criteria, file)
        lines = gate.lines(outcome, criteria, run, path, known.lines if known is not None else {})
    if markdown:
        say_lines(gate.as_markdown("Memory gate", lines))
    else:
        for line in lines:
            say(line)
    raise typer.Exit(outcome.exit_code)


def _is_history(against: str) -> bool:
    """Whether the name is that of a history: of a branch, or a folder, which may not exist yet."""
    path = Path(against)
    is_new = not path.suffix and not os.path.lexists(path)
    return against.startswith(PREFIX) or os.path.isdir(path) or is_new


def _against_history(
    run: Run,
    path: Path,
    place: store.Place,
    base: str | None,
    names: Sequence[str],
    criteria: Sequence[Gate],
) -> tuple[Outcome, list[str]]:
    """Judge a run by its newest recorded ancestor; the lines end with the verdict."""
    top = git.top(Path.cwd(), needed_by="gradmeter check --against a history")
    history = renaming.renamed(store.load(place), names)
    ancestor = ancestors.find(run, history, top, base)
    _refuse_idle(criteria, run, ancestor.known)
    outcome = judge(run, ancestor.known, criteria, None)
    outcome, accepted = pending.accepted(run, outcome, ancestor, history)
    return outcome, report.lines(outcome, accepted, ancestor, criteria, run, path, place)


def _refuse_idle(criteria: Sequence[Gate], run: Run, known: Known | None) -> None:
    """Refuse gates that could never fail."""
    before = known.figures if known is not None else {}
    gate_checks.check_terms(criteria, [*(case.key for case in run.cases), *before])
    gate_checks.check_names(criteria, [case.key for case in run.cases])
    exact = [case.key for case in run.cases if case.array_data]
    if run.cases:
        gate_checks.check_exact(criteria, [*exact, *before])
    if known is not None and known.by_law is not None:
        gate_checks.refuse_counted(criteria, "a file of laws has none; name a baseline")


def explain() -> None:
    """Explain the gates that --fail-on takes.

    Example:
      gradmeter gates
    """
    say_lines(gates.__doc__ or "")
