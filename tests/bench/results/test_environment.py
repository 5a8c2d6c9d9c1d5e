"""What a run says of where it was made is true, and a missing tool costs only its own field."""

from __future__ import annotations

import gc
import os
import platform
import shutil
import subprocess
import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path

import numpy as np
import psutil
import pytest

from gradmeter import bench
from gradmeter.bench.results import environment

REPOSITORY = Path(bench.__file__).resolve().parent.parent


def test_it_says_what_python_and_the_machine_say():
    found = environment.describe()
    assert found.python == platform.python_version()
    assert found.versions["numpy"] == np.__version__
    assert found.gradmeter == metadata.version("gradmeter")
    assert found.cores == len(os.sched_getaffinity(0)) if found.pinned else os.cpu_count()
    assert found.memory_bytes == psutil.virtual_memory().total
    assert found.collector_thresholds == list(gc.get_threshold())
    assert found.cpu
    assert datetime.fromisoformat(found.started).tzinfo is not None


def test_cores_are_those_that_this_process_may_use():
    if not hasattr(os, "sched_getaffinity"):
        assert environment.cores() == [None]
        return
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {max(before)})
        assert environment.cores() == [max(before)]
        assert environment.describe().cores == 1
    finally:
        os.sched_setaffinity(0, before)


def test_where_there_is_no_pinning_it_says_so(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    found = environment.describe()
    assert not found.pinned
    assert found.cores == os.cpu_count()


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    found = environment.describe()
    assert (found.commit, found.dirty) == (None, None)


def test_a_package_that_is_not_installed_is_said_to_be_so(monkeypatch):
    monkeypatch.setattr(environment, "_PACKAGES", ("numpy", "no-such-package-here"))
    versions = environment.describe().versions
    assert versions == {"numpy": np.__version__, "no-such-package-here": "not installed"}


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def checkout(tmp_path):
    """A repository of its own with bench/, engine/ and something else in it; and its commit."""
    for name in ("bench", "engine", "gradmeter"):
        shutil.copytree(
            REPOSITORY / name,
            tmp_path / name,
            symlinks=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / ".gitignore").write_text("__pycache__\n")

    def git(*words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        done = subprocess.run(
            ["git", *identity, "-c", "commit.gpgsign=false", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    git("init", "-q")
    return tmp_path, git


def described(folder: Path, cwd: Path) -> tuple[str | None, bool | None]:
    code = (
        "from gradmeter.bench.results import environment as e; f = e.describe(); "
        "print(e.__file__); print(repr((f.commit, f.dirty)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    file, found = done.stdout.splitlines()
    assert Path(file).is_relative_to(folder), "the copy describes itself"
    return eval(found)


@needs_git
def test_the_commit_is_that_of_the_measured_code_and_dirty_means_that_it_was_changed(
    checkout, tmp_path_factory
):
    folder, git = checkout
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert described(folder, elsewhere) == (None, None), "nothing is committed yet"
    git("add", "-A")
    git("commit", "-qm", "one")
    head = git("rev-parse", "HEAD")
    assert described(folder, elsewhere) == (head, False)
    (folder / "notes.txt").write_text("changed, and not measured")
    (folder / "more.txt").write_text("new, and not measured")
    assert described(folder, elsewhere) == (head, False)
    new = folder / "engine" / "new.py"
    new.write_text("")
    assert described(folder, elsewhere) == (head, True)
    new.unlink()
    with (folder / "bench" / "errors.py").open("a") as file:
        file.write("\n# changed\n")
    assert described(folder, elsewhere) == (head, True)
