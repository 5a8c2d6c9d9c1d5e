"""The engine at git revisions, in real repositories, which stay as they were."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from gradmeter.bench.cases.revisions import checked_out, our_engine
from gradmeter.bench.cases.stale import remove_stale_folders
from gradmeter.bench.errors import UsageError

from ...thorough import repeated
from ..command import GRADMETER, PATIENCE, gradmeter, process

ENGINE = Path(__file__).resolve().parents[3] / "engine"
# The least that is still a comparison: of memory, since one set says nothing of time.
QUICK = (
    "--size", "16", "--budget", "0", "--sets", "1", "--min-rounds", "1", "--seconds", "0",
)  # fmt: skip


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path):
    """A repository with an engine: v1, and main, which keeps an array more in each square."""
    folder = tmp_path / "a repository"
    folder.mkdir()
    shutil.copytree(ENGINE, folder / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".gitignore").write_text("__pycache__\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    git(folder, "tag", "v1")
    path = folder / "engine" / "operations.py"
    text = path.read_text()
    start = text.index("class Square(")
    at = text.index("return ", start)
    line = text[text.rindex("\n", 0, at) + 1 : at]
    path.write_text(text[:at] + "self.wasted = x.copy()\n" + line + text[at:])
    git(folder, "commit", "-qam", "two")
    return folder


def state(folder):
    """What must not change: files, the index, references, worktrees."""
    files = {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and ".git/" not in str(p.relative_to(folder)) + "/"
    }
    return (
        files,
        git(folder, "status", "--porcelain"),
        git(folder, "worktree", "list"),
        (
            (folder / ".git" / "index").read_bytes(),
            git(folder, "for-each-ref"),
            git(folder, "stash", "list"),
            sorted(os.listdir(folder / ".git")),
        ),
    )


def leftovers(temporary):
    return [p for p in Path(temporary).iterdir() if p.name.startswith("gradmeter-")]


def compared(repository, tmp_path, *arguments):
    temporary = tmp_path / "temporary"
    temporary.mkdir(exist_ok=True)
    done = gradmeter(
        "compare", *arguments, *QUICK, "--out", tmp_path / "out",
        cwd=repository, env={"TMPDIR": str(temporary)},
    )  # fmt: skip
    assert leftovers(temporary) == []
    return done


def test_two_revisions_differ_by_what_was_changed_and_nothing_else_does(repository, tmp_path):
    (repository / "untracked").write_text("mine")
    (repository / "engine" / "config.py").write_bytes(
        (repository / "engine" / "config.py").read_bytes() + b"# mine too\n"
    )
    git(repository, "add", "untracked")
    before = state(repository)
    done = compared(
        repository, tmp_path, "--rev", "v1", "--rev", "main", "--fail-on", "peak>0", "-v"
    )
    assert done.returncode == 1, done.stderr
    assert state(repository) == before
    words = " ".join(done.stdout.split())
    assert "engine@main on squares-3 x 16: peak" in words
    assert "gate failed: peak>0: squares-3 x 16 engine@main" in words
    assert "(+3.00 arrays" in words
    assert "engine@v1" in words


def test_one_revision_is_compared_with_the_files_as_they_lie_there(repository, tmp_path):
    same = compared(repository, tmp_path, "--rev", "HEAD", "--fail-on", "peak>0", "-v")
    assert same.returncode == 0, same.stderr
    assert "engine@working-tree on squares-3 x 16: the same memory to the byte" in " ".join(
        same.stdout.split()
    )
    git(repository, "checkout", "v1", "--", "engine")  # staged, not committed
    (repository / "engine" / "new.py").write_text("raise RuntimeError('never imported')\n")
    before = state(repository)
    dirty = compared(repository, tmp_path, "--rev", "main", "--fail-on", "peak>0", "-v")
    assert dirty.returncode == 0, dirty.stderr
    assert "with uncommitted changes" in " ".join(dirty.stdout.split())
    assert "(-3.00 arrays)" in dirty.stdout
    assert state(repository) == before


def test_a_revision_against_itself_and_variants_of_two(repository, tmp_path):
    done = compared(
        repository, tmp_path, "--rev", "v1", "--rev", "v1", "engine:retain_grad=on", "--markdown"
    )
    assert done.returncode == 0, done.stderr
    # A label is no mention of somebody where it is posted as a comment.
    assert "engine@&#8203;v1" in done.stdout
    assert "1 equal" in done.stdout


@pytest.mark.parametrize(
    ("revisions", "says"),
    [
        (["nowhere"], "no revision 'nowhere'"),
        (["v1", "nowhere"], "no revision 'nowhere'"),
        (["--help"], "is no revision"),
        ([""], "no revision ''"),
    ],
)
def test_revisions_that_do_not_exist_are_refused_in_a_sentence(
    repository, tmp_path, revisions, says
):
    before = state(repository)
    done = compared(repository, tmp_path, *[f"--rev={name}" for name in revisions])
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert state(repository) == before
    assert not (tmp_path / "out").exists()


def test_outside_of_a_repository_it_is_refused(tmp_path):
    done = gradmeter("compare", "--rev", "main", cwd=tmp_path)
    assert done.returncode == 2
    assert "no git repository" in done.stderr


def test_a_revision_without_an_engine_is_refused(repository, tmp_path):
    git(repository, "rm", "-rq", "engine")
    git(repository, "commit", "-qm", "three")
    done = compared(repository, tmp_path, "--rev", "v1", "--rev", "main")
    assert done.returncode == 2
    assert "no package engine" in done.stderr
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_a_worktree_that_cannot_be_made_is_refused(repository, tmp_path):
    (repository / ".git" / "worktrees").write_text("in the way")
    done = compared(repository, tmp_path, "--rev", "v1")
    assert done.returncode == 2
    assert "git cannot make a worktree of v1" in done.stderr


def test_an_engine_that_does_not_import_loses_its_own_cases_only(repository, tmp_path):
    (repository / "engine" / "__init__.py").write_text("import no_such_module\n")
    git(repository, "commit", "-qam", "broken")
    done = compared(repository, tmp_path, "--rev", "v1", "--rev", "main")
    assert done.returncode == 3
    words = " ".join(done.stdout.split())
    assert (
        "this engine does not import (ModuleNotFoundError: No module named 'no_such_module')"
        in (words)
    )
    assert "nothing to compare" in words or "not measured" in words


def test_an_engine_that_lacks_a_setting_says_so(repository, tmp_path):
    path = repository / "engine" / "settings.py"
    path.write_text(path.read_text().replace("retain_grad", "keep_grad"))
    for other in ("backward.py", "variable.py", "__init__.py", "function.py"):
        one = repository / "engine" / other
        one.write_text(one.read_text().replace("current().retain_grad", "current().keep_grad"))
    git(repository, "commit", "-qam", "renamed")
    done = compared(repository, tmp_path, "--rev", "v1", "--rev", "main", "engine:retain_grad=on")
    assert done.returncode == 3
    assert "this engine has no setting retain_grad" in " ".join(done.stdout.split())


@pytest.mark.parametrize("how", repeated([signal.SIGTERM], [signal.SIGINT, signal.SIGHUP]))
def test_interrupted_it_leaves_nothing_behind(repository, tmp_path, how):
    before = state(repository)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with process(
        GRADMETER, "compare", "--rev", "v1", "--size", 16, "--out", tmp_path / "out",
        cwd=repository, env={"TMPDIR": str(temporary)}, start_new_session=True,
    ) as command:  # fmt: skip
        command.stderr.readline()
        time.sleep(1)
        os.killpg(command.pid, how)  # as a terminal does
        command.communicate(timeout=PATIENCE)
    assert command.returncode == 130
    assert leftovers(temporary) == []
    assert state(repository) == before


@pytest.fixture
def killed(repository, tmp_path, monkeypatch):
    """The folder of a comparison that was killed while its worktree was registered."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with process(
        GRADMETER, "compare", "--rev", "v1", "--size", 16, "--out", tmp_path / "out",
        cwd=repository, stdout=None, start_new_session=True,
    ) as command:  # fmt: skip
        command.stderr.readline()
        command.kill()
    return temporary


