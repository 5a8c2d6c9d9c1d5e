"""Measure a run, show it, and write its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import psutil
import typer

from gradmeter.bench import session
from gradmeter.bench.cases import capacity, sharded
from gradmeter.bench.cases.capacity import Needed
from gradmeter.bench.cases.plan import Group, plan
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.commands.machines import Machines, On, forecast_lines, through
from gradmeter.bench.commands.shared import (
    Allocator,
    Budget,
    ByLine,
    Collector,
    Counted,
    Engines,
    Everything,
    Exact,
    Functions,
    Limit,
    MinRounds,
    Out,
    RunArgument,
    Seed,
    Sets,
    Shard,
    ShardBy,
    Sizes,
    Workloads,
    add_engines,
    exit_for,
    measure,
    read_options,
    read_share,
    run_path,
    say,
    show_run,
    tell_written,
)
from gradmeter.bench.report import capacity as capacity_report
from gradmeter.bench.report import ordinary
from gradmeter.bench.results import run_file
from gradmeter.bench.results.baseline import write_baseline
from gradmeter.bench.results.run import Options
from gradmeter.bench.runs.allocators import DEFAULT


def run(
    workload: Workloads = None,
    size: Sizes = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help="An engine and its settings, such as engine:output_references=strong; "
            "repeat for more. The first is the baseline. Default: the engines of --engine.",
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The variant that the others are compared with.")
    ] = None,
    engine: Engines = None,
    collector: Collector = "on",
    allocator: Allocator = DEFAULT,
    lines: ByLine = False,
    instructions: Counted = False,
    functions: Functions = False,
    exact: Exact = False,
    budget: Budget = 1.5,
    sets: Sets = 10,
    min_rounds: MinRounds = 10,
    limit: Limit = 60.0,
    seed: Seed = 0,
    shard: Shard = "",
    shard_by: ShardBy = None,
    on: On = "",
    machines: Machines = 1,
    out: Out = session.LATEST,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the unfinished run in --out.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Measure nothing: say what would be, the seconds and memory that it takes, and "
            "with --shard or --on how it would be spread.",
        ),
    ] = False,
    everything: Everything = False,
) -> None:
    """Measure variants of an engine over workloads and sizes: time and exact memory.

    Without options: weak against strong output references over three squares of a million
    elements; with --engine and without --variant, the engines of these files (and --baseline
    engine sets gradmeter's own beside them). Exit code 3: some cases could not be measured.

    Example:
      gradmeter run --workload squares-30 --size 10000 --size 1000000
        --variant engine --variant engine:retain_grad=on
    """
    share = None if (dry_run or on) and not shard else read_share(shard, shard_by)
    elsewhere = through(on, machines, shard_by)
    named = add_engines(engine)
    groups, comparisons = plan(
        workload or ["squares-3"],
        size or [1_000_000],
        variant or named or ["engine", "engine:output_references=strong"],
        baseline,
    )
    options = read_options(
        collector=collector,
        allocator=allocator,
        lines=lines,
        instructions=instructions,
        functions=functions,
        exact=exact,
        seed=seed,
        sets=0 if exact else sets,
        budget=budget,
        min_rounds=min_rounds,
        limit=limit,
    )
    if dry_run:
        plan_of_run = _show_plan(groups, options, share, shard_by)
        if on:
            for line in forecast_lines(plan_of_run, on, machines, timed=options.sets > 0):
                say(line)
        return
    measured_run = measure(
        groups, comparisons, options, out, share=share, resume=resume, through=elsewhere
    )
    show_run(measured_run, everything)
    tell_written(out)
    exit_for(measured_run)


def _show_plan(
    groups: Sequence[Group], options: Options, share: Share | None, costs: Path | None
) -> Sequence[Needed]:
    """Print what a plan takes, and how it would be spread over shards; return it."""
    known = {} if costs is None else sharded.seconds(run_path(costs))
    plan = capacity.needed(groups, options, known)
    for line in capacity_report.lines(plan, psutil.virtual_memory().available):
        say(line)
    if share is not None:
        shards = share.spread(sharded.whole(groups))
        for line in ["", *capacity_report.shard_lines(plan, shards, share.number)]:
            say(line)
        return [group for group in plan if group.title in shards[share.number - 1]]
    return plan


def show(
    path: RunArgument,
    everything: Everything = False,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(ordinary.ORDERS),
            help="What the calls of tests are sorted by. Default: peak, or what changed most.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many calls of tests are shown.", min=0),
    ] = None,
) -> None:
    """Print an earlier run: its summary, or with --all every table."""
    run = run_file.load(run_path(path))
    show_run(run, everything, ordinary.chosen(sort, top, "--sort"))


def baseline(
    path: RunArgument,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("reports/baseline.json"),
) -> None:
    """Write the exact figures of a run to a file to commit.

    Bytes hold on any machine; instructions, where the run has them, for the
    same binaries and CPU features, which stand beside them.
    """
    measured_run = run_file.load(run_path(path))
    count = write_baseline(measured_run, out)
    say(f"written: {out}, the exact figures of {count} cases")
