"""Check a project out at git revisions, each in its own folder outside the repository."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from gradmeter.bench import git
from gradmeter.bench.cases.stale import remove_stale_folders, remove_stale_worktrees
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.suggestions import suggestion

if sys.platform == "linux":
    import fcntl

FICLONE = 0x40049409  # linux/fs.h
WORKING_TREE = "working-tree"
OURS = "engine"  # our own engine's package, at the top of its repository
# Of our own working tree; data outside of the packages stay where they are.
_MEASURED = (OURS, "gradmeter", "*.py", "*.pyi")


@dataclass(frozen=True)
class Revision:
    """A revision that was checked out.

    Attributes:
        label: its name in variants.
        meaning: the commit or the working tree, in words.
        path: the top of the checkout.
        commit: empty for the working tree, whose files may differ from any commit's.
        packages: the folder in the checkout that holds each package of its project, by the
            package's name; none where they are installed.
        origins: the folders that a package may be imported from; none for our own engine, which
            is the harness's.
        interpreter: in whose environment it was installed; empty where it was not.
    """

    label: str
    meaning: str
    path: Path
    commit: str = ""
    packages: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    origins: tuple[Path, ...] = ()
    interpreter: str = ""


@contextmanager
def our_engine(names: Sequence[str | None], start: Path) -> Iterator[list[Revision]]:
    """Check the package ``engine`` out, as `checked_out`.

    Raises:
        UsageError: as `checked_out`, or a revision has no such package at its top.
    """
    with checked_out(names, start, copied=_MEASURED, part=OURS) as revisions:
        for revision, name in zip(revisions, names, strict=True):
            if not (revision.path / OURS / "__init__.py").is_file():
                where = name or "the working tree"
                raise UsageError(
                    f"there is no package {OURS} at the top of {git.top(start).name} at {where}"
                )
        yield revisions


@contextmanager
def checked_out(
    names: Sequence[str | None], start: Path, *, copied: Sequence[str] = (), part: str = ""
) -> Iterator[list[Revision]]:
    """Check revisions out until the block ends; the repository and its index stay as they are.

    Args:
        names: as git takes them; None for the working tree, committed or not.
        start: a folder in the repository.
        copied: patterns of what is copied of a working tree, as git takes them; all of it
            without any.
        part: the folder whose uncommitted changes are told; all by default.

    Raises:
        UsageError: there is no repository, a revision does not exist, or its files cannot be
            written.
    """
    top = git.top(start)
    commits = [commit_of(top, name) for name in names]
    remove_stale_folders()
    remove_stale_worktrees(top)
    worktrees: list[Path] = []
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder(str(top))).resolve()
        stack.callback(remove_worktrees, top, worktrees)
        revisions = []
        for number, (name, commit) in enumerate(zip(names, commits, strict=True)):
            path = folder / str(number)
            if name is None:
                copy(top, path, *copied)
                changed = git.answer(top, "status", "--porcelain", "--", *filter(None, [part]))
                state = "with uncommitted changes" if changed else "unchanged"
                where = f" in {part}/" if part else ""
                meaning = f"the working tree at {commit[:12]}, {state}{where}"
            else:
                worktrees.append(path)
                add_worktree(top, path, name, commit)
                meaning = f"commit {commit[:12]}"
            label = label_of(name, names[:number])
            revisions.append(Revision(label, meaning, path, commit if name is not None else ""))
        yield revisions


def remove_worktrees(top: Path, worktrees: list[Path]) -> None:
    """Remove worktrees and their entries."""
    for path in worktrees:
        git.remove_worktree(top, path)


def with_working_tree(names: Sequence[str]) -> tuple[str | None, ...]:
    """The revisions to compare: what is named, or one and the working tree (None)."""
    return (*names, None) if len(names) == 1 else tuple(names)


def label_of(name: str | None, earlier: Sequence[str | None]) -> str:
    """A revision's name in variants; the same one once more is numbered."""
    same = sum(other == name for other in earlier)
    return (WORKING_TREE if name is None else name) + (f"#{same + 1}" if same else "")


def commit_of(top: Path, name: str | None) -> str:
    """The commit of a revision; that of HEAD for None.

    Raises:
        UsageError: there is none.
    """
    if name is not None and name.startswith("-"):
        raise UsageError(f"{name!r} is no revision; --rev takes a branch, a tag or a commit")
    revision = "HEAD" if name is None else name
    # In two steps, since git takes all that follows ":/" as the text to search for.
    why = f"there is no revision {revision!r} in {top.name}"
    shallow = (
        "; in a shallow clone, fetch it first (git fetch origin REVISION, or actions/checkout with "
        "fetch-depth: 0)"
    )
    try:
        object_id = git.answer(top, "rev-parse", "--verify", "--quiet", revision, why=why)
    except UsageError as error:
        names = git.answer(top, "for-each-ref", "--format=%(refname:short)", why=why).split()
        if git.answer(top, "rev-parse", "--is-shallow-repository", why=why) == "true":
            names = []  # it is there, most likely, and was not fetched
        raise UsageError(f"{error}{suggestion(revision, names) or shallow}") from None
    return git.answer(top, "rev-parse", "--verify", "--quiet", f"{object_id}^{{commit}}", why=why)


def add_worktree(top: Path, path: Path, name: str, commit: str) -> None:
    """Check a commit out into a new folder.

    Raises:
        UsageError: git cannot.
    """
    # No hook runs, so none can fetch large files or change the checkout.
    git.answer(
        top,
        "-c", "core.hooksPath=/dev/null",
        "worktree", "add", "--quiet", "--detach", str(path), commit,
        why=f"git cannot make a worktree of {name}",
    )  # fmt: skip


def copy(top: Path, path: Path, *patterns: str) -> None:
    """Copy the working tree: tracked files or not, without what git ignores.

    Args:
        patterns: of what is copied, as git takes them; all of it without any.

    Raises:
        UsageError: a file cannot be copied.
    """
    listed = git.answer(
        top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns,
        strip=False,
    )  # fmt: skip
    path.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(filter(None, listed.split("\0"))):
        source, target = top / name, path / name
        try:
            if source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy_link(source, target, top)
            elif source.is_file():  # neither deleted nor a submodule
                target.parent.mkdir(parents=True, exist_ok=True)
                _clone(source, target)
        except OSError as error:
            raise UsageError(f"{name} cannot be copied: {error.strerror}") from None


def _copy_link(source: Path, target: Path, top: Path) -> None:
    """Copy a symbolic link: within the tree as it is, else what it leads to."""
    if source.resolve().is_relative_to(top.resolve()) and not os.path.isabs(os.readlink(source)):
        target.symlink_to(os.readlink(source))
    elif source.is_file():
        _clone(source.resolve(), target)


def _clone(source: Path, target: Path) -> None:
    """Copy a file, without copying its blocks where the file system can share them.

    A hard link would share later changes too, and a working tree is edited while it is
    measured.
    """
    with source.open("rb") as old, target.open("wb") as new:
        if not _share_blocks(old.fileno(), new.fileno()):
            shutil.copyfileobj(old, new)
    shutil.copystat(source, target)


def _share_blocks(source: int, target: int) -> bool:
    """Let a file share another one's blocks until either is changed; False where it cannot."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:
        return False
    return True
