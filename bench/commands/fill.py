"""Fill a history: measure the commits of a range that the store lacks."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Annotated

import typer

from gradmeter.bench.commands.help_layout import COMMITS
from gradmeter.bench.commands.history_search import GOES_ON, planned, searched
from gradmeter.bench.commands.options import Shard, ShardBy
from gradmeter.bench.commands.reading import read_share
from gradmeter.bench.commands.search_options import Asked
from gradmeter.bench.commands.shared import UNMEASURED, say, say_lines, telling
from gradmeter.bench.history import store
from gradmeter.bench.report import searches


def fill(
    asked: Asked,
    all_: Annotated[
        bool,
        typer.Option(
            "--all",
            rich_help_panel=COMMITS,
            help="Measure every commit, also between equal figures.",
        ),
    ] = False,
    shard: Shard = "",
    shard_by: ShardBy = None,
) -> None:
    """Measure the commits of a range that a history lacks: the ends first.

    Examples:
      gradmeter fill v1.0..HEAD --workload squares-30 --size 1e4
      gradmeter fill v1.0..HEAD -- pytest benchmarks
      gradmeter fill v1.0..HEAD --shard 1/3 --store branch:h --push -- pytest

    Then only those between commits whose figures differ: what changed and came back between two
    of equal figures is not seen, unless --every or --all measures there. Each commit is kept as
    soon as it is measured; interrupted, the same command goes on. gradmeter steps tells what
    changed. With --shard, each of N jobs searches its share on its own, and all fill one history.
    """
    asked = replace(asked, all=all_, share=read_share(shard, shard_by))
    plan = planned(asked)
    with telling(GOES_ON) as tell:
        found = searched(asked, plan, tell)
    if found is None:
        return
    if asked.json:
        say_lines(json.dumps(searches.document(found), indent=2))
    else:
        words = [
            "gradmeter",
            "steps",
            asked.what[0],
            *(() if plan.store == store.DEFAULT else ("--store", str(plan.store))),
        ]
        for line in searches.lines(found, shlex.join(words)):
            say(line)
    if found.lacking_ends:
        raise typer.Exit(UNMEASURED)
