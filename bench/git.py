"""Ask git about a repository, and say in a sentence why it does not answer."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gradmeter.bench.errors import GradmeterError, UsageError


class GitError(GradmeterError):
    """git is not installed, or refused; the message is what it says.

    Attributes:
        lines: what git wrote to standard error.
        missing: whether git cannot be started at all.
    """

    def __init__(self, lines: list[str], *, missing: bool = False) -> None:
        super().__init__(lines[-1] if lines else "git failed without a message")
        self.lines = lines
        self.missing = missing


def environment() -> dict[str, str]:
    """Our environment without the variables that git sets for the commands of a hook."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def _without_large_files() -> list[str]:
    """Options that leave Git LFS's pointers as they are, where it is configured and not installed.

    git refuses to check them out otherwise.
    """
    if shutil.which("git-lfs"):
        return []
    values = {"smudge": "", "clean": "", "process": "", "required": "false"}
    return [word for name, v in values.items() for word in ("-c", f"filter.lfs.{name}={v}")]


def ask(
    folder: Path,
    *arguments: str,
    limit: float | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Return what a git command writes to standard output.

    Args:
        limit: the most seconds that it may take; None for no limit.
        variables: beside those of `environment`.

    Raises:
        GitError: it failed.
    """
    try:
        done = subprocess.run(
            ["git", *_without_large_files(), *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",  # as Python decodes file names
            env={**environment(), **(variables or {})},
            timeout=limit,
        )
    except FileNotFoundError:
        raise GitError(["git is not installed"], missing=True) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError([f"git cannot be started: {error}"], missing=True) from None
    if done.returncode:
        raise GitError(done.stderr.strip().splitlines())
    return done.stdout


def archive(folder: Path, commit: str) -> bytes:
    """Return the files of a commit as a tar archive.

    Raises:
        GitError: it failed.
    """
    command = ["git", "archive", "--format=tar", commit]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, env=environment())
    except OSError as error:
        raise GitError([f"git cannot be started: {error}"], missing=True) from None
    if done.returncode:
        raise GitError(done.stderr.decode(errors="replace").strip().splitlines())
    return done.stdout


def answer(folder: Path, *arguments: str, why: str = "git failed", strip: bool = True) -> str:
    """Return what a git command writes to standard output.

    Args:
        why: the sentence that says what failed.

    Raises:
        UsageError: it failed.
    """
    try:
        text = ask(folder, *arguments)
    except GitError as error:
        raise UsageError(f"{why} (git: {error})" if error.lines else why) from None
    return text.strip() if strip else text


def remove_worktree(top: Path, path: Path) -> None:
    """Remove a worktree and its entry in the repository, even if it is incomplete."""
    with suppress(GitError):
        ask(top, "worktree", "remove", "--force", "--force", str(path))


def top(start: Path, needed_by: str = "--rev") -> Path:
    """Return the top of the working tree that holds a folder.

    Args:
        needed_by: the option or command that asks.

    Raises:
        UsageError: there is none, or git does not read it; the message says why.
    """
    try:
        return Path(ask(start, "rev-parse", "--show-toplevel").removesuffix("\n"))
    except GitError as error:
        raise UsageError(_why_no_top(start, error, needed_by)) from None


def _why_no_top(start: Path, error: GitError, needed_by: str) -> str:
    """Say why git names no working tree for a folder, and what to do."""
    if error.missing:
        return f"{error}; {needed_by} needs it"
    message = "\n".join(error.lines)
    first = next((line for line in error.lines if line.startswith("fatal:")), str(error))
    if "dubious ownership" in message or "safe.directory" in message:
        command = next((line.strip() for line in error.lines if "--add safe.directory" in line), "")
        command = command or f"git config --global --add safe.directory {start}"
        return (
            f"{start} is in a repository that belongs to another user, so git does not trust it; "
            f"if you do: {command}"
        )
    if "must be run in a work tree" in message:
        return (
            f"{start} is in a bare repository, which has no files of its own; start in a clone "
            "or a worktree of it"
        )
    if "not a git repository (or any" in message:
        return (
            f"{start} is in no git repository; {needed_by} compares commits of the one it starts in"
        )
    if "not a git repository" in message or "gitfile" in message:
        return (
            f"the repository of {start} is broken: its .git leads to no repository (git: {first}); "
            "repair it, such as with git worktree repair or git submodule update --init"
        )
    return f"git cannot read the repository of {start} (git: {first})"


def user(folder: Path) -> str:
    """The name under which git would commit here; empty where it has none."""
    try:
        return ask(folder, "config", "user.name").strip()
    except GitError:
        return ""


def head(folder: Path, *paths: str) -> tuple[str | None, bool | None]:
    """Return the commit of a folder's repository, and whether tracked files differ from it.

    Args:
        paths: those whose changes count, new files included; without any, every tracked file.

    Returns:
        None and None where git names no commit.
    """
    try:
        commit = ask(folder, "rev-parse", "--verify", "HEAD", limit=10).strip()
        new_files = f"--untracked-files={'normal' if paths else 'no'}"
        status = ask(folder, "status", "--porcelain", new_files, "--", *paths, limit=10)
    except GitError:
        return None, None
    return commit, bool(status)
