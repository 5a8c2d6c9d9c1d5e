"""A store and a repository together: the steps of a range, and what is said beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import store
from gradmeter.bench.history.acceptance import Acceptance, AcceptedChange
from gradmeter.bench.history.first_parents import FirstParents, existing, first_parents
from gradmeter.bench.history.recording import Recording
from gradmeter.bench.history.renaming import renamed
from gradmeter.bench.history.steps import Step, Steps, steps

SHORTEST = 4  # characters of a commit's name


@dataclass(frozen=True)
class Overview:
    """The steps of a range of commits.

    Attributes:
        range: as it was asked for.
        recordings: all that the store holds, under the names that cases have now.
        all: the steps up to the end of the range.
        problems: why nothing could be measured at commits of the range, by commit.
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

    @property
    def steps(self) -> list[Step]:
        """The steps of the range, the oldest first."""
        return [step for step in self.all.steps if step.after in self.line.chosen]

    @property
    def recorded(self) -> frozenset[str]:
        """The commits of the range that have figures."""
        return self.all.recorded & self.line.chosen

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


def overview(top: Path, folder: Path, commits: str, renamed_names: Sequence[str] = ()) -> Overview:
    """Read a store, and what its steps are in a range of commits.

    Args:
        top: a folder in the repository.
        commits: as of `first_parents.parse_range`.
        renamed_names: as of `renaming.renamed`.

    Raises:
        UsageError: the store cannot be read, or there are no such names or commits.
    """
    history = renamed(store.load(folder), renamed_names)
    line = first_parents(top, commits)
    order = line.order
    others = {r.head.commit for r in history.recordings}.difference(order)
    here = existing(top, sorted(others)) if others else set()
    later = set(first_parents(top).order) if others else set()  # than the end of the range
    return Overview(
        range=commits,
        line=line,
        recordings=history.recordings,
        all=steps(history.recordings, order, history.acceptances),
        problems={
            r.head.commit: r.head.problem
            for r in history.recordings
            if r.head.problem and r.head.commit in line.chosen
        },
        elsewhere=frozenset(others & here - later),
        vanished=frozenset(others - here),
    )


def acceptance(step: Step, because: str, *, by: str, when: str) -> Acceptance:
    """The acceptance of what is open in a step.

    Raises:
        UsageError: there is no reason.
    """
    if not because.strip():
        raise UsageError('--because is empty; say why, such as --because "the cache is worth it"')
    return Acceptance(
        before=step.before,
        after=step.after,
        because=" ".join(because.split()),
        by=by,
        when=when,
        changes=tuple(
            AcceptedChange(*change.key, change.figure, change.before, change.after)
            for change in step.changes
            if change.status == "open"
        ),
    )
