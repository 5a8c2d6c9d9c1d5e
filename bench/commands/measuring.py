"""The options of run and compare on how is measured: one bundle for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from gradmeter.bench.cases.shards import Share
from gradmeter.bench.commands.help_layout import RARE
from gradmeter.bench.commands.machines import Machines, On, through
from gradmeter.bench.commands.options import (
    Allocator,
    Counted,
    Functions,
    Limit,
    Seed,
    Shard,
    ShardBy,
)
from gradmeter.bench.commands.reading import read_share
from gradmeter.bench.runs.allocators import DEFAULT
from gradmeter.bench.session import Through


@dataclass(frozen=True)
class Measuring:
    """How run and compare measure: what a worker is started with, and on which machine."""

    collector: Annotated[
        str,
        typer.Option(
            metavar="on|off", rich_help_panel=RARE, help="Python's cyclic collector while timing."
        ),
    ] = "on"
    allocator: Allocator = DEFAULT
    instructions: Counted = False
    functions: Functions = False
    min_rounds: Annotated[
        int,
        typer.Option(
            metavar="N", rich_help_panel=RARE, help="The fewest timed rounds of each case.", min=1
        ),
    ] = 10
    limit: Limit = 60.0
    seed: Seed = 0
    shard: Shard = ""
    shard_by: ShardBy = None
    on: On = ""
    machines: Machines = 1

    @property
    def options(self) -> dict[str, Any]:
        """The fields of a run's options."""
        names = ("collector", "allocator", "instructions", "functions", "min_rounds", "limit")
        return {name: getattr(self, name) for name in (*names, "seed")}

    @property
    def share(self) -> Share | None:
        """The share of the plan that this machine measures; None for all of it.

        Raises:
            UsageError: there is no such shard, or no such costs.
        """
        return None if self.on and not self.shard else read_share(self.shard, self.shard_by)

    @property
    def elsewhere(self) -> Through | None:
        """What measures on other machines; None for this one.

        Raises:
            UsageError: a package is missing, or the costs cannot be read.
        """
        return through(self.on, self.machines, self.shard_by)
