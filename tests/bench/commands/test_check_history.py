"""`gradmeter check` against a history, and `accept` of a run, in real repositories."""

from __future__ import annotations

import json
import shutil

import msgspec
import pytest

from gradmeter.bench.history import store
from gradmeter.bench.results.run import Failure

from ..command import gradmeter
from ..history.histories import GROUNDS, THERE, recording
from ..repositories import git, repository, write
from ..run_files import MB, case, ordinary, strong
from .test_history import commits, made_at, peaked

STORE = ("--store", "branch:gradmeter-history")
AGAINST = ("--against", "branch:gradmeter-history")


def commit(folder, text: str) -> str:
    write(folder, {"a.py": text})
    git(folder, "commit", "--quiet", "--all", "--message", text)
    return git(folder, "rev-parse", "HEAD").strip()


def measured(folder, commit: str, peak: int, *others, **changes):
    """The file of a run at a commit, of one case with a peak and others."""
    return made_at(folder.parent, commit, peaked(peak * MB, 10), *others, **changes)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A remote and a clone; of its four commits the first and third are recorded, 40 and 44 MB."""
    top = tmp_path_factory.mktemp("recorded")
    files = [{"a.py": f"{number}"} for number in range(4)]
    start = repository(top / "start", *files)
    git(top, "clone", "--quiet", "--bare", str(start), "remote.git")
    git(top, "clone", "--quiet", (top / "remote.git").as_uri(), "project")
    folder = top / "project"
    for number, peak in ((0, 40), (2, 44)):
        path = measured(folder, commits(folder)[number], peak, strong())
        done = gradmeter("record", path, *STORE, "--push", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert "in gradmeter-history:" in done.stdout
        assert done.stdout.endswith(", pushed\n")
    return top


@pytest.fixture
def project(recorded, tmp_path):
    """A copy of the clone, whose remote is one of the remote."""
    for name in ("remote.git", "project"):
        shutil.copytree(recorded / name, tmp_path / name, symlinks=True)
    folder = tmp_path / "project"
    git(folder, "remote", "set-url", "origin", (tmp_path / "remote.git").as_uri())
    return folder


@pytest.fixture
def topic(project):
    """A branch of one commit from main's last; its commit."""
    git(project, "checkout", "--quiet", "-b", "topic")
    return commit(project, "topic")


def check(folder, path, *options, against=AGAINST):
    return gradmeter("check", path, *against, *options, cwd=folder)


def test_a_pull_request_is_held_against_the_newest_recorded_ancestor(project, topic):
    ids = commits(project)
    done = check(project, measured(project, topic, 44, strong()), "--base", "origin/main")
    assert (done.returncode, done.stderr) == (0, "")
    day = git(project, "log", "-1", "--format=%as", ids[2]).strip()
    assert done.stdout.splitlines() == [
        f'compared with commit {ids[2][:12]}, "commit 2", n, {day}',
        "1 commit after it has no figures, so a difference may be of that: gradmeter fill "
        f"{ids[2][:12]}..{ids[3][:12]}",
        f"passed: peak>0 held>0 cycle>0; 2 cases compared with commit {ids[2][:12]}",
    ]
    more = measured(project, topic, 52, strong())
    done = check(project, more, "--base", "origin/main", "--markdown")
    assert done.returncode == 1
    title, verdict, *rest = done.stdout.split("\n\n")
    assert title == "## Memory gate"
    assert verdict.startswith("**FAILED: 1 breach of")
    assert "44,000,000 B" in rest[0]
    assert "\n  - +8.0 MB at engine.py:10" in rest[0]
    assert "gradmeter accept" in rest[0]
    assert "--push" in rest[0]
    assert check(project, more, "--fail-on", "peak<=24MB").returncode == 1
    assert check(project, more, "--fail-on", "peak>1GB").returncode == 0


def test_ancestors_are_those_of_the_base_and_never_the_run_s_own_commit(project, topic):
    ids = commits(project)
    own = measured(project, topic, 60, strong())
    git(project, "checkout", "--quiet", "--detach", topic)
    assert gradmeter("record", own, *STORE, cwd=project).returncode == 0
    assert f"with commit {ids[2][:12]}" in check(project, own).stdout
    last = commit(project, "more")
    after = measured(project, last, 60, strong())
    assert f"with commit {topic[:12]}" in check(project, after).stdout
    done = check(project, after, "--base", "main")
    assert (done.returncode, f"with commit {ids[2][:12]}" in done.stdout) == (1, True)
    dirty = measured(project, last, 60, strong(), repository_dirty=True)
    assert f"with commit {topic[:12]}" in check(project, dirty).stdout
    after = measured(project, last, 60, strong())
    assert gradmeter("record", after, *STORE, cwd=project).returncode == 0
    done = check(project, measured(project, last, 60, strong(), repository_dirty=True))
    assert f"with commit {last[:12]}" in done.stdout, "what changed since the last commit"
    assert f"the run is of files that differ from its commit {last[:12]}" in done.stdout


