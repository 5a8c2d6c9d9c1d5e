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
        start, end: the indexes of the first and the last of these commits.
        first, last: what was recorded of the case at them.
    """

    start: int
    end: int
    first: CaseAt
    last: CaseAt
    versions: Versions
    dirty: bool

    @property
    def figures(self) -> CaseFigures:
        """The figures at all of its commits."""
        return self.first.figures

    @property
    def environment(self) -> tuple[object, ...]:
        """What measured it, and what it depends on besides the code."""
        return (self.versions, *sorted(self.figures.grounds.items()))


@dataclass(frozen=True)
class Chain:
    """Spans in order whose values of a figure can be compared.

    Attributes:
        versions: what measured all of them, where that decides what is compared.
    """

    figure: str
    spans: Sequence[Span]
    versions: Versions | None = None

    def allowed(self, one: Span, two: Span) -> int:
        """What identical code may differ by: nothing, but for instructions."""
        return allowed(self.figure, one, two)


@dataclass(frozen=True)
class Chains:
    """The chains of a figure of a case.

    Attributes:
        grounds: on how many different grounds it was measured; 1 for array data.
        split: whether environments differ in it on one ground, at one commit.
    """

    chains: list[Chain]
    grounds: int
    split: bool


def series(recordings: Iterable[Recording], position: Mapping[str, int]) -> dict[Key, list[Span]]:
    """The spans of each case in the order of commits.

    Of several recordings of a case at one commit, in one environment, the latest counts; those
    of changed files only where no other recording has the case.
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
                spans[-1].end, spans[-1].last = index, case
            else:
                spans.append(Span(index, index, case, case, head.versions, head.dirty))
    return found


def _continues(span: Span, case: CaseAt, head: Head) -> bool:
    """Whether a later commit has the same figures; what a store reads is one object then."""
    return (
        span.last.figures is case.figures
        and span.versions == head.versions
        and span.dirty == head.dirty
    )


def _chosen(index: int, recordings: Sequence[Recording]) -> Iterable[tuple[Key, Span]]:
    """The cases of a commit that was recorded several times, those of one key in a fixed order."""
    ordered = sorted(recordings, key=attrgetter("head.measured"))
    chosen: dict[Key, dict[tuple[object, ...], Span]] = {}
    for dirty in (False, True):
        of_kind: dict[Key, dict[tuple[object, ...], Span]] = {}
        for recording in ordered:
            if recording.head.dirty == dirty:
                for key, case in recording.cases.items():
                    span = Span(index, index, case, case, recording.head.versions, dirty)
                    of_kind.setdefault(key, {})[span.environment] = span
        for key, spans in of_kind.items():
            chosen.setdefault(key, spans)
    for key, spans in chosen.items():
        for environment in sorted(spans, key=repr):
            yield key, spans[environment]


def chains(figure: str, spans: Sequence[Span]) -> Chains:
    """Divide the spans that have a figure into chains that can be compared."""
    grounds: dict[str, list[Span]] = {}
    for span in spans:
        if figure in span.figures.figures:
            grounds.setdefault(span.figures.grounds.get(layer_of(figure), ""), []).append(span)
    found, split = [], False
    several = len(grounds) > 1
    for of_ground in grounds.values():
        if _agree(figure, of_ground):
            versions = of_ground[0].versions if several else None
            found.append(Chain(figure, of_ground, versions))
            continue
        split = True
        environments: dict[tuple[object, ...], list[Span]] = {}
        for span in of_ground:
            environments.setdefault(span.environment, []).append(span)
        found += [Chain(figure, each, each[0].versions) for each in environments.values()]
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
