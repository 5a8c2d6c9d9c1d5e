"""Fill a checkout's submodules from the user's own, which git leaves empty in a worktree."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from gradmeter.bench import git
from gradmeter.bench.archives import extract
from gradmeter.bench.cases.revisions import copy


def fill(top: Path, path: Path, commit: str) -> list[str]:
    """Write the files of a commit's submodules into its checkout.

    They are read from the repositories in the user's working tree; nothing is fetched.

    Args:
        top: of the user's working tree.
        path: of the checkout.

    Returns:
        The submodules whose commit is not there, which stay empty.

    Raises:
        UsageError: git cannot list them.
    """
    found = _submodules(top, commit)
    return [name for name, at in found if not _extract(top / name, path / name, at)]


def copy_edited(top: Path, path: Path) -> list[str]:
    """Copy the files of the working tree's submodules, as they are.

    Returns:
        The submodules that are empty there.

    Raises:
        UsageError: a file cannot be copied.
    """
    missing = []
    for name, _ in _submodules(top, "HEAD"):
        if (top / name / ".git").exists():
            copy(top / name, path / name)
            copy_edited(top / name, path / name)
        else:
            missing.append(name)
    return missing


def _submodules(top: Path, commit: str) -> list[tuple[str, str]]:
    """The paths of a commit's submodules, and their commits."""
    lines = git.answer(top, "ls-tree", "-r", "-z", commit, strip=False).split("\0")
    entries = [line.partition("\t") for line in lines if line.startswith("160000 ")]
    return [(name, meaning.split()[2]) for meaning, _, name in entries]


def _extract(repository: Path, target: Path, commit: str) -> bool:
    """Extract a commit of a submodule, and its submodules; False where it is not there."""
    if not (repository / ".git").exists():  # git would answer for the repository around it
        return False
    try:
        content = git.archive(repository, commit)
    except git.GitError:
        return False
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        extract(archive, target, "tar")
    fill(repository, target, commit)
    return True
