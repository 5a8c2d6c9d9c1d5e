"""Throwaway git repositories of projects with a pytest-benchmark suite, and their comparison."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Case, Comparison, Run

from .command import gradmeter

# The least that is still a measurement.
LEAST = ("--sets", 1, "--most-sets", 1, "--seconds", 0, "--budget", 0, "--min-rounds", 1)
OUT = "reports/compare"


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with settings of its own."""
    settings = ("user.name=n", "user.email=n@example.org", "protocol.file.allow=always")
    words = [word for setting in settings for word in ("-c", setting)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", *words, *arguments],
        cwd=folder,
        env={**environment, "GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(folder: Path, files: Mapping[str, str | None]) -> None:
    """Write files; None removes one."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text)


def repository(folder: Path, *commits: Mapping[str, str | None]) -> Path:
    """Make a repository with a commit for each table of files; the branch is main."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number, files in enumerate(commits):
        write(folder, files)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--allow-empty", "--message", f"commit {number}")
    return folder


def compare(folder: Path, *arguments: object, **options) -> subprocess.CompletedProcess[str]:
    """Compare the suite in a folder: the options of compare, "--", and pytest's arguments."""
    at = arguments.index("--")
    ours, suite = arguments[:at], arguments[at + 1 :]
    return gradmeter(
        "compare", *LEAST, "--out", OUT, *ours, "--", "pytest", "-p", "no:hypothesispytest",
        *suite, cwd=folder, **options,
    )  # fmt: skip


class Result:
    """A comparison that was written: its cases and comparisons by test, without the file."""

    def __init__(self, folder: Path) -> None:
        self.run: Run = run_file.load(folder / OUT / "run.json")
        self.names = {c.workload.partition("::")[2]: c for c in self.run.comparisons}

    def comparison(self, test: str) -> Comparison:
        return self.names[test]

    def cases(self, test: str) -> tuple[Case, ...]:
        """The cases of a test, the baseline's first."""
        c = self.names[test]
        found = [self.run.case(c.workload, c.size, each) for each in (c.baseline, *c.candidates)]
        assert None not in found
        return tuple(case for case in found if case is not None)

    def failures(self, test: str) -> list[str]:
        """Why a test has no figures, at each side; "" where it has."""
        return [case.failure.message if case.failure else "" for case in self.cases(test)]

    def figures(self, test: str, name: str) -> list[int]:
        """A figure of a test at each side."""
        found = [case.figures for case in self.cases(test)]
        assert None not in found
        return [figures[name] for figures in found if figures is not None]


def clean(folder: Path) -> None:
    """Assert that a repository is as it was, but for the report folder."""
    assert git(folder, "status", "--porcelain", "--ignored").split() in ([], ["??", "reports/"])
    assert len(git(folder, "worktree", "list").splitlines()) == 1
