"""A branch that holds a store alone: its files, and commits to it that touch no working tree.

It is what this clone has of it: the branch itself and what was last fetched of it, merged. Files
are only added to a store, so that merging them is adding both.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from gradmeter.bench import git
from gradmeter.bench.errors import UsageError
from gradmeter.bench.git import GitError
from gradmeter.bench.results.folders import temporary_folder

PREFIX: Final = "branch:"
_TRIES = 4  # of a push that fails while nobody else pushes
_PAUSE = 0.2  # seconds at most before the second, twice as many before each further one
# Files are taken as they are, whatever the user's settings do to those of a working tree.
_AS_THEY_ARE = (
    "core.autocrlf=false",
    f"core.attributesFile={os.devnull}",
    "core.sparseCheckout=false",
    "core.fsmonitor=false",
)
_NOBODY = ("user.name=gradmeter", "user.email=gradmeter@localhost")  # where git knows no user


@dataclass(frozen=True)
class Branch:
    """A branch of a repository.

    Attributes:
        top: a folder in the repository.
        push: whether what is added is pushed, too.
    """

    top: Path
    name: str
    push: bool = False

    def __str__(self) -> str:
        return PREFIX + self.name

    @property
    def ref(self) -> str:
        """Its full name in this clone."""
        return f"refs/heads/{self.name}"


def named(top: Path, name: str) -> Branch:
    """The branch of a name, whether or not it exists.

    Raises:
        UsageError: no branch can have this name.
    """
    try:
        git.ask(top, "check-ref-format", "--branch", name)
    except GitError:
        raise UsageError(
            f"{name!r} is no name of a branch; write such as {PREFIX}gradmeter-history"
        ) from None
    return Branch(top, name)


def exists(branch: Branch) -> bool:
    """Whether this clone has the branch, or has fetched it."""
    return bool(_tips(branch))


@contextmanager
def files(branch: Branch) -> Iterator[Path]:
    """The files of the branch, in a temporary folder; none where there is no such branch.

    Raises:
        UsageError: it is no branch of its own, or git cannot merge what this clone has of it.
    """
    with _checked_out(branch, _tips(branch)) as (folder, _):
        yield folder


def change(branch: Branch, write: Callable[[Path], list[Path]], message: str) -> list[Path]:
    """Commit what is written into a folder with the branch's files; push it, where that is asked.

    When somebody else pushed first, that is fetched, and written to once more. A process that is
    killed leaves the branch as it was or as it is to be, here and at the remote.

    Args:
        write: adds files to the folder, and returns their paths.

    Returns:
        The files, as git writes those of a branch.

    Raises:
        UsageError: as `files`, the branch is checked out, or the remote refuses the push; then
            the commit stays on the branch in this clone.
    """
    _refuse_worktree(branch)
    remote = _remote(branch) if branch.push else ""
    if branch.push and not remote:
        raise UsageError(f"{branch.top.name} has no remote to push {branch} to; see git remote add")
    before, failures = "", 0
    while True:
        new = ""
        try:
            theirs = _fetch(branch, remote) if remote else ""
            failures *= theirs == before  # what another process pushed is no failure of ours
            before = theirs
            ours, tips = _tip(branch, branch.ref), _tips(branch)
            with _checked_out(branch, tips) as (folder, ask):
                written = [Path(f"{branch.name}:{path.name}") for path in write(folder)]
                new = _commit(ask, tips, message)
            if remote and new != theirs:
                _push(branch, remote, new)
                if ours:
                    with suppress(GitError):  # moved meanwhile, so it is merged the next time
                        _move(branch, new, ours)
            elif new != ours:
                _move(branch, new, ours)
            return written
        except GitError as error:
            failures += 1
            if failures >= _TRIES:
                raise _failure(branch, remote, new, error) from None
            time.sleep(random.uniform(0, _PAUSE) * 2**failures)


def _failure(branch: Branch, remote: str, new: str, error: GitError) -> UsageError:
    """Keep a commit that could not be pushed; say what failed."""
    what = next((line for line in error.lines if "rejected]" in line), str(error)).strip()
    if not (remote and new):
        where = f" of {remote}" if remote else ""
        return UsageError(f"nothing was added to {branch}{where} (git: {what})")
    with suppress(GitError):
        _move(branch, new, _tip(branch, branch.ref))
    return UsageError(
        f"{remote} refuses {branch} (git: {what}); it is committed in this clone, and goes along "
        "with the next --push; a job on GitHub needs permissions: contents: write, which pull "
        "requests of forks never have"
    )


def _environment() -> dict[str, str]:
    """What git is to know of the user's environment: who they are, and how to reach a remote."""
    kept = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG_", "GIT_SSH", "GIT_ASKPASS", "GIT_SSL_")
    return {
        **{name: value for name, value in os.environ.items() if name.startswith(kept)},
        "GIT_TERMINAL_PROMPT": "0",
    }


def _ask(top: Path, *arguments: str, **variables: str) -> str:
    words = [word for setting in _AS_THEY_ARE for word in ("-c", setting)]
    return git.ask(top, *words, *arguments, variables={**_environment(), **variables}).strip()