def worktrees(repository) -> int:
    return len(git(repository, "worktree", "list").splitlines())


@pytest.mark.parametrize("lost", [False, True], ids=["folder there", "folder gone"])
def test_what_a_killed_comparison_leaves_the_next_one_removes(repository, killed, lost, tmp_path):
    assert worktrees(repository) == 2
    if lost:  # as after a restart
        shutil.rmtree(killed)
        killed.mkdir()
    mine = tmp_path / "gradmeter-mine" / "0"  # the user's own worktree, wherever it lies
    git(repository, "worktree", "add", "-q", str(mine), "v1")
    shutil.rmtree(mine.parent)
    with checked_out(["v1"], repository):
        assert worktrees(repository) == 3
    assert worktrees(repository) == 2
    assert leftovers(killed) == []


def test_a_run_anywhere_removes_what_a_killed_comparison_left(repository, killed, tmp_path):
    with checked_out(["v1"], repository) as (alive,):
        remove_stale_folders()
        assert alive.path.is_dir()
        assert worktrees(repository) == 2
    assert leftovers(killed) == []
    assert worktrees(repository) == 1


def test_a_stale_folder_whose_repository_is_gone_is_removed(repository, killed):
    shutil.rmtree(repository)
    remove_stale_folders()
    assert leftovers(killed) == []


