"""Remove what runs that were killed left behind: temporary folders, and worktrees in them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from gradmeter.bench import git
from gradmeter.bench.results.folders import PREFIX, stale_folders


def remove_stale_folders() -> None:
    """Remove every folder of this user whose owner was killed, and its worktrees' entries."""
    for folder, record in stale_folders():
        repository = Path(record.repository)
        if record.repository and repository.is_dir():
            for path in _worktrees(repository):
                if path.parent == folder.resolve():
                    git.remove_worktree(repository, path)
        shutil.rmtree(folder, ignore_errors=True)


def remove_stale_worktrees(repository: Path) -> None:
    """Remove the entries of our worktrees whose folder is gone, as after a restart."""
    temporary = Path(tempfile.gettempdir()).resolve()
    for path in _worktrees(repository):
        folder = path.parent
        ours = folder.name.startswith(PREFIX) and path.name.isdigit()
        if ours and folder.parent == temporary and not folder.exists():
            git.remove_worktree(repository, path)


def _worktrees(repository: Path) -> list[Path]:
    try:
        listed = git.ask(repository, "worktree", "list", "--porcelain")
    except git.GitError:  # it is no repository any more
        return []
    lines = listed.splitlines()
    return [Path(line.partition(" ")[2]) for line in lines if line.startswith("worktree ")]
