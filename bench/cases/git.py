"""Run git in a repository, and turn its failures into sentences."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from gradmeter.bench.errors import UsageError


def _environment() -> dict[str, str]:
    """Our environment without the variables that git sets for the commands of a hook."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def git(folder: Path, *arguments: str, why: str = "git failed", strip: bool = True) -> str:
    """Return what a git command prints.

    Args:
        why: the sentence that says what failed.

    Raises:
        UsageError: git is not installed, or the command failed.
    """
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


def remove_worktree(top: Path, path: Path) -> None:
    """Remove a worktree and its entry in the repository, even if it is incomplete."""
    command = ["git", "worktree", "remove", "--force", "--force", str(path)]
    subprocess.run(command, cwd=top, capture_output=True, env=_environment())
