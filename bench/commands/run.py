"""Measure a run, show it, and write its baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import session
from gradmeter.bench.cases import capacity, sharded
from gradmeter.bench.cases.plan import plan
from gradmeter.bench.commands.completion import complete_cases, complete_variants
from gradmeter.bench.commands.help_layout import OUTPUT, WHAT, HelpAll
from gradmeter.bench.commands.machines import seconds
from gradmeter.bench.commands.measuring import Measuring
from gradmeter.bench.commands.options import (
    AsJson,
    Budget,
    ByLine,
    Engines,
    Everything,
    Exact,
    Keyword,
    Out,
    Quiet,
    RunArgument,
    Sets,
    Sizes,
    Variants,
    Workloads,
)
from gradmeter.bench.commands.reading import add_engines, read_options, read_run
from gradmeter.bench.commands.selection import named, select
from gradmeter.bench.commands.shared import (
    exit_for,
    measure,
    say,
    say_lines,
    show_run,
    tell_failed,
    tell_written,
)
from gradmeter.bench.machines import dry_run
from gradmeter.bench.report import ordinary
from gradmeter.bench.results.baseline import write_baseline


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORKLOAD|VARIANT",
            rich_help_panel=WHAT,
            autocompletion=complete_cases,
            help="squares-30, FILE.py:NAME; engine:retain_grad=on.",
        ),
    ] = None,
    size: Sizes = None,
    keyword: Keyword = "",
    engine: Engines = None,
    workload: Workloads = None,
    variant: Variants = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="VARIANT",
            rich_help_panel=WHAT,
            autocompletion=complete_variants,
            help="The variant that the others are compared with.",
        ),
    ] = None,
    lines: ByLine = False,
    exact: Exact = False,
    budget: Budget = 1.5,
    sets: Sets = 10,
    out: Out = session.LATEST,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", rich_help_panel=OUTPUT, help="Go on with the unfinished run in --out."
        ),
    ] = False,
    measure_nothing: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            rich_help_panel=OUTPUT,
            help="Say what would be measured, and its time and memory.",
        ),
    ] = False,
    everything: Everything = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    measuring: Measuring,
    help_all: HelpAll = False,  # noqa: ARG001
) -> None:
    """Measure variants of engines over workloads and sizes: time and exact memory.

    Example:
      gradmeter run squares-30 engine engine:retain_grad=on --size 1e6

    The first variant is the baseline. By default: squares-3 at a million elements, with weak and
    with strong output references, or with the engines of --engine. Exit code 3: some cases could
    not be measured.
    """
    m = measuring
    share = None if measure_nothing and not m.shard else m.share
    elsewhere = m.elsewhere
    own = add_engines(engine)
    given = named(words or ())
    groups, comparisons = plan(
        [*given.workloads, *(workload or [])] or ["squares-3"],
        size or [1_000_000],
        [*given.variants, *(variant or [])] or own or ["engine", "engine:output_references=strong"],
        baseline,
    )
    groups, comparisons = select(keyword, groups, comparisons)
    options = read_options(
        **m.options, lines=lines, exact=exact, sets=0 if exact else sets, budget=budget
    )
    if measure_nothing:
        needed = capacity.needed(groups, options, seconds(m.shard_by))
        together, timed = sharded.whole(groups), options.sets > 0
        for line in dry_run.lines(needed, together, share, m.on, m.machines, timed=timed):
            say(line)
        return
    measured_run = measure(
        groups,
        comparisons,
        options,
        out,
        share=share,
        quiet=quiet,
        resume=resume,
        through=elsewhere,
    )
    if as_json:
        say_lines((out / session.RUN_FILE).read_text(encoding="utf8").rstrip())
    elif not quiet:
        show_run(measured_run, everything)
        tell_written(out)
    if quiet or as_json:
        tell_failed(measured_run)
    exit_for(measured_run)


def show(
    path: RunArgument = session.LATEST,
    everything: Everything = False,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(ordinary.ORDERS),
            help="Sort the calls of tests by this. Default: what changed most.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many calls of tests are shown.", min=0),
    ] = None,
) -> None:
    """Print a run: its summary, or with --all every table.

    Example:
      gradmeter show reports/latest
    """
    show_run(read_run(path), everything, ordinary.chosen(sort, top, "--sort"))


def baseline(
    path: RunArgument = session.LATEST,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")] = Path(
        "reports/baseline.json"
    ),
) -> None:
    """Write a run's exact figures to a file to commit.

    Example:
      gradmeter baseline reports/latest

    Bytes hold on any machine; instructions, where the run has them, for the
    same binaries and CPU features, which stand beside them.
    """
    measured_run = read_run(path)
    count = write_baseline(measured_run, out)
    say(f"written: {out}, the exact figures of {count} cases")