def test_checked_out_while_the_block_lasts(repository):
    with checked_out(["v1", None], repository / "engine") as (one, tree):
        assert (one.path / "engine" / "__init__.py").is_file()
        assert not one.path.is_relative_to(repository)
        assert not tree.path.is_relative_to(repository)
        assert (one.label, tree.label) == ("v1", "working-tree")
        (one.path / "rubbish").write_text("left by a program")
    assert not one.path.exists()
    assert not tree.path.exists()
    with pytest.raises(UsageError, match="nothing here"), checked_out(["v1"], repository):
        raise UsageError("nothing here")
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_what_a_revision_lacks_is_not_taken_from_the_installed_engine(repository, tmp_path):
    git(repository, "rm", "-q", "engine/gradient.py")
    git(repository, "commit", "-qm", "lost")
    done = compared(repository, tmp_path, "--rev", "v1", "--rev", "main", "--fail-on", "peak>0")
    assert done.returncode == 3
    assert "No module named 'gradmeter.engine.gradient'" in " ".join(done.stdout.split())


def test_a_baseline_that_does_not_import_costs_its_own_cases_only(repository, tmp_path):
    (repository / "engine" / "__init__.py").write_text("raise RuntimeError('broken')\n")
    git(repository, "commit", "-qam", "broken")
    done = compared(repository, tmp_path, "--rev", "main", "--rev", "v1")
    assert done.returncode == 3
    assert "self-test failed" not in done.stdout
    assert "squares-3 4 3 " in " ".join(done.stdout.split())  # what v1 takes, in arrays


def test_odd_file_names_and_searched_revisions(repository, tmp_path):
    (repository / os.fsdecode(b"odd\xff.txt")).write_text("")
    done = compared(repository, tmp_path, "--rev", ":/two")
    assert done.returncode == 0, done.stderr


def test_the_working_tree_is_copied_as_far_as_it_is_measured(repository, tmp_path):
    (repository / "data.bin").write_bytes(b"x" * 1000)
    (repository / "engine" / "table.npy").write_bytes(b"table")
    (repository / "beside.py").write_text("")
    (repository / "engine" / "linked.py").symlink_to("operations.py")
    outside = tmp_path / "outside.py"
    outside.write_text("OUTSIDE = 1\n")
    (repository / "engine" / "outside.py").symlink_to(outside)
    (repository / "gradmeter").mkdir()
    (repository / "gradmeter" / "engine").symlink_to("../engine")
    with our_engine([None], repository) as (revision,):
        names = {str(p.relative_to(revision.path)) for p in revision.path.rglob("*")}
        assert "data.bin" not in names
        assert {"engine/table.npy", "beside.py", "gradmeter/engine"} <= names
        assert (revision.path / "engine" / "linked.py").is_symlink()
        assert (revision.path / "engine" / "outside.py").read_text() == "OUTSIDE = 1\n"
        copy, original = (top / "engine" / "operations.py" for top in (revision.path, repository))
        text = copy.read_text()
        assert text == original.read_text()
        with original.open("r+") as file:  # an editor that writes in place
            file.write("changed")
        assert copy.read_text() == text
