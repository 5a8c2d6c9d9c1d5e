"""The figures of a case along a history, in chains whose values can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from gradmeter.bench.history.recording import (
    INSTRUCTIONS,
    CaseAt,
    CaseFigures,
    Head,
    Key,
    Recording,
    Versions,
)
from gradmeter.bench.results import layers


@dataclass(slots=True)
class Span:
    """Neighbouring recorded commits at which a case has the same figures.

    Attributes:
        commits: the indexes of these commits, in order.
        first, last: what was recorded of the case at the first and the last of them.
    """

    commits: list[int]
    first: CaseAt
    last: CaseAt
    versions: Versions
    dirty: bool

    @property
    def start(self) -> int:
        """The index of the first of its commits."""
        return self.commits[0]

    @property
    def end(self) -> int:
        """The index of the last of its commits."""
        return self.commits[-1]

    @property
    def figures(self) -> CaseFigures:
        """The figures at all of its commits."""
        return self.first.figures


@dataclass(frozen=True)
class Chain:
    """Spans in order whose values of a figure can be compared.

    Attributes:
        versions: what measured all of them, where that decides what is compared.
    """

    figure: str
    spans: Sequence[Span]
    versions: Versions | None = None


@dataclass(frozen=True)
class Chains:
    """The chains of a figure of a case.

    Attributes:
        grounds: on how many different grounds it was measured; 1 for array data.
        split: whether it differs between versions on one ground, at one commit.
    """

    chains: list[Chain]
    grounds: int
    split: bool


def series(recordings: Iterable[Recording], position: Mapping[str, int]) -> dict[Key, list[Span]]:
    """The spans of each case in the order of commits, and of measuring within one commit.

    Those of changed files are left out where another recording of the commit has the case.
    """
    by_commit: dict[int, list[Recording]] = {}
    for recording in recordings:
        by_commit.setdefault(position[recording.head.commit], []).append(recording)
    found: dict[Key, list[Span]] = {}
    for index in sorted(by_commit):
        at = by_commit[index]
        if len(at) > 1:
            for key, span in _chosen(index, at):
                found.setdefault(key, []).append(span)
            continue
        head = at[0].head
        for key, case in at[0].cases.items():
            spans = found.setdefault(key, [])
            if spans and _continues(spans[-1], case, head):
                spans[-1].commits.append(index)
                spans[-1].last = case
            else:
                spans.append(Span([index], case, case, head.versions, head.dirty))
    return found


def _continues(span: Span, case: CaseAt, head: Head) -> bool:
    """Whether a later commit has the same figures; what a store reads is one object then."""
    return (
        span.last.figures is case.figures
        and span.versions == head.versions
        and span.dirty == head.dirty
    )


def _chosen(index: int, recordings: Sequence[Recording]) -> Iterable[tuple[Key, Span]]:
    """The cases of a commit that was recorded several times, the latest last."""
    clean = {key for each in recordings if not each.head.dirty for key in each.cases}
    for recording in sorted(recordings, key=attrgetter("head.measured")):
        head = recording.head
        for key, case in recording.cases.items():
            if not (head.dirty and key in clean):
                yield key, Span([index], case, case, head.versions, head.dirty)


def chains(figure: str, spans: Sequence[Span]) -> Chains:
    """Divide the spans that have a figure into chains that can be compared.

    Of several spans at one commit that the same versions measured, the last counts.
    """
    grounds: dict[str, dict[tuple[int, Versions], Span]] = {}
    for span in spans:
        if figure in span.figures.figures:
            of_ground = grounds.setdefault(span.figures.grounds.get(layer_of(figure), ""), {})
            at = span.start, span.versions
            of_ground.pop(at, None)  # or else the last would take the place of the first
            of_ground[at] = span
    found, split = [], False
    several = len(grounds) > 1
    for of_ground in grounds.values():
        one_chain = list(of_ground.values())
        if _agree(figure, one_chain):
            found.append(Chain(figure, one_chain, one_chain[0].versions if several else None))
            continue
        split = True
        by_versions: dict[Versions, list[Span]] = {}
        for span in one_chain:
            by_versions.setdefault(span.versions, []).append(span)
        found += [Chain(figure, each, versions) for versions, each in by_versions.items()]
    return Chains(found, len(grounds), split)


def layer_of(figure: str) -> str:
    """What a figure is of: a layer of memory, or instructions."""
    return INSTRUCTIONS if figure == INSTRUCTIONS else layers.layer_of(figure)


def allowed(figure: str, one: Span, two: Span) -> int:
    """What identical code may differ by: nothing, but for instructions."""
    return max(one.figures.allowed, two.figures.allowed) if figure == INSTRUCTIONS else 0


def _agree(figure: str, spans: Sequence[Span]) -> bool:
    """Whether the values at each commit are the same in all environments."""
    for number in range(len(spans) - 1):
        one, two = spans[number : number + 2]
        if one.end == two.start:
            difference = two.figures.figures[figure] - one.figures.figures[figure]
            if abs(difference) > allowed(figure, one, two):
                return False
    return True