def test_a_test_merge_is_held_against_its_base_and_not_what_its_branch_recorded(project, topic):
    """GitHub measures the merge of a pull request, with a detached HEAD."""
    ids = commits(project, "main")
    git(project, "checkout", "--quiet", "--detach", "origin/main")
    git(project, "merge", "--quiet", "--no-ff", "--message", "merge", topic)
    merge = git(project, "rev-parse", "HEAD").strip()
    path = measured(project, topic, 60)
    assert gradmeter("record", path, *STORE, cwd=project).returncode == 0
    for base in ([], ["--base", "origin/main"]):
        done = check(project, measured(project, merge, 52, strong()), *base)
        assert done.returncode == 1
        assert f"with commit {ids[2][:12]}" in done.stdout


def test_where_first_parents_have_no_figures_other_ancestors_count(project):
    git(project, "checkout", "--quiet", "--orphan", "other")
    commit(project, "other")
    git(project, "merge", "--quiet", "--allow-unrelated-histories", "-X", "ours", "origin/main")
    last = commit(project, "after")
    done = check(project, measured(project, last, 44, strong()))
    (ids,) = [commits(project, "origin/main")]
    assert f"with commit {ids[2][:12]}" in done.stdout, done.stderr


def test_cases_that_another_job_recorded_and_those_of_older_commits(project, topic):
    """A case that the newest commit lacks is held against the last commit that has it."""
    ids = commits(project)
    first = measured(project, ids[0], 40, ordinary("t.py::test_it"))
    assert gradmeter("record", first, *STORE, cwd=project).returncode == 0
    grown = ordinary("t.py::test_it", allocations=[case().allocations[0]] * 2)
    done = check(project, measured(project, topic, 44, strong(), grown), "--fail-on", "vanished")
    assert (
        f"t.py::test_it: not recorded there, so compared with an older commit, {ids[0][:12]}"
        in (done.stdout)
    )
    assert "3 cases compared" in done.stdout
    broken = case(failure=Failure(stage="build", kind="exception", message="no"), allocations=[])
    done = check(project, made_at(project.parent, topic, broken, strong()))
    assert done.returncode == 3
    assert "not judged: squares-3 x 1,000,000 engine: build: no" in done.stdout
    done = check(
        project, made_at(project.parent, topic, peaked(44 * MB, 3)), "--fail-on", "vanished"
    )
    assert (done.returncode, "1 breach of vanished" in done.stdout) == (1, True)
    done = check(
        project, measured(project, topic, 44, strong(), ordinary("new")), "--fail-on", "new"
    )
    assert (done.returncode, "1 breach of new" in done.stdout) == (1, True)


def test_renamed_tests_are_followed(project, topic):
    ids = commits(project)
    old = {("t.py::old", 0, ""): {"peak": 40 * MB, "held": 0, "cycle": 0}}
    store.add(project / "h", [recording(ids[0], old)])
    path = made_at(project.parent, topic, ordinary("t.py::new"))
    places = ("--against", "h")
    assert "new, not in the baseline: t.py::new" in check(project, path, against=places).stdout
    done = check(project, path, "--renamed", "t.py::old=t.py::new", against=places)
    assert "good news, less than before: t.py::new" in done.stdout, done.stderr


def test_other_environments_are_told_and_only_array_data_is_compared(project, topic):
    ids = commits(project)
    key = ("t.py::test", 0, "")
    figures = {"peak": 1, "held": 1, "cycle": 0, "forward": 0, "backward": 0, "dropped": 0}
    there = {key: {**figures, "python_peak": 5}}
    store.add(project / "h", [recording(ids[2], there, ground=GROUNDS[1], versions=THERE)])
    path = made_at(project.parent, topic, ordinary("t.py::test"))
    done = check(project, path, "--fail-on", "peak>0", against=("--against", "h"))
    assert (done.returncode, "peak 1 B -> 3,000,000 B" in done.stdout) == (1, True)
    assert "recorded with cpython 3.13.1, NumPy 2.5.0" in done.stdout
    assert "array data is compared all the same" in done.stdout
    assert "environments differ" not in done.stdout
    third = msgspec.structs.replace(THERE, python="cpython 3.14.0")
    other = recording(ids[2], {key: {**figures, "peak": 2}}, versions=third)
    store.add(project / "h", [other])
    done = check(project, path, against=("--against", "h"))
    assert "t.py::test: environments differ in array data at that commit" in done.stdout


