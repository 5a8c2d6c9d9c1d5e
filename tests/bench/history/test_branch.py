"""A store on a branch of its own, in real repositories with a remote."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.filling.additions import PAUSE, Additions, additions
from gradmeter.bench.history import branch, store
from gradmeter.bench.history.acceptance import Acceptance

from ..command import PATIENCE
from ..repositories import git, repository, write
from .histories import COMMITS, KEYS, recording

NAME = "gradmeter-history"


def at(number: int, peak: int = 1):
    return recording(COMMITS[number], {KEYS[0]: {"peak": peak}})


def commits(place) -> set[str]:
    return {each.head.commit for each in store.load(place).recordings}


@pytest.fixture
def remote(tmp_path):
    """A bare repository with one commit of code."""
    top = repository(tmp_path / "start", {"a.py": "1"})
    git(tmp_path, "clone", "--quiet", "--bare", str(top), "remote.git")
    return tmp_path / "remote.git"


def clone(remote, name: str, *options: str):
    """A clone of the remote, and the branch in it, to be pushed."""
    git(remote.parent, "clone", "--quiet", *options, remote.as_uri(), name)
    return branch.Branch(remote.parent / name, NAME, push=True)


def test_what_is_recorded_is_a_commit_of_an_orphan_branch_and_nothing_else_changes(remote):
    there = replace(clone(remote, "one"), push=False)
    write(there.top, {"a.py": "edited", "new.txt": "x"})
    git(there.top, "add", "new.txt")
    before = git(there.top, "status", "--porcelain")
    assert (branch.exists(there), commits(there)) == (False, set())
    written = store.add(there, [at(0)])
    assert [str(path).partition(COMMITS[0])[0] for path in written] == [f"{NAME}:"]
    store.add(there, [at(1), at(2)])
    store.add(there, [at(1)])
    assert branch.exists(there)
    assert commits(there) == {*COMMITS[:3]}
    told = git(there.top, "log", "--format=%s", NAME).splitlines()
    assert told == [f"Figures of {COMMITS[1][:12]} and 1 more", f"Figures of {COMMITS[0][:12]}"]
    assert len(git(there.top, "ls-tree", "-r", NAME).splitlines()) == 3
    assert git(there.top, "status", "--porcelain") == before
    assert git(remote, "branch", "--list", NAME) == "", "nothing is pushed unless asked"
    assert len(git(there.top, "worktree", "list").splitlines()) == 1


def test_jobs_push_what_they_add_now_and_then_and_at_the_end_even_of_an_interrupted_one(remote):
    one, two = clone(remote, "one"), clone(remote, "two")
    now = [0.0]
    first, second = Additions(one, lambda: now[0]), Additions(two, lambda: now[0])
    first.add(at(0))
    assert git(remote, "branch", "--list", NAME) == ""
    assert commits(one) == {COMMITS[0]}
    now[0] += PAUSE
    first.add(at(1))
    second.add(at(2))
    now[0] += PAUSE / 2
    second.add(at(3))
    assert commits(two) == {*COMMITS[:4]}  # it has fetched what the other pushed
    fresh = clone(remote, "fresh")
    assert commits(fresh) == {*COMMITS[:3]}
    second.push()

    def interrupted():
        with additions(one) as third:
            third.add(at(4))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    git(fresh.top, "fetch", "--quiet")
    assert commits(fresh) == {*COMMITS[:5]}


def test_clones_that_record_in_parallel_and_push_lose_nothing(remote):
    one, two, three = (clone(remote, name) for name in ("one", "two", "three"))
    store.add(replace(one, push=False), [at(0)])
    store.add(two, [at(1), at(0)])
    store.add(one, [at(2)])  # began apart: what it has is merged with what two pushed
    accepted = Acceptance(before="", after="a" * 40, because="b", by="c", when="", changes=())
    store.accept(three, accepted)
    assert commits(one) == {*COMMITS[:3]}
    git(two.top, "fetch", "--quiet")
    read = store.load(two)
    assert ({r.head.commit for r in read.recordings}, len(read.acceptances)) == ({*COMMITS[:3]}, 1)
    fresh = clone(remote, "fresh", "--depth=1", "--no-single-branch")
    assert commits(fresh) == {*COMMITS[:3]}


RECORDING = """
import sys
from pathlib import Path
from gradmeter.bench.history import branch, store
from tests.bench.history.test_branch import NAME, at
there = branch.Branch(Path(sys.argv[1]), NAME, push=True)
for number in map(int, sys.argv[2:]):
    store.add(there, [at(number)])
