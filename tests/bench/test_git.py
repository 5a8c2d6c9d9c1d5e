"""Why git does not answer is said in a sentence, with what to do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gradmeter.bench import git
from gradmeter.bench.errors import UsageError


def run(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    permission = ["-c", "protocol.file.allow=always"]
    subprocess.run(
        ["git", *identity, *permission, *words], cwd=folder, check=True, capture_output=True
    )


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    run(folder, "init", "-q")
    (folder / "file").write_text("text")
    run(folder, "add", "-A")
    run(folder, "commit", "-qm", "one")
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(UsageError) as error:
        git.top(folder)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_the_top_is_that_of_the_working_tree(repository):
    inner = repository / "a folder"
    inner.mkdir()
    assert git.top(inner) == repository


def test_a_folder_outside_of_any(tmp_path):
    assert f"{tmp_path} is in no git repository" in refused(tmp_path)


def test_git_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert refused(tmp_path) == "git is not installed; --rev needs it"


def test_a_repository_of_another_user(tmp_path, monkeypatch):
    words = (
        "fatal: detected dubious ownership in repository at '/theirs'\n"
        "To add an exception for this directory, call:\n\n"
        "\tgit config --global --add safe.directory /theirs"
    )
    (tmp_path / "git").write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{words}\nEND\nexit 128\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    message = refused(tmp_path)
    assert "belongs to another user" in message
    assert message.endswith("git config --global --add safe.directory /theirs")
    assert "is in no git repository" not in message


def test_a_bare_repository(tmp_path):
    run(tmp_path, "init", "-q", "--bare", "bare")
    assert "bare repository" in refused(tmp_path / "bare")


@pytest.mark.parametrize("content", ["gitdir: /nowhere/at/all\n", "nonsense\n"])
def test_a_git_file_that_leads_nowhere(tmp_path, content):
    (tmp_path / ".git").write_text(content)
    message = refused(tmp_path)
    assert "is broken" in message
    assert "is in no git repository" not in message


def test_a_submodule_and_a_shallow_clone_have_tops_of_their_own(repository, tmp_path):
    outer = tmp_path / "outer"
    outer.mkdir()
    run(outer, "init", "-q")
    run(outer, "submodule", "add", "-q", str(repository), "inner")
    assert git.top(outer / "inner") == outer / "inner"
    run(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    assert git.top(tmp_path / "shallow") == tmp_path / "shallow"
    assert git.head(tmp_path / "shallow") == git.head(repository)


def test_a_head_says_whether_what_is_tracked_was_changed(repository):
    commit, dirty = git.head(repository)
    assert commit is not None
    assert dirty is False
    (repository / "new").write_text("")
    assert git.head(repository) == (commit, False)
    assert git.head(repository, ":/new") == (commit, True)
    (repository / "file").write_text("changed")
    assert git.head(repository) == (commit, True)


def test_variables_of_a_hook_lead_to_no_other_repository(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert git.top(repository) == repository
