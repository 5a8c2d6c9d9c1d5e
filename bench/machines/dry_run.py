"""Say what a plan takes before it is measured, and how it would be spread; for both doors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psutil

from gradmeter.bench.cases.capacity import Needed
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.machines.forecast import forecast, workers_of
from gradmeter.bench.report import capacity


def lines(
    plan: Sequence[Needed],
    together: Mapping[str, str],
    share: Share | None,
    on: str,
    copies: int = 1,
    *,
    timed: bool,
    option: str = "--shard",
) -> list[str]:
    """What a plan takes, and how it would be spread over shards and machines.

    Args:
        together: of each group or test, what it is kept together with; see `Share.of`.
        share: that is asked for; None for all.
        on: the scheduler's address, or local:N; empty for this machine.
        copies: the machines that measure each group.
        timed: whether a machine measures one group at a time.
        option: as that of a share is called.

    Raises:
        UsageError: no scheduler answers, or no worker has a slot.
    """
    told = capacity.lines(plan, psutil.virtual_memory().available, option)
    if share is not None:
        shards = [
            [each.title for each in plan if together[each.title] in kept]
            for kept in map(set, share.spread(together))
        ]
        told += ["", *capacity.shard_lines(plan, shards, share.number)]
        plan = [each for each in plan if each.title in shards[share.number - 1]]
    if on:
        groups = [each for each in plan if each.memory]  # the calls of tests are measured here
        seconds = {each.title: each.seconds for each in groups}
        loads = forecast(seconds, workers_of(on), copies, alone=timed)
        told += ["", *capacity.machine_lines(groups, loads)]
    return told
