"""Check out the engine at git revisions, each in its own folder outside the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gradmeter.bench.errors import UsageError

WORKING_TREE = "working-tree"


@dataclass(frozen=True)
class Revision:
    """A revision that was checked out.

    Attributes:
        label: its name in variants.
        meaning: the commit or the working tree, in words.
        path: the folder, which holds the package ``engine``.
    """

    label: str
    meaning: str
    path: Path


@contextmanager
def checked_out(names: Sequence[str | None], start: Path) -> Iterator[list[Revision]]:
    """Check revisions out until the block ends; the repository and its index stay as they are.

    Args:
        names: as git takes them; None for the working tree, committed or not.
        start: a folder in the repository.

    Raises:
        UsageError: there is no repository, a revision does not exist or has no package
            ``engine``, or its files cannot be written.
    """
    top = Path(_git(start, "rev-parse", "--show-toplevel", why=f"{start} is in no git repository"))
    commits = [_commit(top, name) for name in names]
    folder = Path(tempfile.mkdtemp(prefix="gradmeter-"))
    worktrees: list[Path] = []
    try:
        revisions = []
        for number, (name, commit) in enumerate(zip(names, commits, strict=True)):
            path = folder / str(number)
            if name is None:
                _copy(top, path)
                changed = _git(top, "status", "--porcelain", "--", "engine")
                state = "with uncommitted changes" if changed else "unchanged"
                meaning = f"the working tree at {commit[:12]}, {state} in engine/"
            else:
                worktrees.append(path)
                _add(top, path, name, commit)
                meaning = f"commit {commit[:12]}"
            if not (path / "engine" / "__init__.py").is_file():
                where = name or "the working tree"
                raise UsageError(f"there is no package engine at the top of {top.name} at {where}")
            revisions.append(Revision(_label(name, names[:number]), meaning, path))
        yield revisions
    finally:
        for path in worktrees:
            _remove(top, path)
        shutil.rmtree(folder, ignore_errors=True)


def _label(name: str | None, earlier: Sequence[str | None]) -> str:
    same = sum(other == name for other in earlier)
    return (WORKING_TREE if name is None else name) + (f"#{same + 1}" if same else "")


def _commit(top: Path, name: str | None) -> str:
    if name is not None and name.startswith("-"):
        raise UsageError(f"{name!r} is no revision; --rev takes a branch, a tag or a commit")
    revision = "HEAD" if name is None else name
    # In two steps, since git takes all that follows ":/" as the text to search for.
    why = (
        f"there is no revision {revision!r} in {top.name}; in a shallow clone, fetch it "
        "first (git fetch origin REVISION, or actions/checkout with fetch-depth: 0)"
    )
    object_id = _git(top, "rev-parse", "--verify", "--quiet", revision, why=why)
    return _git(top, "rev-parse", "--verify", "--quiet", f"{object_id}^{{commit}}", why=why)


def _add(top: Path, path: Path, name: str, commit: str) -> None:
    # No hook runs, so none can fetch large files or change the checkout.
    _git(
        top,
        "-c", "core.hooksPath=/dev/null",
        "worktree", "add", "--quiet", "--detach", str(path), commit,
        why=f"git cannot make a worktree of {name}",
    )  # fmt: skip


def _remove(top: Path, path: Path) -> None:
    """Remove a worktree and its entry in the repository, even if it is incomplete."""
    command = ["git", "worktree", "remove", "--force", "--force", str(path)]
    subprocess.run(command, cwd=top, capture_output=True, env=_environment())


def _copy(top: Path, path: Path) -> None:
    """Copy the working tree, tracked files or not, without what git ignores."""
    listed = _git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", strip=False)
    for name in filter(None, listed.split("\0")):
        source, target = top / name, path / name
        if source.is_file():  # neither deleted nor a submodule
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy2(source, target)
            except OSError as error:
                raise UsageError(f"{name} cannot be copied: {error.strerror}") from None


def _environment() -> dict[str, str]:
    """Our environment without the variables that git sets for the commands of a hook."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def _git(folder: Path, *arguments: str, why: str = "git failed", strip: bool = True) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",  # as Python decodes file names
            env=_environment(),
        )
    except FileNotFoundError:
        raise UsageError("git is not installed; --rev needs it") from None
    except OSError as error:
        raise UsageError(f"{why}: {error}") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()
        message = f" (git: {last[-1]})" if last else ""
        raise UsageError(f"{why}{message}")
    return done.stdout.strip() if strip else done.stdout