def test_what_is_accepted_before_it_is_merged_passes_and_is_an_accepted_step_then(project, topic):
    path = measured(project, topic, 52, strong())
    words = ("--because", "a cache", *STORE, "--push")
    done = gradmeter("accept", path, *words, cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"accepted: {path}, 2 figures, in gradmeter-history:")
    done = check(project, path)
    assert done.returncode == 0
    assert "\naccepted " in done.stdout
    assert ": a cache: squares-3 x 1,000,000 engine" in done.stdout
    assert done.stdout.endswith("1 breach accepted\n")
    more = measured(project, topic, 53, strong())
    assert check(project, more).returncode == 1, "more than was accepted"
    assert check(project, more, "--fail-on", "peak<=24MB").returncode == 1
    # Merged as another commit, as by a squash.
    git(project, "checkout", "--quiet", "main")
    squashed = commit(project, "squashed")
    path = measured(project, squashed, 52, strong())
    assert check(project, path).returncode == 0
    assert gradmeter("record", path, *STORE, cwd=project).returncode == 0
    (_, step) = json.loads(gradmeter("steps", *STORE, "--json", cwd=project).stdout)["steps"]
    assert (step["status"], step["commit"]) == ("accepted", squashed)
    # Undone, and once more: nobody accepted that.
    undone = measured(project, commit(project, "undone"), 44, strong())
    assert gradmeter("record", undone, *STORE, cwd=project).returncode == 0
    again = measured(project, commit(project, "again"), 52, strong())
    assert check(project, again).returncode == 1
    assert gradmeter("record", again, *STORE, cwd=project).returncode == 0
    steps = json.loads(gradmeter("steps", *STORE, "--json", cwd=project).stdout)["steps"]
    assert [step["status"] for step in steps[-3:]] == ["undone", "undone", "open"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["accept", "RUN", "--because", " "], "--because is empty"),
        (["accept", "SAME", "--because", "b"], "nothing to accept in the run: it has no more than"),
        (["accept", "RUN", "--because", "b", "--store", "none"], "run: no ancestor is recorded"),
        (["accept", "0123456", "--because", "b", "--base", "main"], "--base is for a run"),
        (["accept", "RUN", "--because", "b", "--store", "h", "--push"], "and h is a folder; give"),
        (["record", "RUN", "--store", "h", "--push"], "--push pushes a branch, and h is a folder"),
        (["check", "RUN", "--against", "b.json", "--base", "main"], "--base and --renamed are for"),
        (["check", "RUN", *AGAINST, "--base", "none"], "there is no revision 'none'"),
    ],
)
def test_a_wrong_call_is_refused_with_a_sentence(project, topic, words, why):
    paths = {
        "RUN": measured(project, topic, 52, strong()),
        "SAME": made_at(project, topic, peaked(44 * MB, 10), strong()),
    }
    if "--store" not in words and words[0] == "accept":
        words = [*words, *STORE]
    done = gradmeter(*[paths.get(word, word) for word in words], cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_recorded_ancestor_it_passes_and_says_so(project, topic):
    path = measured(project, topic, 52, strong())
    for place in ("branch:none", "none"):
        done = check(project, path, against=("--against", place))
        assert (done.returncode, done.stderr) == (0, "")
        push = " --push" * place.startswith("branch:")
        assert done.stdout.splitlines()[-1] == (
            f"nothing was judged: no ancestor is recorded in {place}: it is empty; record a run of "
            f"the base branch: gradmeter record {path} --store {place}{push}"
        )
        budget = check(project, path, "--fail-on", "peak<=1GB", against=("--against", place))
        assert budget.stdout.splitlines()[-1] == "passed: peak<=1GB; 2 cases judged"
    git(project, "checkout", "--quiet", "--orphan", "other")
    done = check(project, measured(project, commit(project, "other"), 52))
    assert (done.returncode, "none of its 2 commits is one" in done.stdout) == (0, True)
    assert "passed" not in done.stdout


def test_a_shallow_clone_is_refused_unless_it_has_a_recorded_ancestor(project, topic):
    git(project, "push", "--quiet", "origin", "topic")
    url = (project.parent / "remote.git").as_uri()
    for depth, why in ((1, "no recorded ancestor is in this clone, which is shallow"), (5, "")):
        name = f"shallow-{depth}"
        options = ("--no-single-branch", "--branch", "topic", f"--depth={depth}")
        git(project.parent, "clone", "--quiet", *options, url, name)
        path = measured(project, topic, 44, strong())
        done = check(project.parent / name, path)
        assert done.returncode == (2 if why else 0), done.stderr
        assert why in done.stderr
        assert ("fetch-depth: 0" in done.stderr) == bool(why)
    done = check(project.parent / "shallow-1", path, "--base", "origin/main")
    assert (done.returncode, "have no commit in common; this clone is shallow" in done.stderr) == (
        2,
        True,
    )


def test_the_run_of_a_commit_that_this_repository_lacks_is_refused(project):
    path = measured(project, "0123456789" * 4, 40)
    done = check(project, path)
    assert (done.returncode, "there is no revision '0123456789" in done.stderr) == (2, True)
    path = made_at(project.parent, "b" * 40, peaked(40 * MB, 1), repository_commit=None)
    done = check(project, path)
    assert (done.returncode, "does not say which commit it is of" in done.stderr) == (2, True)


def test_every_command_that_reads_a_history_reads_it_from_the_branch(project, tmp_path):
    shown = gradmeter("steps", *STORE, cwd=project).stdout
    assert shown.splitlines()[-1] == "1 step in 4 commits, 2 of them recorded: 1 open"
    done = gradmeter("publish", tmp_path / "site", *STORE, cwd=project)
    assert (done.returncode, "written: " in done.stdout) == (0, True), done.stderr
