"""Fill a history: measure the commits of a range that the store lacks."""

from __future__ import annotations

import json as json_format
import shlex
from typing import Annotated

import typer

from gradmeter.bench.commands.history_search import (
    GOES_ON,
    OWN,
    Asked,
    Cases,
    DryRun,
    Every,
    Install,
    Layers,
    Paths,
    Retry,
    Tests,
    Variants,
    What,
    planned,
    searched,
)
from gradmeter.bench.commands.options import (
    AllParents,
    Counted,
    Engines,
    Limit,
    Seed,
    Sizes,
    Store,
    Workloads,
)
from gradmeter.bench.commands.shared import UNMEASURED, say, say_lines, telling
from gradmeter.bench.history import store
from gradmeter.bench.report import searches


def fill(
    what: What,
    folder: Store = store.DEFAULT,
    every: Every = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Measure every commit, also between equal figures.")
    ] = False,
    all_parents: AllParents = False,
    workload: Workloads = None,
    size: Sizes = None,
    variant: Variants = None,
    engine: Engines = None,
    cases: Cases = None,
    instructions: Counted = False,
    tests: Tests = OWN,
    path: Paths = None,
    install: Install = "",
    layers: Layers = "",
    retry: Retry = False,
    limit: Limit = 60.0,
    seed: Seed = 0,
    dry_run: DryRun = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the commits of a range that a history lacks, the ends first.

    Then only those between commits whose figures differ: what changed and came
    back between two of equal figures is not seen, unless --every or --all
    measures there. Each commit is kept as soon as it is measured; interrupted,
    the same command goes on. gradmeter steps tells what changed.

    Examples:
      gradmeter fill v1.0..HEAD --workload squares-30 --size 10000
      gradmeter fill v1.0..HEAD -- pytest benchmarks
    """
    asked = Asked(
        what=what,
        store=folder,
        workload=workload,
        size=size,
        variant=variant,
        engine=engine,
        cases=cases,
        tests=tests,
        path=path,
        install=install,
        layers=layers,
        instructions=instructions,
        limit=limit,
        seed=seed,
        retry=retry,
        all_parents=all_parents,
        every=every or 0,
        all=all_,
    )
    plan = planned(asked)
    with telling(GOES_ON) as tell:
        found = searched(asked, plan, tell, dry_run=dry_run)
    if found is None:
        return
    if json:
        say_lines(json_format.dumps(searches.document(found), indent=2))
    else:
        words = [
            "gradmeter",
            "steps",
            what[0],
            *(() if plan.folder == store.DEFAULT else ("--store", str(plan.folder))),
        ]
        for line in searches.lines(found, shlex.join(words)):
            say(line)
    if found.lacking_ends:
        raise typer.Exit(UNMEASURED)
