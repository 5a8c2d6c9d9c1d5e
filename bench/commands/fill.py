"""Fill a history: measure the commits of a range that the store lacks."""

from __future__ import annotations

import json as json_format
import shlex
from typing import Annotated

import typer

from gradmeter.bench.commands.history_search import GOES_ON, planned, searched
from gradmeter.bench.commands.search_options import (
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
)
from gradmeter.bench.commands.shared import (
    UNMEASURED,
    AllParents,
    AnyStore,
    Counted,
    Engines,
    Limit,
    Push,
    Seed,
    ShardBy,
    Sizes,
    Workloads,
    pushed,
    read_share,
    say,
    say_lines,
    telling,
)
from gradmeter.bench.history import store
from gradmeter.bench.report import searches


def fill(
    what: What,
    folder: AnyStore = store.DEFAULT,
    push: Push = False,
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
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="K/N",
            help="Measure the K-th of N shares of the groups, or of a suite's tests, as one of N "
            "jobs that fill one history; each share is searched on its own.",
        ),
    ] = "",
    shard_by: ShardBy = None,
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
      gradmeter fill v1.0..HEAD --shard 1/3 --store branch:h --push -- pytest
    """
    asked = Asked(
        what=what,
        store=pushed(folder, push),
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
        share=read_share(shard, shard_by),
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
            *(() if plan.store == store.DEFAULT else ("--store", str(plan.store))),
        ]
        for line in searches.lines(found, shlex.join(words)):
            say(line)
    if found.lacking_ends:
        raise typer.Exit(UNMEASURED)
