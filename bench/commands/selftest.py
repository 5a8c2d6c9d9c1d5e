"""Try the meters and the verdicts on known truth."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from bench.commands.shared import (
    INTERRUPTED,
    Sizes,
    Workloads,
    catch_termination,
    fraction,
    read_options,
)
from bench.plan import plan
from bench.report import trial
from bench.variants import parse


def selftest(
    comparisons: Annotated[
        int, typer.Option(help="How many of each kind: with itself, and slowed.", min=1)
    ] = 10,
    workload: Workloads = None,
    size: Sizes = None,
    variant: Annotated[str, typer.Option(help="What is compared with itself.")] = "engine",
    slower: Annotated[str, typer.Option(help="By how much it is slowed.")] = "5%",
    effect: Annotated[str, typer.Option(help="The smallest effect that matters.")] = "2%",
    seconds: Annotated[float, typer.Option(help="Seconds for each comparison.", min=0.0)] = 12.0,
) -> None:
    """Try the meters on known truth, and the verdicts on a variant against itself.

    A verdict of faster or slower on identical code is a false alarm, one
    of slower on slowed code a detection. About half a minute for each of
    --comparisons. Exit code 1: more false alarms than chance explains, or
    a meter that is wrong.

    Example:
      gradmeter selftest --comparisons 100
    """
    options = read_options(
        collector="on", seed=0, sets=12, budget=1.8, min_rounds=12, limit=60.0, most_sets=64,
        seconds=seconds, effect=fraction(effect),
    )  # fmt: skip
    names, sizes = workload or ["squares-3", "goldstein_price"], size or [10_000, 100_000]
    groups, _ = plan(names, sizes, [variant])
    catch_termination()
    try:
        wrong = trial.show(
            Console(emoji=False),
            parse(variant),
            [(g.workload, g.size) for g in groups],
            fraction(slower),
            comparisons,
            options,
        )
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(int(wrong))
