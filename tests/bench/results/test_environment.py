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


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@needs_git
@pytest.mark.parametrize("layout", ["installed in a folder of theirs", "copied into theirs"])
def test_a_users_commit_is_not_ours(tmp_path, layout):
    ignored = shutil.ignore_patterns("__pycache__")
    if layout == "copied into theirs":
        path = tmp_path / "copied"
        for name in ("bench", "engine", "gradmeter"):
            shutil.copytree(REPOSITORY / name, path / name, symlinks=True, ignore=ignored)
    else:
        path = tmp_path / ".venv" / "lib" / "site-packages"
        shutil.copytree(REPOSITORY / "gradmeter", path / "gradmeter", ignore=ignored)
        (tmp_path / ".gitignore").write_text(".venv\n")
    (tmp_path / "theirs.txt").write_text("theirs")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "theirs")
    head = git(tmp_path, "rev-parse", "HEAD")
    code = (
        "from gradmeter.bench.results import environment as e; f = e.describe(); "
        "print(e.__file__); "
        "print(repr((f.commit, f.dirty, f.repository_commit, f.repository_dirty, f.code)))"
    )
    (tmp_path / "theirs.txt").write_text("changed")
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    file, values = done.stdout.splitlines()
    assert Path(file).is_relative_to(path)
    commit, dirty, theirs, changed, words = eval(values)
    assert (commit, dirty, theirs, changed) == (None, None, head, True)
    assert words == (
        f"gradmeter {metadata.version('gradmeter')}, in a repository at commit {head[:12]}, "
        "with changes"
    )


def test_no_version_is_called_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    found = environment.describe()
    assert found.code == f"gradmeter {found.gradmeter}"
