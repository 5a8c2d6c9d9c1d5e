"""Find the commits at which figures changed, all of them in one search."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench.commands.help_layout import VERDICTS
from gradmeter.bench.commands.history_search import GOES_ON, Plan, planned, searched
from gradmeter.bench.commands.options import FailOn
from gradmeter.bench.commands.reading import read_options
from gradmeter.bench.commands.search_options import Asked
from gradmeter.bench.commands.shared import UNMEASURED, say, say_lines, telling
from gradmeter.bench.errors import UsageError
from gradmeter.bench.filling import times
from gradmeter.bench.history import gating
from gradmeter.bench.history.steps import Step
from gradmeter.bench.report import searches
from gradmeter.bench.runs.allocators import DEFAULT
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.verdicts import gate_checks, gates

TIMES = Path("reports/bisect")  # a folder in it for each step


def bisect(
    asked: Asked,
    fail_on: FailOn = None,
    time: Annotated[
        bool,
        typer.Option(
            "--time",
            rich_help_panel=VERDICTS,
            help="Compare times, too, at the two ends of each step.",
        ),
    ] = False,
) -> None:
    """Find the commits at which figures changed: all of them in one search.

    Examples:
      gradmeter bisect v1.0..HEAD --fail-on 'peak>0' -- pytest benchmarks
      gradmeter bisect v1.0..HEAD --engine adapter.py --time

    An interval is halved if any figure differs between its ends. What is measured is kept in the
    store. Exit codes: 1 an open step fails a gate (by default peak>0, held>0 and cycle>0; with
    --fail-on, only what these are about is searched), 3 an end of the range cannot be measured.
    """
    criteria = [gates.parse(text) for text in fail_on or []]
    gate_checks.refuse_presence(criteria)
    gate_checks.refuse_time(criteria)
    if not asked.instructions:
        gate_checks.refuse_counted(criteria, "instructions are counted with --instructions")
    asked = replace(asked, gates=criteria)
    plan = planned(asked)
    timed: dict[tuple[str, str], Sequence[str]] = {}
    with telling(GOES_ON) as tell:
        found = searched(asked, plan, tell)
        if found is None:
            return
        for step in found.overview.steps if time else ():
            timed[step.before, step.after] = _times(asked, plan, step, tell)
    judged = criteria or [gates.parse(text) for text in gates.DEFAULT]
    failed = {
        (step.before, step.after): breaches
        for step in found.overview.steps
        if (breaches := gating.failed(judged, step))
    }
    if asked.json:
        document = searches.culprits_document(found, failed, timed)
        say_lines(json.dumps(document, indent=2))
    else:
        for line in searches.culprits(found, failed, timed):
            say(line)
    if failed:
        raise typer.Exit(1)
    if found.lacking_ends:
        raise typer.Exit(UNMEASURED)


def _times(asked: Asked, plan: Plan, step: Step, tell: Teller) -> list[str]:
    """Compare times at the ends of a step; say why where that cannot be done."""
    options = read_options(
        collector="on",
        allocator=DEFAULT,
        seed=asked.seed,
        sets=10,
        budget=1.2,
        min_rounds=10,
        limit=asked.limit,
        most_sets=64,
        seconds=12.0,
    )
    out = TIMES / step.after[:12]
    try:
        if asked.suite is None:
            return times.of_engines(step, plan.groups, asked.wanted, options, out, tell)
        return times.of_suite(
            step, asked.suite, asked.wanted, options, out, tell, tests=asked.tests
        )
    except UsageError as error:
        return [f"no times: {error}"]
