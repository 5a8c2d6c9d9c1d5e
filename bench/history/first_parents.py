"""The commits of a history in order: first parents, among which a merge is one commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gradmeter.bench import git
from gradmeter.bench.cases.revisions import commit_of
from gradmeter.bench.errors import UsageError

_AT_ONCE = 500  # commits in one command


@dataclass(frozen=True)
class Commit:
    """A commit as git knows it; ``date`` is its author's, in ISO 8601."""

    id: str
    author: str
    date: str
    subject: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class FirstParents:
    """A revision and its first parents, the oldest first.

    Attributes:
        chosen: those of the range that was asked for; what came before is known beside them.
    """

    commits: tuple[Commit, ...]
    chosen: frozenset[str]

    @property
    def order(self) -> list[str]:
        """The commits' names."""
        return list(self.by_name)

    @cached_property
    def by_name(self) -> dict[str, Commit]:
        """The commits by their names, in order."""
        return {commit.id: commit for commit in self.commits}

    @property
    def compared(self) -> list[str]:
        """The names of the chosen commits, after the one before them, if there is any."""
        order = self.order
        first = next((i for i, name in enumerate(order) if name in self.chosen), len(order))
        return order[max(first - 1, 0) :]


def parse_range(text: str) -> tuple[str | None, str]:
    """Read A..B, A.., ..B or B: the commit before the first, None for none, and the last.

    Raises:
        UsageError: it is none of these.
    """
    first, _, last = text.rpartition("..")
    if "..." in text or ".." in first or first.startswith("-") or last.startswith("-"):
        raise UsageError(f"{text!r} is no range of commits; write A..B, such as v1.0..HEAD")
    return first or None, last or "HEAD"


def first_parents(top: Path, text: str = "HEAD") -> FirstParents:
    """Ask git for the first parents of a range's end.

    Args:
        top: a folder in the repository.
        text: as of `parse_range`.

    Raises:
        UsageError: the repository has no such commits.
    """
    start, end = parse_range(text)
    last = commit_of(top, end)
    told = git.answer(
        top, "log", "--first-parent", "-z", "--format=%H%n%aN%n%aI%n%P%n%s", last, "--",
        why=f"git cannot tell the history of {end}", strip=False,
    )  # fmt: skip
    commits = []
    for record in filter(None, told.split("\0")):
        name, author, date, parents, subject = record.split("\n", 4)
        commits.append(Commit(name, author, date, subject, tuple(parents.split())))
    chosen = frozenset(commit.id for commit in commits)
    if start is not None:
        first = commit_of(top, start)
        listed = git.answer(top, "rev-list", "--first-parent", last, f"^{first}", "--")
        chosen = frozenset(listed.split())
    return FirstParents(tuple(reversed(commits)), chosen)


def merged(top: Path, merge: Commit) -> list[FirstParents]:
    """What a merge brought: the first parents of each of its other parents.

    Their range begins after the commit that they have in common with the merge's first parent.
    """
    brought = (first_parents(top, f"{merge.parents[0]}..{each}") for each in merge.parents[1:])
    return [line for line in brought if line.chosen]


def existing(top: Path, commits: Iterable[str]) -> set[str]:
    """Those of the commits that the repository has at all."""
    asked = list(commits)
    found: set[str] = set()
    for number in range(0, len(asked), _AT_ONCE):
        some = asked[number : number + _AT_ONCE]
        found |= {
            *git.answer(top, "rev-list", "--no-walk", "--ignore-missing", *some, "--").split()
        }
    return found
