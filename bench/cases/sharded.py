"""Read which shard is asked for, and take it of a plan of workloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gradmeter.bench.cases.origins import origins
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.shards import Share, parse
from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import where_text
from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Comparison
from gradmeter.bench.results.shard import Shard


def read(text: str, costs: Path | None, option: str = "--shard") -> Share | None:
    """Read the share of a plan that is asked for; None for all of it.

    Args:
        text: as 1/3; empty for all.
        costs: the earlier run by whose seconds the plan is spread; None to spread it by name.
        option: as it is called, which of the costs is the same with "-by".

    Raises:
        UsageError: there is no such shard, or no such costs.
    """
    if not text:
        if costs is not None:
            raise UsageError(f"{option}-by says how shards are made; name one: {option} 1/3")
        return None
    number, count = parse(text, option)
    return Share(number, count, {} if costs is None else seconds(costs, option))


def seconds(path: Path, option: str = "--shard") -> Mapping[str, float]:
    """The seconds that each group of an earlier run took.

    Raises:
        UsageError: the file cannot be read, or does not say.
    """
    spent = run_file.load(path).spent
    if not spent:
        raise UsageError(
            f"{option}-by {path}: the run does not say what its groups took; it has none, or an "
            f"earlier gradmeter measured it: measure it again, or leave {option}-by out to "
            "spread them by name"
        )
    return spent


def shard_of(
    share: Share, groups: Sequence[Group], comparisons: Sequence[Comparison]
) -> tuple[Shard, list[Group], list[Comparison]]:
    """The shard, with its groups and its comparisons in the order of the plan.

    Raises:
        UsageError: the file of a workload cannot be read any more.
    """
    shard = share.of(whole(groups), described(groups, comparisons), "")
    return (
        shard,
        [group for group in groups if group.title in shard.places],
        [c for c in comparisons if where_text(c.workload, c.size) in shard.places],
    )


def groups_of(share: Share, groups: Sequence[Group]) -> list[Group]:
    """The groups of a share, in the order of the plan."""
    own = set(share.spread(whole(groups))[share.number - 1])
    return [group for group in groups if group.title in own]


def whole(groups: Sequence[Group]) -> Mapping[str, str]:
    """A plan of groups, each of which is kept together with itself alone."""
    return {group.title: group.title for group in groups}


def described(groups: Sequence[Group], comparisons: Sequence[Comparison]) -> list[str]:
    """Describe everything that is measured: cases, what is compared, and the workloads' files.

    Raises:
        UsageError: the file of a workload cannot be read any more.
    """
    return [
        *[f"{group.title}: {' '.join(map(str, group.variants))}" for group in groups],
        *[
            f"{where_text(c.workload, c.size)}: {c.baseline} against {' '.join(c.candidates)}"
            for c in comparisons
        ],
        *[f"{name}: {origin.digest} {origin.where}" for name, origin in origins(groups).items()],
    ]
