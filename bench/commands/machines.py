"""The options of a run on many machines: where, and on how many each case is measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench.cases import sharded
from gradmeter.bench.commands.help_layout import RARE
from gradmeter.bench.commands.reading import run_path
from gradmeter.bench.errors import UsageError
from gradmeter.bench.machines import spread
from gradmeter.bench.session import Through

On = Annotated[
    str,
    typer.Option(
        "--on",
        metavar="ADDRESS",
        rich_help_panel=RARE,
        help="Measure on a Dask cluster: its scheduler's address, such as tls://host:8786, or "
        "local:2, which starts one with two workers here.",
    ),
]
Machines = Annotated[
    int,
    typer.Option(
        "--machines",
        metavar="N",
        rich_help_panel=RARE,
        help="With --on: measure each case's exact bytes on so many machines, and hold them "
        "against each other.",
        min=1,
    ),
]


def through(on: str, machines: int, costs: Path | None) -> Through | None:
    """What measures a run's groups on other machines; None for this one.

    Args:
        costs: an earlier run, whose longest groups are begun first.

    Raises:
        UsageError: a package is missing, or the costs cannot be read.
    """
    if machines > 1 and not on:
        raise UsageError("--machines says on how many machines of --on a case is measured")
    return spread.through(on, seconds(costs) if on else {}, machines)


def seconds(costs: Path | None) -> Mapping[str, float]:
    """The seconds of an earlier run's groups; none where there is no such run."""
    return {} if costs is None else sharded.seconds(run_path(costs))
