"""Render what a plan takes before it is measured, and how it would be spread over shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gradmeter.bench.cases.capacity import Needed
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report.ordinary import WIDTH, aligned

ESTIMATED = "seconds are estimated from the options; those of an earlier run: {}-by RUN"


def lines(plan: Sequence[Needed], available: int, option: str = "--shard") -> list[str]:
    """A line for each group and each of its cases, and the sums.

    Args:
        available: free memory of this machine, in bytes.
        option: as that of a share is called.
    """
    rows = [("case", "seconds", "memory")]
    for group in plan:
        rows.append((group.title, _seconds(group.seconds, known=group.known), ""))
        rows += [(f"  {name}", "", bytes_text(count)) for name, count in group.memory.items()]
    cases = sum(len(group.memory) for group in plan)
    known = all(group.known for group in plan)
    most = max((group.most for group in plan), default=0)
    total = _seconds(sum(group.seconds for group in plan), known=known)
    told = aligned(rows, WIDTH)
    groups = sum(bool(group.memory) for group in plan)
    counts = [(groups, "group"), (cases, "case"), (len(plan) - groups, "other test")]
    what = ", ".join(_count(*each) for each in counts if each[0]) or "nothing"
    told.append(f"{what}: {total} s")
    if cases:
        told[-1] += (
            f"; at most {bytes_text(most)} at once, and {bytes_text(available)} are free here"
        )
    large = sum(count > available for group in plan for count in group.memory.values())
    if large:
        told.append(f"{_count(large, 'case')} would not fit in the memory that is free here")
    return told if known else [*told, ESTIMATED.format(option)]


def shard_lines(plan: Sequence[Needed], shards: Sequence[Sequence[str]], mine: int) -> list[str]:
    """A line for each shard: its groups, seconds and largest memory.

    Args:
        shards: the titles of each one's groups.
        mine: the number of the shard that was asked for.
    """
    by_title = {group.title: group for group in plan}
    rows = [("shard", "groups", "seconds", "largest memory")]
    loads = []
    for number, titles in enumerate(shards, 1):
        groups = [by_title[title] for title in titles]
        loads.append(sum(group.seconds for group in groups))
        known = all(group.known for group in groups)
        rows.append(
            (
                f"{number}/{len(shards)}" + " (this one)" * (number == mine),
                f"{len(groups):,}",
                _seconds(loads[-1], known=known),
                bytes_text(max((group.most for group in groups), default=0)),
            )
        )
    total, longest = sum(loads), max(loads)
    took = _seconds(longest, known=all(group.known for group in plan))
    share = f", of {total / longest:.1f} times as much on one machine" if longest else ""
    return [*aligned(rows, WIDTH), f"the longest shard takes {took} s{share}"]


class _Load(Protocol):
    """What a machine would measure."""

    workers: int
    groups: list[str]
    last: float


def machine_lines(plan: Sequence[Needed], loads: Mapping[str, _Load]) -> list[str]:
    """A line for each machine of a cluster: its groups, its seconds and the largest memory."""
    by_title = {group.title: group for group in plan}
    known = all(group.known for group in plan)
    rows = [("machine", "workers", "groups", "seconds", "largest memory")]
    for name, load in loads.items():
        most = max((by_title[title].most for title in load.groups), default=0)
        took = _seconds(load.last, known=known)
        rows.append((name, str(load.workers), f"{len(load.groups):,}", took, bytes_text(most)))
    last = _seconds(max(load.last for load in loads.values()), known=known)
    return [
        *aligned(rows, WIDTH),
        f"{_count(len(loads), 'machine')}: {last} s if all are as fast as each other",
    ]


def _seconds(seconds: float, *, known: bool = True) -> str:
    """Seconds, an estimate to one digit."""
    return f"{seconds:,.1f}" if known else f"about {float(f'{seconds:.1g}'):,g}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