"""


def recorder(there, *numbers: int) -> subprocess.Popen[str]:
    """A process that records and pushes, one commit after the other."""
    words = [sys.executable, "-c", RECORDING, str(there.top), *map(str, numbers)]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)


def test_processes_that_push_at_the_same_time_lose_nothing(remote):
    """Two in one clone, one in another."""
    one, two = clone(remote, "one"), clone(remote, "two")
    processes = [
        recorder(there, *range(start, 6, 3)) for start, there in enumerate((one, one, two))
    ]
    for process in processes:
        _, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, told
    assert commits(clone(remote, "fresh")) == {*COMMITS[:6]}


def test_one_that_is_killed_at_any_moment_leaves_a_store_and_the_next_goes_on(remote):
    there = clone(remote, "one")
    for pause in (0.5, 0.9):
        process = recorder(there, *range(6))
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert commits(there) <= {*COMMITS[:6]}, "what is there can be read"
    for lock in (*remote.glob("refs/**/*.lock"), *there.top.glob(".git/refs/**/*.lock")):
        lock.unlink()  # of a git that was killed, too
    process = recorder(there, *range(6))
    assert process.communicate(timeout=PATIENCE)[1] == ""
    assert commits(clone(remote, "fresh")) == {*COMMITS[:6]}


def hook(remote, name: str, script: str) -> None:
    path = remote / "hooks" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_refused_push_is_told_kept_and_made_up_for(remote, monkeypatch):
    monkeypatch.setattr(branch, "_PAUSE", 0)
    there = clone(remote, "one")
    hook(remote, "pre-receive", "echo no rights >&2; exit 1")
    with pytest.raises(
        UsageError, match=r"origin refuses branch:gradmeter-history \(git: .*hook"
    ) as e:
        store.add(there, [at(0)])
    assert "permissions: contents: write" in str(e.value)
    assert "\n" not in str(e.value)
    assert commits(there) == {COMMITS[0]}
    (remote / "hooks/pre-receive").unlink()
    assert store.add(there, [at(0)]) == [], "it is recorded already, and pushed now"
    assert commits(clone(remote, "two")) == {COMMITS[0]}


def test_others_that_push_between_fetching_and_pushing_are_no_failure(remote, monkeypatch):
    """As often as it happens."""
    monkeypatch.setattr(branch, "_PAUSE", 0)
    one, other = clone(remote, "one"), clone(remote, "other")
    push, numbers = branch._push, iter(range(1, 6))

    def late(there, *rest):
        number = next(numbers, None)
        if there == one and number is not None:
            monkeypatch.setattr(branch, "_push", push)
            store.add(other, [at(number)])
            monkeypatch.setattr(branch, "_push", late)
        push(there, *rest)

    monkeypatch.setattr(branch, "_push", late)
    store.add(one, [at(0)])
    assert commits(clone(remote, "fresh")) == {*COMMITS[:6]}
    assert git(one.top, "log", "--merges", "--format=%H", f"origin/{NAME}") == ""


def test_a_remote_that_cannot_be_reached_and_none_at_all_are_told(remote, monkeypatch):
    monkeypatch.setattr(branch, "_PAUSE", 0)
    there = clone(remote, "one")
    git(there.top, "remote", "set-url", "origin", str(remote.parent / "gone"))
    with pytest.raises(UsageError, match=r"nothing was added to branch:.* of origin"):
        store.add(there, [at(0)])
    git(there.top, "remote", "remove", "origin")
    with pytest.raises(UsageError, match="one has no remote to push branch:"):
        store.add(there, [at(0)])
    store.add(replace(there, push=False), [at(0)])
    assert commits(there) == {COMMITS[0]}


def test_a_branch_that_was_removed_at_the_remote_begins_anew(remote):
    one, two = clone(remote, "one"), clone(remote, "two")
    store.add(one, [at(0)])
    git(two.top, "fetch", "--quiet")
    git(remote, "branch", "--quiet", "-D", NAME)
    store.add(two, [at(1)])
    assert commits(clone(remote, "fresh")) == {COMMITS[1]}


@pytest.mark.parametrize("name", ["", "a..b", "-x", "a b", "x.lock"])
def test_what_is_no_name_of_a_branch_is_refused(remote, name, monkeypatch):
    monkeypatch.chdir(remote.parent / "start")
    with pytest.raises(UsageError, match="is no name of a branch"):
        store.place(f"branch:{name}")
    assert store.place("branch:a/b").name == "a/b"


def test_a_branch_of_the_code_is_refused(remote):
    there = clone(remote, "one")
    git(there.top, "checkout", "--quiet", "-b", NAME)
    git(there.top, "checkout", "--quiet", "--detach")
    for use in (store.load, lambda place: store.add(place, [at(0)])):
        with pytest.raises(UsageError, match="has commits of HEAD, so it is no branch of its own"):
            use(there)
    assert git(remote, "branch", "--list", NAME) == ""


def test_a_branch_that_is_checked_out_is_refused_and_its_folder_taken(remote):
    there = clone(remote, "one")
    store.add(there, [at(0)])
    git(there.top, "worktree", "add", "--quiet", "../files", NAME)
    with pytest.raises(UsageError, match=r"is checked out in .*files; give --store "):
        store.add(there, [at(1)])
    assert commits(there.top.parent / "files") == commits(there) == {COMMITS[0]}


def test_other_files_of_the_branch_stay_and_settings_of_the_user_do_not_matter(remote):
    there = clone(remote, "one")
    store.add(there, [at(0)])
    git(there.top, "worktree", "add", "--quiet", "../files", f"origin/{NAME}", "--detach")
    files = there.top.parent / "files"
    write(files, {"README.md": "the history\n"})
    git(files, "add", "README.md")
    git(files, "commit", "--quiet", "--message", "a readme")
    git(files, "push", "--quiet", "origin", f"HEAD:{NAME}")
    for setting in ("core.autocrlf=true", "core.sparseCheckout=true", "commit.gpgSign=true"):
        git(there.top, "config", *setting.split("="))
    attributes = there.top.parent / "attributes"
    attributes.write_text("*.txt text eol=crlf\n")
    git(there.top, "config", "core.attributesFile", str(attributes))
    write(there.top, {".git/info/exclude": "*.txt\n"})
    hooks = there.top / ".git/hooks/pre-push"
    hooks.parent.mkdir(exist_ok=True)
    hooks.write_text("#!/bin/sh\nexit 1\n")
    hooks.chmod(0o755)
    store.add(there, [at(1)])
    assert commits(there) == {*COMMITS[:2]}
    assert "README.md" in git(remote, "ls-tree", "--name-only", NAME)
    assert commits(clone(remote, "fresh")) == {*COMMITS[:2]}


def test_a_file_that_both_changed_is_told(remote):
    def readme(there, text):
        def edit(folder):
            write(folder, {"README.md": text})
            return [folder / "README.md"]

        branch.change(there, edit, "readme")

    one, two = clone(remote, "one"), clone(remote, "two")
    readme(one, "1")
    readme(replace(two, push=False), "2")
    with pytest.raises(UsageError, match=r"git cannot merge branch:.*both changed the same"):
        readme(two, "3")


def test_a_cut_file_is_named_as_git_names_it(remote):
    there = replace(clone(remote, "one"), push=False)
    (path,) = store.add(there, [at(0)])
    name = str(path).partition(":")[2]

    def cut(folder):
        (folder / name).write_bytes((folder / name).read_bytes()[:-3])
        return [folder / name]

    branch.change(there, cut, "cut")
    with pytest.raises(UsageError, match=f"^{NAME}:{name} was cut short or edited"):
        store.load(there)


def test_a_machine_without_a_user_of_git_commits_as_gradmeter(remote, monkeypatch, tmp_path):
    there = replace(clone(remote, "one"), push=False)
    git(there.top, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    store.add(there, [at(0)])
    assert git(there.top, "log", "-1", "--format=%an", NAME).strip() == "gradmeter"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "A. Reader")
    git(there.top, "config", "user.name", "someone")
    git(there.top, "config", "user.email", "someone@example.org")
    store.add(there, [at(1)])
    assert git(there.top, "log", "-1", "--format=%an %cn", NAME).strip() == "A. Reader someone"
