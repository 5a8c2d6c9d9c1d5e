"""Make one run of those that shards measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import session
from gradmeter.bench.commands.options import Out
from gradmeter.bench.commands.reading import read_run, run_path
from gradmeter.bench.commands.shared import exit_for, say, show_run, tell_written
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import merging


def merge(
    paths: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="The shards' run.json, or their folders.")
    ],
    out: Out = session.LATEST,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Merge also where shards are missing or not finished."),
    ] = False,
) -> None:
    """Make one run of all shards: each measured with --shard, on any machine.

    Example:
      gradmeter merge shard-1 shard-2 shard-3 --out reports/latest

    It is what one run of the whole plan is, but that each case says which machine measured it.
    A case that several shards' runs measured has to be the same in all, to the byte. Exit codes:
    1 it is not, 2 the runs are not of one plan, or a shard is missing.
    """
    files = list(dict.fromkeys(run_path(path) for path in paths))
    if any(_same(file, out / session.RUN_FILE) for file in files):
        raise UsageError(f"--out {out} holds one of the runs to merge; name another folder")
    given = merging.parts((str(file), read_run(file)) for file in files)
    lacking = merging.lacking(given)
    if lacking and not partial:
        raise UsageError(
            f"{'; '.join(lacking)}; give their runs too (gradmeter run --resume goes on with one), "
            "or --partial to merge without"
        )
    differing = merging.disagreements(given)
    for line in differing:
        say(f"not the same: {line}")
    if differing:
        say("nothing was written: what is exact has to be the same on every machine")
        raise typer.Exit(1)
    session.ready(out)
    run = session.write(merging.merged(given), out)
    show_run(run)
    for line in lacking:
        say(f"not merged: {line}")
    tell_written(out)
    exit_for(run)


def _same(one: Path, two: Path) -> bool:
    return one.resolve() == two.resolve()
