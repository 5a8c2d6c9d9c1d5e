"""Steps: what changed between neighbouring recorded commits; pure functions.

Exact figures do not scatter, so a step is an inequality. Array data is compared across
environments, unless these differ in it at one commit; figures of Python's objects, of the heap
and instructions only where what they depend on is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from gradmeter.bench.history.acceptance import Acceptance
from gradmeter.bench.history.recording import CaseAt, Key, Recording, Versions
from gradmeter.bench.history.series import Chain, allowed, chains, series

Status = Literal["open", "accepted", "less", "undone"]
STATUSES: Final[tuple[Status, ...]] = ("open", "accepted", "less", "undone")


@dataclass(frozen=True)
class Change:
    """A figure of a case that differs between two commits.

    Attributes:
        first, second: all that was recorded of the case before and after.
        versions: what measured it, where it is compared with figures of the same alone.
        undone: the first commit from which on nothing is left of the change; empty for none.
        accepted: with the reason, where it was accepted.
    """

    key: Key
    figure: str
    before: int
    after: int
    first: CaseAt
    second: CaseAt
    versions: Versions | None = None
    undone: str = ""
    accepted: Acceptance | None = None

    @property
    def difference(self) -> int:
        """After less before."""
        return self.after - self.before

    @property
    def status(self) -> Status:
        """Of more: open, accepted or undone; of less: less or undone."""
        if self.undone:
            return "undone"
        if self.difference < 0:
            return "less"
        return "open" if self.accepted is None else "accepted"


@dataclass(frozen=True)
class Step:
    """What changed between two commits, of which none between them has the figures.

    Attributes:
        suspects: how many commits may have done it: 1 where it is ``after`` for certain.
        dirty: whether figures of either commit are of changed files.
    """

    before: str
    after: str
    suspects: int
    changes: tuple[Change, ...]
    dirty: bool = False

    @property
    def status(self) -> Status:
        """That of the change which needs most attention, in the order of `STATUSES`."""
        return min((change.status for change in self.changes), key=STATUSES.index)

    @property
    def cases(self) -> dict[Key, list[Change]]:
        """The changes by case."""
        found: dict[Key, list[Change]] = {}
        for change in self.changes:
            found.setdefault(change.key, []).append(change)
        return found

    @property
    def acceptances(self) -> list[Acceptance]:
        """Those of its changes, each once."""
        found = [c.accepted for c in self.changes if c.accepted is not None]
        return [each for i, each in enumerate(found) if each not in found[:i]]


@dataclass(frozen=True)
class Steps:
    """The steps of a history, the oldest first.

    Attributes:
        recorded: the commits that have figures.
        split: figures of array data that differ between environments at one commit.
        apart: cases with other figures that were measured on several grounds.
    """

    steps: tuple[Step, ...]
    recorded: frozenset[str]
    split: tuple[tuple[Key, str], ...] = ()
    apart: tuple[Key, ...] = ()


def steps(
    recordings: Iterable[Recording], order: Sequence[str], acceptances: Iterable[Acceptance] = ()
) -> Steps:
    """Find the steps of a history.

    Args:
        order: its commits, the oldest first; recordings of others are left out.
    """
    position = {commit: index for index, commit in enumerate(order)}
    placed = [r for r in recordings if r.head.commit in position]
    placed_acceptances = [
        _Placed(position[a.before], position.get(a.after), a)
        for a in acceptances
        if a.before in position
    ]
    events: dict[tuple[int, int], list[tuple[Change, bool]]] = {}
    split: list[tuple[Key, str]] = []
    apart: dict[Key, None] = {}
    for key, spans in sorted(series(placed, position).items()):
        for figure in dict.fromkeys(name for span in spans for name in span.figures.figures):
            found = chains(figure, spans)
            if found.split:
                split.append((key, figure))
            if found.grounds > 1:
                apart[key] = None
            for chain in found.chains:
                for since, start, end, change, dirty in _changes(key, chain, order):
                    accepted = _acceptance(placed_acceptances, change, since, start, end)
                    events.setdefault((end, start), []).append((_with(change, accepted), dirty))
    return Steps(
        tuple(
            Step(
                order[start],
                order[end],
                end - start,
                tuple(change for change, _ in events[end, start]),
                any(dirty for _, dirty in events[end, start]),
            )
            for end, start in sorted(events)
        ),
        frozenset(r.head.commit for r in placed if r.cases),
        tuple(split),
        tuple(apart),
    )


def _changes(
    key: Key, chain: Chain, order: Sequence[str]
) -> Iterable[tuple[int, int, int, Change, bool]]:
    """The changes along a chain, and whether one of their commits is dirty.

    Before them the indexes of the first commit from which on the value is that before the change,
    and of the commits before and after it.
    """
    since = 0
    values = [span.figures.figures[chain.figure] for span in chain.spans]
    for number in range(len(values) - 1):
        one, two = chain.spans[number : number + 2]
        before, after = values[number : number + 2]
        since = since if values[since] == before else number
        scatter = allowed(chain.figure, one, two)
        if abs(after - before) <= scatter:
            continue
        undone = next(
            (
                order[chain.spans[later].start]
                for later in range(number + 2, len(values))
                if _is_back(values[later], before, after, scatter)
            ),
            "",
        )
        change = Change(
            key, chain.figure, before, after, one.last, two.first, chain.versions, undone
        )
        yield chain.spans[since].start, one.end, two.start, change, one.dirty or two.dirty


def _is_back(value: int, before: int, after: int, scatter: int) -> bool:
    """Whether a later value is at least as far back as before the change."""
    return value <= before + scatter if after > before else value >= before - scatter


@dataclass(frozen=True)
class _Placed:
    """An acceptance, and the indexes of its commits.

    ``end`` is None for a commit that is not among these, such as one of a branch that came as
    another commit.
    """

    start: int
    end: int | None
    acceptance: Acceptance

    def is_around(self, since: int, start: int, end: int) -> bool:
        """Whether it is around a change; of an unknown end, whether this is the next change."""
        if self.end is None:
            return since <= self.start < end
        return self.start <= start and end <= self.end


def _acceptance(
    placed: Sequence[_Placed], change: Change, since: int, start: int, end: int
) -> Acceptance | None:
    """The acceptance of a change: of the same figure, around it, and of no less.

    Around it, since commits between may have been recorded after it was accepted. Of a change that
    came as another commit than was accepted, it is of the same value before, too.
    """
    if change.difference <= 0:
        return None
    for each in placed:
        if each.is_around(since, start, end):
            for known in each.acceptance.changes:
                of = (known.workload, known.size, known.variant, known.figure)
                same = of == (*change.key, change.figure) and change.after <= known.after
                if same and (each.end is not None or change.before == known.before):
                    return each.acceptance
    return None


def _with(change: Change, accepted: Acceptance | None) -> Change:
    return change if accepted is None else replace(change, accepted=accepted)
