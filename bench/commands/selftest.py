"""Try the meters and the verdicts on known truth."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from gradmeter.bench.cases.plan import plan
from gradmeter.bench.commands.shared import (
    INTERRUPTED,
    Allocator,
    Sizes,
    Workloads,
    fraction,
    read_options,
)
from gradmeter.bench.report import trial
from gradmeter.bench.runs.allocators import DEFAULT


def selftest(
    comparisons: Annotated[
        int, typer.Option(help="Comparisons of each kind: identical code, and slowed code.", min=1)
    ] = 10,
    workload: Workloads = None,
    size: Sizes = None,
    variant: Annotated[str, typer.Option(help="The variant to compare with itself.")] = "engine",
    slower: Annotated[str, typer.Option(help="By how much the variant is slowed.")] = "5%",
    effect: Annotated[str, typer.Option(help="The smallest effect that matters.")] = "2%",
    seconds: Annotated[float, typer.Option(help="Seconds for each comparison.", min=0.0)] = 12.0,
    allocator: Allocator = DEFAULT,
    histories: Annotated[
        bool,
        typer.Option(
            "--histories",
            help="Compare identical code in processes of other histories, each once.",
        ),
    ] = False,
) -> None:
    """Try the meters on known truth, and the verdicts on a variant against itself.

    A verdict of faster or slower on identical code is a false alarm, one
    of slower on slowed code a detection. About half a minute for each of
    --comparisons. Exit code 1: more false alarms than chance explains, a
    meter that is wrong, or a history that decides a verdict.

    Example:
      gradmeter selftest --comparisons 100
    """
    options = read_options(
        collector="on", allocator=allocator, seed=0, sets=10, budget=1.2, min_rounds=10,
        limit=60.0, most_sets=64, seconds=seconds, effect=fraction(effect),
    )  # fmt: skip
    names, sizes = workload or ["squares-3", "goldstein_price"], size or [10_000, 100_000]
    groups, _ = plan(names, sizes, [variant])
    try:
        console = Console(emoji=False)
        if histories:
            failed = trial.show_histories(console, groups, options)
        else:
            failed = trial.show(console, groups, fraction(slower), comparisons, options)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(int(failed))
