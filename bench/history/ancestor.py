"""The newest recorded ancestor of a run's commit, which is one more kind of baseline.

A case that was not recorded there has the figures of the newest ancestor that has it, so that
nothing passes as new because another job has recorded other cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gradmeter.bench import git
from gradmeter.bench.cases.revisions import commit_of
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import recorded, recording
from gradmeter.bench.history.first_parents import Commit, first_parents
from gradmeter.bench.history.recorded import Recorded
from gradmeter.bench.history.recording import Key, Recording
from gradmeter.bench.history.store import History
from gradmeter.bench.results.known import Known
from gradmeter.bench.results.run import Run


@dataclass(frozen=True)
class Ancestor:
    """What a run is compared with.

    Attributes:
        run_commit: the run's.
        base: the commit whose newest recorded ancestor is sought.
        commit: that ancestor; None for none.
        line: the base and its ancestors, the newest first.
        cases: what was recorded, by case: at that commit, or of the run's cases before it.
        count: how many commits the history has figures of.
        shallow: whether the repository lacks commits.
    """

    run_commit: str
    base: str
    commit: Commit | None
    line: Sequence[str]
    cases: Mapping[Key, Recorded] = field(default_factory=dict)
    count: int = 0
    shallow: bool = False

    @property
    def known(self) -> Known | None:
        """As a baseline; None where nothing was recorded."""
        return recorded.known(self.cases) if self.commit is not None else None

    @property
    def unmeasured(self) -> int:
        """How many commits there are after the ancestor up to the base."""
        return self.line.index(self.commit.id) if self.commit is not None else 0

    @property
    def older(self) -> dict[Key, str]:
        """The commit of cases that have none of the ancestor's figures."""
        at = self.commit.id if self.commit is not None else ""
        return {key: each.commit for key, each in self.cases.items() if each.commit != at}


def find(run: Run, history: History, top: Path, base: str | None) -> Ancestor:
    """Find what a run is compared with.

    Args:
        top: a folder in the repository.
        base: the revision that the run's commit branched off from; None: its own ancestors count.

    Raises:
        UsageError: the run says no commit, the repository lacks it or the base, or it is shallow
            and has no recorded ancestor.
    """
    commit = run.environment.repository_commit
    if commit is None:
        raise UsageError(
            "the run does not say which commit it is of, since it was started outside of a git "
            "repository, so it has no ancestors; measure it in one"
        )
    commit_of(top, commit)
    shallow = git.answer(top, "rev-parse", "--is-shallow-repository") == "true"
    start = commit if base is None else _merge_base(top, base, commit, shallow=shallow)
    by_commit: dict[str, list[Recording]] = {}
    for each in history.recordings:
        if each.cases:
            by_commit.setdefault(each.head.commit, []).append(each)
    own = set() if run.environment.repository_dirty else {commit}
    line = [name for name in reversed(first_parents(top, start).order) if name not in own]
    if not any(name in by_commit for name in line):
        others = git.answer(top, "rev-list", "--topo-order", start, "--").split()
        others = [name for name in others if name not in own]
        line = others if any(name in by_commit for name in others) else line
    newest = next((name for name in line if name in by_commit), None)
    found = Ancestor(commit, line[0] if line else start, None, line, {}, len(by_commit), shallow)
    if newest is None:
        if shallow:
            raise UsageError(
                "no recorded ancestor is in this clone, which is shallow; fetch all of it: "
                "actions/checkout with fetch-depth: 0, or git fetch --unshallow"
            )
        return found
    measured = [(name, by_commit[name]) for name in line if name in by_commit]
    own_figures = recording.of_figures(run, commit)
    mine, versions = own_figures.cases, own_figures.head.versions
    keys = [*mine, *(key for each in by_commit[newest] for key in each.cases)]
    return replace(
        found,
        commit=first_parents(top, newest).commits[-1],
        cases={
            key: before
            for key in dict.fromkeys(keys)
            if (before := recorded.newest(key, mine.get(key), versions, measured))
        },
    )


def _merge_base(top: Path, base: str, commit: str, *, shallow: bool) -> str:
    remedy = "; this clone is shallow: actions/checkout with fetch-depth: 0" if shallow else ""
    why = f"{base} and the run's commit {commit[:12]} have no commit in common{remedy}"
    return git.answer(top, "merge-base", commit_of(top, base), commit, why=why)
