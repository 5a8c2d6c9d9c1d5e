"""A store and a repository together: the steps of a range, and what is said beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import store
from gradmeter.bench.history.acceptance import Acceptance, AcceptedChange, reason
from gradmeter.bench.history.first_parents import (
    Commit,
    FirstParents,
    existing,
    first_parents,
    merged,
)
from gradmeter.bench.history.recording import Key, Recording
from gradmeter.bench.history.renaming import renamed
from gradmeter.bench.history.steps import Change, Step, Steps, steps
from gradmeter.bench.history.store import History

SHORTEST = 4  # characters of a commit's name


@dataclass(frozen=True)
class Branch:
    """What a merge brought.

    Attributes:
        merge: its name.
        line: the first parents of another parent of the merge.
        all: the steps among them.
        values: the figures of cases before and at the end of what it brought, where recorded.
    """

    merge: str
    line: FirstParents
    all: Steps
    values: dict[tuple[Key, str], tuple[int, int]]

    def explains(self, change: Change) -> bool:
        """Whether a change at the merge is one that happened in the branch."""
        before, after = self.values.get((change.key, change.figure), (0, 0))
        return before != after and (after - before == change.difference or after == change.after)


@dataclass(frozen=True)
class Overview:
    """The steps of a range of commits.

    Attributes:
        range: as it was asked for.
        recordings: all that is compared, under the names that cases have now.
        all: the steps up to the end of the range, along first parents.
        branches: what merges brought at which there are steps, where other parents are followed.
        problems: why nothing could be measured at commits of the range, by commit.
        missing: why cases could not be, by commit and case.
        elsewhere: recorded commits that the repository has, and not among these first parents.
        vanished: recorded commits that the repository has not.
    """

    range: str
    line: FirstParents
    recordings: tuple[Recording, ...]
    all: Steps
    problems: dict[str, str]
    elsewhere: frozenset[str]
    vanished: frozenset[str]
    branches: tuple[Branch, ...] = ()
    missing: dict[tuple[str, Key], str] = field(default_factory=dict)

    @property
    def steps(self) -> list[Step]:
        """The steps of the range, the oldest first; those of a branch are before its merge."""
        by_ends: dict[tuple[str, str], Step] = {}
        for step in self._of(self.line, self.all):
            by_ends.setdefault((step.before, step.after), step)  # a branch may have merged main
        return list(by_ends.values())

    def _of(self, line: FirstParents, found: Steps) -> Iterator[Step]:
        for step in found.steps:
            if step.after not in line.chosen:
                continue
            brought = [b for b in self.branches if b.merge == step.after and step.suspects == 1]
            for branch in brought:
                yield from self._of(branch.line, branch.all)
            own = [c for c in step.changes if not any(branch.explains(c) for branch in brought)]
            if own:
                yield replace(step, changes=tuple(own))

    @property
    def chosen(self) -> frozenset[str]:
        """The commits of the range."""
        return self.line.chosen.union(*(branch.line.chosen for branch in self.branches))

    @property
    def recorded(self) -> frozenset[str]:
        """The commits of the range that have figures."""
        return self.all.recorded.union(*(b.all.recorded for b in self.branches)) & self.chosen

    def commit(self, name: str) -> Commit:
        """A commit of the range, or before it."""
        lines = (self.line, *(branch.line for branch in self.branches))
        return next(line.by_name[name] for line in lines if name in line.by_name)

    def reasons(self, step: Step) -> list[str]:
        """Why there are no figures at the commits that may have made a step, each once."""
        found = dict.fromkeys(
            self.problems.get(name) or self.missing.get((name, key), "")
            for name in self._between(step)
            for key in step.cases
        )
        return [why for why in found if why]

    def _between(self, step: Step) -> list[str]:
        for line in (self.line, *(branch.line for branch in self.branches)):
            if step.before in line.by_name and step.after in line.by_name:
                order = line.order
                return order[order.index(step.before) + 1 : order.index(step.after)]
        return []

    def open_at(self, name: str) -> list[Step]:
        """The open steps at a commit.

        Args:
            name: of the commit, or how it begins.

        Raises:
            UsageError: there is no such step, or no open one.
        """
        found = {step.after: step for step in self.steps if step.after.startswith(name.lower())}
        if len(name) < SHORTEST or not found:
            raise UsageError(
                f"there is no step at {name!r}; gradmeter steps lists them, each with its commit"
            )
        if len(found) > 1:
            raise UsageError(
                f"{name!r} begins the names of {len(found)} steps: {', '.join(sorted(found))}"
            )
        at = [step for step in self.steps if step.after in found]
        unaccepted = [step for step in at if step.status == "open"]
        if not unaccepted:
            raise UsageError(
                f"the step at {name} is not open but {at[0].status}, so there is nothing to accept"
            )
        return unaccepted


def overview(
    top: Path,
    folder: store.Place,
    commits: str,
    renamed_names: Sequence[str] = (),
    *,
    all_parents: bool = False,
) -> Overview:
    """Read a store, and what its steps are in a range of commits.

    Args:
        top: a folder in the repository.
        commits: as of `first_parents.parse_range`.
        renamed_names: as of `renaming.renamed`.
        all_parents: follow the other parents of merges at which there are steps.

    Raises:
        UsageError: the store cannot be read, or there are no such names or commits.
    """
    history = renamed(store.load(folder), renamed_names)
    return of_history(top, history, commits, all_parents=all_parents)


def of_history(top: Path, history: History, commits: str, *, all_parents: bool) -> Overview:
    """What the steps of a history are in a range of commits; see `overview`.

    Raises:
        UsageError: there are no such commits.
    """
    line = first_parents(top, commits)
    order = line.order
    found = steps(history.recordings, order, history.acceptances)
    branches = tuple(_branches(top, line, found, history)) if all_parents else ()
    chosen = line.chosen.union(*(branch.line.chosen for branch in branches))
    recorded = found.recorded.union(*(branch.all.recorded for branch in branches))
    others = {r.head.commit for r in history.recordings}.difference(order, chosen)
    here = existing(top, sorted(others)) if others else set()
    later = set(first_parents(top).order) if others else set()  # than the end of the range
    return Overview(
        range=commits,
        line=line,
        recordings=history.recordings,
        all=found,
        problems={
            r.head.commit: r.head.problem or next(iter(r.missing.values()))
            for r in history.recordings
            if (r.head.problem or r.missing)
            and r.head.commit in chosen.union(line.compared) - recorded
        },
        missing={
            (r.head.commit, key): why
            for r in history.recordings
            for key, why in r.missing.items()
            if r.head.commit in chosen
        },
        elsewhere=frozenset(others & here - later),
        vanished=frozenset(others - here),
        branches=branches,
    )


def _branches(top: Path, line: FirstParents, found: Steps, history: History) -> Iterator[Branch]:
    """What the merges of a line brought at which there are steps, and what those in it did."""
    for step in found.steps:
        if step.after not in line.chosen or step.suspects > 1:
            continue
        for brought in merged(top, line.by_name[step.after]):
            order = brought.compared
            of_branch = steps(history.recordings, order, history.acceptances)
            values = _values(history, order[0], order[-1])
            yield Branch(step.after, brought, of_branch, values)
            yield from _branches(top, brought, of_branch, history)


def _values(history: History, first: str, last: str) -> dict[tuple[Key, str], tuple[int, int]]:
    """The figures that are recorded at both of two commits, the newest of each."""
    at: dict[str, dict[tuple[Key, str], int]] = {first: {}, last: {}}
    for recording in history.recordings:
        if recording.head.commit in at:
            for key, case in recording.cases.items():
                for figure, value in case.figures.figures.items():
                    at[recording.head.commit][key, figure] = value
    return {name: (at[first][name], at[last][name]) for name in at[first] if name in at[last]}


def acceptance(step: Step, because: str, *, by: str, when: str) -> Acceptance:
    """The acceptance of what is open in a step.

    Raises:
        UsageError: there is no reason.
    """
    return Acceptance(
        before=step.before,
        after=step.after,
        because=reason(because),
        by=by,
        when=when,
        changes=tuple(
            AcceptedChange(*change.key, change.figure, change.before, change.after)
            for change in step.changes
            if change.status == "open"
        ),
    )