def _tip(branch: Branch, ref: str) -> str:
    """The commit of a reference; empty for none."""
    try:
        return _ask(branch.top, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    except GitError:
        return ""


def _remote(branch: Branch) -> str:
    """The remote of the branch: what git's settings say, origin, or the only one; or none."""
    remotes = _ask(branch.top, "remote").split()
    for name in (f"branch.{branch.name}.remote", "remote.pushDefault"):
        with suppress(GitError):
            configured = _ask(branch.top, "config", name)
            if configured in remotes:
                return configured
    if "origin" in remotes or len(remotes) == 1:
        return "origin" if "origin" in remotes else remotes[0]
    return ""


def _tracking(branch: Branch, remote: str) -> str:
    return f"refs/remotes/{remote}/{branch.name}"


def _tips(branch: Branch) -> list[str]:
    """What this clone has of the branch, without what something else of it contains."""
    refs = [branch.ref]
    remote = _remote(branch)
    if remote:
        refs.append(_tracking(branch, remote))
    tips = list(dict.fromkeys(filter(None, (_tip(branch, ref) for ref in refs))))
    return _ask(branch.top, "merge-base", "--independent", *tips).split() if tips[1:] else tips


def _fetch(branch: Branch, remote: str) -> str:
    """Fetch the branch; return its commit at the remote, empty where it has none."""
    tracking = _tracking(branch, remote)
    if not _ask(branch.top, "ls-remote", remote, branch.ref):
        if _tip(branch, tracking):  # removed there
            _ask(branch.top, "update-ref", "-d", tracking)
        return ""
    _ask(
        branch.top, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote,
        f"+{branch.ref}:{tracking}",
    )  # fmt: skip
    return _tip(branch, tracking)


def _push(branch: Branch, remote: str, new: str) -> None:
    _ask(branch.top, "push", "--quiet", "--no-verify", remote, f"{new}:{branch.ref}")
    _ask(branch.top, "update-ref", _tracking(branch, remote), new)


def _move(branch: Branch, new: str, old: str) -> None:
    """Let the branch in this clone be a commit, unless it is no longer the old one."""
    if new and new != old:
        _ask(branch.top, "update-ref", "-m", "gradmeter", branch.ref, new, old)


@contextmanager
def _checked_out(branch: Branch, tips: Sequence[str]) -> Iterator[tuple[Path, Callable[..., str]]]:
    """The merged files of commits in a temporary folder, and git with an index of them."""
    _refuse_foreign(branch, tips)
    with temporary_folder() as place:
        folder = place / "files"
        folder.mkdir()
        ask = partial(
            _ask,
            folder,
            GIT_DIR=_ask(branch.top, "rev-parse", "--absolute-git-dir"),
            GIT_WORK_TREE=str(folder),
            GIT_INDEX_FILE=str(place / "index"),
        )
        ask("read-tree", *tips[:1] or ["--empty"])
        for number in range(1, len(tips)):
            _merge(branch, ask, tips[number], tips[:number])
        ask("checkout-index", "--all")
        try:
            yield folder, ask
        except UsageError as error:
            raise UsageError(str(error).replace(f"{folder}/", f"{branch.name}:")) from None


def _merge(branch: Branch, ask: Callable[..., str], tip: str, others: Sequence[str]) -> None:
    """Merge a commit into the index, which has the others."""
    try:
        base = ask("merge-base", tip, *others)
    except GitError:  # both began the branch
        base = ask("hash-object", "-t", "tree", os.devnull)
    there = ask("write-tree")
    try:
        ask("read-tree", "-i", "-m", "--aggressive", base, there, tip)
        ask("write-tree")
    except GitError:
        raise UsageError(
            f"git cannot merge {branch} of this clone with that of its remote: both changed the "
            "same file; merge them in a worktree of it"
        ) from None


def _commit(ask: Callable[..., str], tips: Sequence[str], message: str) -> str:
    """Commit the folder on top of the tips; what there is already, where nothing is new."""
    ask("add", "--all", "--force")
    tree = ask("write-tree")
    if not tips and not ask("ls-files"):
        return ""
    if len(tips) == 1 and tree == ask("rev-parse", f"{tips[0]}^{{tree}}"):
        return tips[0]
    try:
        ask("var", "GIT_COMMITTER_IDENT")
        identity: list[str] = []
    except GitError:
        identity = [word for setting in _NOBODY for word in ("-c", setting)]
    parents = [word for tip in tips for word in ("-p", tip)]
    return ask(*identity, "commit-tree", tree, *parents, "-m", message)


def _refuse_foreign(branch: Branch, tips: Sequence[str]) -> None:
    """Refuse a branch of the code.

    Raises:
        UsageError: it has commits of HEAD.
    """
    for tip in tips:
        with suppress(GitError):
            _ask(branch.top, "merge-base", "HEAD", tip)
            raise UsageError(
                f"{branch} has commits of HEAD, so it is no branch of its own; name one that is, "
                f"or that does not exist yet, such as {PREFIX}gradmeter-history"
            )


def _refuse_worktree(branch: Branch) -> None:
    """Refuse a branch that is checked out, whose files would no longer be those of its commit.

    Raises:
        UsageError: it is.
    """
    path = ""
    for line in _ask(branch.top, "worktree", "list", "--porcelain").splitlines():
        kind, _, value = line.partition(" ")
        path = value if kind == "worktree" else path
        if kind == "branch" and value == branch.ref:
            raise UsageError(
                f"{branch} is checked out in {path}; give --store {path} and commit what is "
                "added, or remove that worktree"
            )
