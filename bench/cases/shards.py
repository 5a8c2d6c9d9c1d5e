"""Spread the groups of a plan over shards: by what they cost where that is known, else by name.

Pure functions of names and seconds: the same in every job that has the same plan and costs,
whatever the order of the plan and the seed of Python's hashes.
"""

from __future__ import annotations

import hashlib
import heapq
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.shard import Shard

MOST = 10_000  # shards


@dataclass(frozen=True)
class Share:
    """The share of a plan that is asked for: shard ``number`` of ``count``.

    Attributes:
        seconds: what each group of an earlier run took, by its title or its tests' name.
    """

    number: int
    count: int
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name, such as 2/3."""
        return f"{self.number}/{self.count}"

    def of(self, plan: Mapping[str, str], described: Iterable[str], settings: str) -> Shard:
        """The shard of a plan.

        Args:
            plan: of each group or test, in the order in which they are measured, what it is kept
                together with: groups stay whole, and are their own.
            described: everything that is measured, in texts whose order does not matter.
            settings: how it is measured, where the options of a run do not say.
        """
        shards = self.spread(plan)
        own = set(shards[self.number - 1])
        return Shard(
            number=self.number,
            count=self.count,
            plan=digest(*sorted(described)),
            settings=settings,
            spread=digest(*[digest(*sorted(shard)) for shard in shards]),
            total=len(plan),
            places={name: place for place, (name, kept) in enumerate(plan.items()) if kept in own},
        )

    def spread(self, plan: Mapping[str, str]) -> list[list[str]]:
        """What each shard measures, by what is kept together; `plan` as for `of`."""
        together = dict.fromkeys(plan.values(), 0.0)
        for name, seconds in costs(plan, self.seconds).items():
            together[plan[name]] += seconds
        return spread(together, self.count)

    def has(self, name: str) -> bool:
        """Whether a test is in the share, whichever others there are, as at other commits.

        Tests of the earlier run are spread by their seconds, all others by their digests.
        """
        number = self._spread.get(name)
        return (int(digest(name), 16) % self.count if number is None else number) == self.number - 1

    @cached_property
    def _spread(self) -> Mapping[str, int]:
        shards = spread(self.seconds, self.count)
        return {name: number for number, shard in enumerate(shards) for name in shard}


def parse(text: str, option: str = "--shard") -> tuple[int, int]:
    """Read a shard's number and how many there are, from "2/3".

    Raises:
        UsageError: the text is none, or there is no such shard.
    """
    number, _, count = text.partition("/")
    digits = all(part.isascii() and part.isdigit() for part in (number, count))
    if not digits or not count.strip("0"):
        raise UsageError(f"{option} {text!r} is no shard; write 1/3 for the first of three")
    if len(count) > len(str(MOST)) or int(count) > MOST:
        raise UsageError(f"{option} {text}: there are {MOST:,} shards at most")
    if len(number) > len(count) or not 1 <= int(number) <= int(count):
        raise UsageError(
            f"{option} {text}: there is no such shard; the first is 1/{count} and the last "
            f"{count}/{count}"
        )
    return int(number), int(count)


def costs(names: Iterable[str], known: Mapping[str, float]) -> dict[str, float]:
    """The seconds of each group: those that are known, and for the others the known ones' median.

    Without any that is known, every group costs 1.
    """
    every = list(names)
    of_plan = [known[name] for name in every if name in known]
    usual = statistics.median(of_plan) if of_plan else 1.0
    return {name: known.get(name, usual) for name in every}


def longest_first(seconds: Mapping[str, float]) -> list[str]:
    """The names, the most costly first; those that cost the same in the order of their digests.

    Alphabetically, the sizes of a workload would follow each other, and every second shard would
    have all the large ones.
    """
    return sorted(seconds, key=lambda name: (-seconds[name], digest(name), name))


def spread(seconds: Mapping[str, float], count: int) -> list[list[str]]:
    """Spread groups over ``count`` shards, so that the longest takes about as long as the others.

    Each group, the longest first, goes to the shard that has the least so far (LPT; Graham, SIAM
    J. Appl. Math. 17 (1969), 416-429): no shard takes longer than 4/3 of the best spread's longest.

    Returns:
        The names in each shard, the longest first.
    """
    shards: list[list[str]] = [[] for _ in range(count)]
    loads = [(0.0, 0, number) for number in range(count)]
    for name in longest_first(seconds):
        load, groups, number = heapq.heappop(loads)
        shards[number].append(name)
        heapq.heappush(loads, (load + seconds[name], groups + 1, number))
    return shards


def digest(*parts: str) -> str:
    """A digest of texts: the same in every process and on every machine."""
    hashed = hashlib.sha256()
    for part in parts:
        encoded = part.encode(errors="surrogatepass")
        hashed.update(b"%d:" % len(encoded) + encoded)
    return hashed.hexdigest()[:16]
