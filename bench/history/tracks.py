"""The figures of each case over a range of commits, as runs of equal values to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gradmeter.bench.history.overview import Overview
from gradmeter.bench.history.recording import CaseAt, Key, Versions
from gradmeter.bench.history.series import Chain, Span, allowed, chains, series
from gradmeter.bench.history.steps import Change


@dataclass
class Level:
    """A value that a figure has at neighbouring recorded commits.

    Attributes:
        commits: the indexes of these commits, in order.
        case: what was recorded of the case at the first of them.
        change: the step of the range that led to it, if any.
        dirty: whether the first of them was recorded with changed files.
    """

    value: int
    commits: list[int]
    case: CaseAt
    change: Change | None
    dirty: bool


@dataclass(frozen=True)
class Track:
    """The levels of a figure whose values can be compared with each other.

    Attributes:
        versions: what measured all of them, where that decides what is compared.
    """

    figure: str
    versions: Versions | None
    levels: list[Level]

    @property
    def changed(self) -> bool:
        """Whether it has more than one value."""
        return len(self.levels) > 1


@dataclass(frozen=True)
class CaseHistory:
    """A case over a range of commits.

    Attributes:
        last: the figures that were recorded last, and the index of the commit.
        missing: why it has no exact figures, by the index of a commit where it has none.
    """

    key: Key
    tracks: list[Track]
    last: tuple[int, CaseAt]
    missing: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tracks:
    """The histories of all cases of a range.

    Attributes:
        start: the index of its first commit; that before the range, where there is one, since the
            first of the range is compared with it.
    """

    start: int
    cases: list[CaseHistory]


def tracks(overview: Overview) -> Tracks:
    """Lay out the figures of a range's cases, in the order of their names."""
    order = overview.line.order
    position = {commit: index for index, commit in enumerate(order)}
    chosen = [position[commit] for commit in overview.line.chosen]
    start = max(min(chosen, default=0) - 1, 0)
    placed = [r for r in overview.recordings if r.head.commit in position]
    found = series(placed, position)
    changes = {
        (change.key, change.figure, change.versions, position[step.after]): change
        for step in overview.steps
        for change in step.changes
    }
    missing: dict[Key, dict[int, str]] = {}
    for recording in placed:
        index = position[recording.head.commit]
        if index >= start:
            for key, why in recording.missing.items():
                missing.setdefault(key, {})[index] = why
    cases = []
    for key in sorted(found):
        spans = found[key]
        last = spans[-1]
        if last.end >= start:
            there = {index for span in spans for index in span.commits}
            absent = {i: why for i, why in missing.get(key, {}).items() if i not in there}
            cases.append(
                CaseHistory(key, _tracks(key, spans, start, changes), (last.end, last.last), absent)
            )
    return Tracks(start, cases)


_Changes = Mapping[tuple[Key, str, Versions | None, int], Change]


def _tracks(key: Key, spans: Sequence[Span], start: int, changes: _Changes) -> list[Track]:
    """The tracks of each figure of a case, from an index on."""
    found = []
    for figure in dict.fromkeys(name for span in spans for name in span.figures.figures):
        for chain in chains(figure, spans).chains:
            levels = _levels(key, chain, start, changes)
            if levels:
                found.append(Track(figure, chain.versions, levels))
    return found


def _levels(key: Key, chain: Chain, start: int, changes: _Changes) -> list[Level]:
    """The levels of a chain: a value that differs from them by no more than it may is the same."""
    levels: list[Level] = []
    before: Span | None = None
    for span in chain.spans:
        commits = [index for index in span.commits if index >= start]
        if not commits:
            continue
        value = span.figures.figures[chain.figure]
        change = changes.get((key, chain.figure, chain.versions, commits[0]))
        scatter = allowed(chain.figure, before or span, span)
        if levels and change is None and abs(value - levels[-1].value) <= scatter:
            known = levels[-1].commits
            known += commits[1:] if commits[0] == known[-1] else commits
        else:
            levels.append(Level(value, commits, span.first, change, span.dirty))
        before = span
    return levels
