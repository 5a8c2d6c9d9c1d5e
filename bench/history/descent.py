"""Choose the commit to measure next: the ends first, then only between ends that differ.

All figures of all cases are one vector, so the steps of several are found in one descent: an
interval is halved if any figure differs between its ends. A commit that cannot be measured is
walked around. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gradmeter.bench.history.recording import Key, Recording
from gradmeter.bench.history.steps import Change, Step, steps

GIVEN_UP: Final = 32  # commits between the ends of an interval that cannot be measured


@dataclass(frozen=True)
class Sought:
    """What a descent is after.

    Attributes:
        keys: the cases.
        every: how many commits lie between those that are measured in any case; 0 for none.
        all: whether every commit is measured in the end.
        concerns: whether a change matters.
    """

    keys: frozenset[Key]
    every: int = 0
    all: bool = False
    concerns: Callable[[Change], bool] = lambda _: True


def next_commit(
    order: Sequence[str],
    recordings: Iterable[Recording],
    tried: Mapping[str, Collection[Key]],
    sought: Sought,
) -> str | None:
    """The commit to measure next; None where nothing is left to find out.

    Args:
        order: commits, each the parent of the next one; the first is what the others are
            compared with.
        recordings: what is known, which can be compared with what is measured.
        tried: the cases that were measured at a commit or could not be, by commit.
    """
    known = list(recordings)
    last = len(order) - 1
    untried = [bool(sought.keys.difference(tried.get(name, ()))) for name in order]
    for end in (last, 0):
        if untried[end]:
            return order[end]
    if sought.every:
        sampled = [place for place in range(0, last, sought.every) if untried[place]]
        if sampled:
            return order[most_apart(sampled, untried)]
    present = _present(order, known, sought.keys)
    for found in (
        _between(order, known, tried, sought),
        _edges(order, present, tried),
        _anything(untried, present),
    ):
        place = next(found, None)
        if place is not None:
            return order[place]
    left = [place for place, open_ in enumerate(untried) if open_] if sought.all else []
    return order[most_apart(left, untried)] if left else None


def differing(order: Sequence[str], recordings: Iterable[Recording], sought: Sought) -> list[Step]:
    """The steps that are sought, the oldest first."""
    return only(steps(recordings, order).steps, sought)


def only(found: Iterable[Step], sought: Sought) -> list[Step]:
    """Those of some steps that are sought, with the changes that are."""
    return [
        replace(step, changes=changes)
        for step in found
        if (
            changes := tuple(c for c in step.changes if c.key in sought.keys and sought.concerns(c))
        )
    ]


def _between(
    order: Sequence[str],
    known: Sequence[Recording],
    tried: Mapping[str, Collection[Key]],
    sought: Sought,
) -> Iterator[int]:
    """A commit inside each interval whose ends differ, the largest interval first."""
    position = {name: place for place, name in enumerate(order)}
    for step in sorted(differing(order, known, sought), key=lambda s: -s.suspects):
        start, end = position[step.before], position[step.after]
        for change in step.changes:
            inside = range(start + 1, end)
            open_ = {p for p in inside if change.key not in tried.get(order[p], ())}
            if open_ and len(inside) - len(open_) < GIVEN_UP:
                yield _around((start + end) // 2, open_)


def _around(middle: int, places: Collection[int]) -> int:
    """The middle, or the first of some places around it, at distances that double."""
    distance = 0
    while distance <= max(abs(place - middle) for place in places):
        for place in (middle + distance, middle - distance):
            if place in places:
                return place
        distance = max(1, 2 * distance)
    return min(places, key=lambda place: (abs(place - middle), place))


def _present(
    order: Sequence[str], known: Sequence[Recording], keys: Collection[Key]
) -> dict[Key, list[int]]:
    """The places of the commits that have each case."""
    position = {name: place for place, name in enumerate(order)}
    found: dict[Key, set[int]] = {}
    for recording in known:
        place = position.get(recording.head.commit)
        if place is not None:
            for key in recording.cases:
                if key in keys:
                    found.setdefault(key, set()).add(place)
    return {key: sorted(places) for key, places in found.items()}


def _edges(
    order: Sequence[str],
    present: Mapping[Key, Sequence[int]],
    tried: Mapping[str, Collection[Key]],
) -> Iterator[int]:
    """A commit between the end of the range that lacks a case, and the nearest that has it."""
    somewhere = set().union(*present.values()) if present else set()
    last = len(order) - 1
    for key, places in present.items():
        without = [p for p, name in enumerate(order) if key in tried.get(name, ())]
        before = [p for p in without if p < places[0]]
        if before and places[0] - before[-1] > 1:
            yield _inwards(before[-1], places[0], whole=before[-1] in somewhere)
        after = [last - p for p in without if p > places[-1]]
        if after and last - places[-1] - after[0] > 1:
            whole = last - after[0] in somewhere
            yield last - _inwards(after[0], last - places[-1], whole=whole)


def _inwards(outer: int, inner: int, *, whole: bool) -> int:
    """A place between two, which are distances from an end of the range.

    Args:
        outer: of the innermost commit that lacks a case.
        inner: of the outermost that has it.
        whole: whether that commit has others. A case that came later is searched by halves; a
            commit that cannot be built, most often for a short time, in steps that double.
    """
    middle = (outer + inner) // 2
    return middle if whole else min(middle, outer + max(1, outer))


def _anything(untried: Sequence[bool], present: Mapping[Key, object]) -> Iterator[int]:
    """A commit as far as can be from those at which nothing could be measured."""
    left = [place for place, open_ in enumerate(untried) if open_]
    if left and not present and len(untried) - len(left) < GIVEN_UP:
        yield most_apart(left, untried)


def most_apart(places: Sequence[int], untried: Sequence[bool]) -> int:
    """The place that is the furthest from any commit that was tried."""
    distances = [len(untried)] * len(untried)
    for sweep in (range(len(untried)), reversed(range(len(untried)))):
        distance = len(untried)
        for place in sweep:
            distance = distance + 1 if untried[place] else 0
            distances[place] = min(distances[place], distance)
    return max(places, key=lambda place: (distances[place], -place))
