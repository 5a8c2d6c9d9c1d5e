"""Say how a plan would be spread over the workers of a cluster, all as fast as each other."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

from gradmeter.bench.errors import UsageError
from gradmeter.bench.machines import extra
from gradmeter.bench.machines.cluster import HOW, LOCAL, connected, local_workers
from gradmeter.bench.machines.schedule import Schedule


@dataclass
class Load:
    """What a machine would measure.

    Attributes:
        last: when it would end, in seconds.
    """

    workers: int = 0
    groups: list[str] = field(default_factory=list)
    last: float = 0.0


def forecast(
    seconds: Mapping[str, float], workers: Mapping[str, str], copies: int, *, alone: bool
) -> dict[str, Load]:
    """What each machine would measure, by its name.

    Args:
        seconds: of each group.
        workers: the machine of each worker.
        copies: the machines that measure each group.
        alone: whether a machine measures one group at a time.
    """
    schedule = Schedule(seconds, copies, alone=alone)
    loads: dict[str, Load] = {}
    for worker, machine in workers.items():
        schedule.join(worker, machine)
        loads.setdefault(machine, Load()).workers += 1
    running: list[tuple[float, int]] = []
    now = 0.0
    while True:
        for one in schedule.start(now):
            loads[one.machine].groups.append(one.group)
            loads[one.machine].last = now + seconds[one.group]
            heapq.heappush(running, (now + seconds[one.group], one.ticket))
        if not running:
            return loads
        now, ticket = heapq.heappop(running)
        schedule.end(ticket, now)


def workers_of(on: str) -> dict[str, str]:
    """The machine of each worker with a slot, by the host in its address.

    Raises:
        UsageError: no scheduler answers, or no worker has a slot.
    """
    extra.need()
    if on.startswith(LOCAL):
        return {str(n): "this machine" for n in range(local_workers(on))}
    with connected(on) as cluster:
        workers = cluster.workers()
    if not workers:
        raise UsageError(f"--on {on}: no worker has a slot; start one on each machine with {HOW}")
    return {worker: worker.rpartition("/")[2].rpartition(":")[0] for worker in workers}
