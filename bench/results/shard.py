"""A shard: the share of a plan's groups that one run of several measured."""

from __future__ import annotations

from gradmeter.bench.results.readings import Count, Value


class Shard(Value, frozen=True, kw_only=True):
    """The share of a plan's groups that a run measured.

    It is shard ``number`` of ``count``, the first being 1. ``plan`` is a digest of everything that
    all shards measure together, and ``spread`` one of which shard measures what: both are the same
    in all of them. ``places`` are those of this shard's groups in the plan, by name.
    """

    number: Count
    count: Count
    plan: str
    spread: str
    places: dict[str, Count]

    def __post_init__(self) -> None:
        """Refuse a shard that there cannot be."""
        if not 1 <= self.number <= self.count:
            raise ValueError("a shard's number is 1 to the number of shards")

    @property
    def name(self) -> str:
        """Its name, such as 2/3."""
        return f"{self.number}/{self.count}"
