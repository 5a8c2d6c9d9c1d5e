"""Fill a checkout's submodules from the user's own, which git leaves empty in a worktree."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from gradmeter.bench import git


def fill(top: Path, path: Path, commit: str) -> list[str]:
    """Write the files of a commit's submodules into its checkout.

    They are read from the repositories of the user's working tree; nothing is fetched.

    Args:
        top: of the user's working tree.
        path: of the checkout.

    Returns:
        The submodules whose commit is not there, which stay empty.
    """
    missing = []
    for line in git.ask(top, "ls-tree", "-r", "-z", commit).split("\0"):
        meaning, _, name = line.partition("\t")
        mode, _, object_id = meaning.partition(" ")
        if mode == "160000" and not _extract(top / name, path / name, object_id.split()[-1]):
            missing.append(name)
    return missing


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
        archive.extractall(target, filter="tar")
    fill(repository, target, commit)
    return True
