"""A shard: the share of a plan's groups that one run of several measured."""

from __future__ import annotations

from gradmeter.bench.results.readings import Count, Value


class Shard(Value, frozen=True, kw_only=True):
    """The share of a plan's groups that a run measured.

    It is shard ``number`` of ``count``, the first being 1. ``plan`` is a digest of what all shards
    measure together, ``settings`` how, and ``spread`` a digest of which shard measures what: the
    same in all of them. ``total`` is the number of groups in the plan, and ``places`` are those of
    this shard's in it, by their titles; of a suite, the tests'.
    """

    number: Count
    count: Count
    plan: str
    settings: str
    spread: str
    total: Count
    places: dict[str, Count]

    def __post_init__(self) -> None:
        """Refuse a shard that there cannot be."""
        if not 1 <= self.number <= self.count:
            raise ValueError("a shard's number is 1 to the number of shards")
        if any(place >= self.total for place in self.places.values()):
            raise ValueError("the places of a shard are in its plan")

    @property
    def name(self) -> str:
        """Its name, such as 2/3."""
        return f"{self.number}/{self.count}"
