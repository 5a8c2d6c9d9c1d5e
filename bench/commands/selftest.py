"""Try the meters and the verdicts on known truth."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from gradmeter.bench.cases.plan import plan
from gradmeter.bench.commands.options import Allocator, Effect, Engines, Sizes, Workloads
from gradmeter.bench.commands.reading import add_engines, fraction, read_options
from gradmeter.bench.commands.shared import INTERRUPTED
from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import instructions as meter
from gradmeter.bench.report import trial
from gradmeter.bench.runs.allocators import DEFAULT


def selftest(
    comparisons: Annotated[
        int,
        typer.Option(metavar="N", help="Comparisons of identical code, and of slowed code.", min=1),
    ] = 10,
    workload: Workloads = None,
    size: Sizes = None,
    variant: Annotated[
        str, typer.Option(metavar="VARIANT", help="The variant to compare with itself.")
    ] = "engine",
    slower: Annotated[
        str, typer.Option(metavar="SHARE", help="By how much the variant is slowed.")
    ] = "5%",
    more: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Compute so many operations more, instead of --slower.",
            min=1,
        ),
    ] = None,
    engine: Engines = None,
    instructions: Annotated[
        bool,
        typer.Option(
            "--instructions",
            help="Test the verdicts on instructions instead, on squares-100.",
        ),
    ] = False,
    effect: Effect = "2%",
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds for each comparison.", min=0.0)
    ] = 12.0,
    allocator: Allocator = DEFAULT,
    histories: Annotated[
        bool,
        typer.Option(
            "--histories",
            help="Compare identical code in processes with other pasts.",
        ),
    ] = False,
) -> None:
    """Test the meters on known truth, and the verdicts on identical code.

    Examples:
      gradmeter selftest --comparisons 100
      gradmeter selftest --instructions --variant dezero

    A verdict of faster or slower on identical code is a false alarm, one of slower on slowed
    code a detection. About half a minute for each of --comparisons. With --instructions,
    identical code has to be equal and one operation more has to be seen. Exit code 1: more false
    alarms than chance explains, a verdict on instructions or a meter that is wrong, or a history
    that decides a verdict.
    """
    add_engines(engine)
    options = read_options(
        collector="on", allocator=allocator, seed=0, sets=10, budget=1.2, min_rounds=10,
        limit=60.0, most_sets=64, seconds=seconds, effect=fraction(effect),
    )  # fmt: skip
    if histories and instructions:
        raise UsageError("--histories and --instructions exclude each other; choose one")
    if instructions:
        meter.require()
    defaults = (
        (["squares-100"], [1000])
        if instructions
        else (["squares-3", "goldstein_price"], [10_000, 100_000])
    )
    names, sizes = workload or defaults[0], size or defaults[1]
    groups, _ = plan(names, sizes, [variant])
    try:
        console = Console(emoji=False)
        if histories:
            failed = trial.show_histories(console, groups, options)
        elif instructions:
            failed = trial.show_instructions(console, groups, more or 1, comparisons, options)
        else:
            failed = trial.show(console, groups, fraction(slower), more or 0, comparisons, options)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(int(failed))
