"""The workflows to copy, run in a repository that is not this one, with a remote."""

from __future__ import annotations

import json

import pytest

from . import throwaway
from .command import gradmeter
from .repositories import git, repository, write
from .workflows import Runner, load

CODE = "import numpy as np\ndef call(n): return np.ones({} * n)\n"
SUITE = {"benchmarks/test_it.py": "import pkg\ndef test_it(benchmark): benchmark(pkg.call, 1000)\n"}
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "pkg"
version = "1"
dependencies = ["numpy"]
"""


# What keeps a comparison short. A gate on time takes eight sets, which are few where the code is
# the same.
FEW = "--markdown --sets 8 --most-sets 8 --budget 0 --min-rounds 1"
FEWEST = "--markdown --sets 1 --most-sets 1 --budget 0 --min-rounds 1"


def compared(job, tmp_path, *replaced):
    """Run a job of a pull request to the branch old, by its gate on bytes alone, then to main.

    Yields the branch, the last step, and the summary of that one.
    """
    known = {"event_name": "pull_request", "ref": "refs/heads/main"}
    runner = Runner(tmp_path / "runner", tmp_path / "remote.git", known)
    text = ""
    for base, options in (
        ("old", (("--fail-on 'time>5%' ", ""), ("--markdown", FEWEST))),
        ("main", (("--markdown", FEW),)),
    ):
        runner.github = {**known, "base_ref": base}
        runner.replaced = (*options, *replaced)
        done = runner.run(load("compare-to-copy.yml"), job, "clone", again=base == "main")
        assert done is not None
        assert [process.returncode for process in done[:-1]] == [0] * (base == "old")
        assert runner.summary == text + done[-1].stdout
        text = runner.summary
        yield base, done[-1], done[-1].stdout


def published(top, *branches):
    """Make a bare repository of a repository, with a branch before its last commit."""
    git(top, "branch", "old", "main~1")
    git(top.parent, "clone", "--quiet", "--bare", str(top), "remote.git")


def test_the_job_of_a_suite_fails_for_a_gate_and_writes_its_summary(tmp_path):
    top = repository(
        tmp_path / "top",
        {"pyproject.toml": PROJECT, "src/pkg/__init__.py": CODE.format(1), **SUITE},
        {"src/pkg/__init__.py": CODE.format(2)},
    )
    published(top)
    for base, done, text in compared("suite", tmp_path):
        assert done.returncode == (base == "old"), done.stderr
        assert ("Gate failed: peak&#62;0" in text) == (base == "old")
        same = "## Nothing was compared: the same code ran on every side (1 call)"
        assert (same in text.splitlines()) == (base == "main")


TAPE = throwaway.adapter_of("tinytape").replace('name="mine"', 'name="tape"')
COPYING = throwaway.PACKAGE.replace(
    throwaway.START, f"{throwaway.START}    kept = x.data.copy()\n"
).replace("2 * g * x.data", "2 * g * kept")
WORKLOAD = """
import gradmeter

def inputs(size, generator):
    return {"x": generator.uniform(-1, 1, size)}

@gradmeter.workload(inputs)
def fourth_power(operations, x):
    "x to the fourth power"
    return operations.square(operations.square(x))
"""


def test_the_job_of_an_engine_compares_it_by_a_workload_of_its_own(tmp_path):
    top = repository(
        tmp_path / "top",
        {
            "pyproject.toml": PROJECT.replace("pkg", "tinytape"),
            "src/tinytape/__init__.py": throwaway.PACKAGE,
            "adapter.py": TAPE, "workload.py": WORKLOAD,
        },
        {"src/tinytape/__init__.py": COPYING},
    )  # fmt: skip
    published(top)
    own = (
        ("adapter.py mine", "adapter.py tape"),
        ("--workload squares-3", "--workload workload.py:fourth_power --size 1000"),
    )
    for base, done, text in compared("engine", tmp_path, *own):
        assert done.returncode == (base == "old"), done.stdout + done.stderr
        assert "fourth" in text
        assert ("Gate failed: peak&#62;0" in text) == (base == "old")


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A repository of one commit, recorded by the job of its push; its folder."""
    folder = tmp_path_factory.mktemp("history")
    files = {"pyproject.toml": PROJECT, "src/pkg/__init__.py": CODE.format(1), **SUITE}
    top = repository(folder / "top", files)
    git(folder, "clone", "--quiet", "--bare", str(top), "remote.git")
    git(top, "remote", "add", "origin", (folder / "remote.git").as_uri())
    runner = push(folder, "push")
    assert runner.run(load("workflow-to-copy.yml"), "check", "none") is None
    done = runner.run(load("workflow-to-copy.yml"), "record", "clone")
    assert [each.returncode for each in done] == [0, 0, 0], done[-1].stdout + done[-1].stderr
    assert "recorded: 1 case at commit" in done[-1].stdout
    git(top, "fetch", "--quiet")
    return folder


def push(folder, name):
    known = {"event_name": "push", "ref": "refs/heads/main"}
    return Runner(folder / name, folder / "remote.git", known)


def pull(folder, number, files, fork=False):
    """Open a pull request, as GitHub does with a merge of it; return a runner for it."""
    top = folder / "top"
    git(top, "checkout", "--quiet", "-B", f"topic-{number}", "main")
    write(top, files)
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", "topic")
    git(top, "checkout", "--quiet", "--detach", "main")
    git(top, "merge", "--quiet", "--no-ff", "--message", "merge", f"topic-{number}")
    git(top, "push", "--quiet", "origin", f"HEAD:refs/pull/{number}/merge")
    git(top, "checkout", "--quiet", "main")
    known = {
        "event_name": "pull_request",
        "ref": f"refs/pull/{number}/merge",
        "base_ref": "main",
        "token": "t",
        "repository": "a/project",
        "event.number": number,
        "event.pull_request.head.repo.full_name": "b/project" if fork else "a/project",
    }
    return Runner(folder / f"pull-{number}", folder / "remote.git", known)


def test_a_push_records_on_a_branch_of_its_own(project):
    store = ("--store", "branch:gradmeter-history")
    found = json.loads(gradmeter("steps", *store, "--json", cwd=project / "top").stdout)
    assert (found["commits"], found["recorded"]) == (1, 1)
    assert git(project / "remote.git", "log", "--format=%an", "gradmeter-history") == (
        "gradmeter\n"
    )


def test_a_pull_request_that_takes_more_fails_with_a_comment_of_where(project):
    runner = pull(project, 7, {"src/pkg/__init__.py": CODE.format(2)})
    assert runner.run(load("workflow-to-copy.yml"), "record", "none") is None
    done = runner.run(load("workflow-to-copy.yml"), "check", "clone")
    assert [each.returncode for each in done] == [0, 0, 1, 0], done[-2].stderr
    call, comment = runner.comments.split("\n", 1)
    assert call == "pr comment 7 --edit-last --create-if-none --body-file comment.md"
    assert comment == runner.summary == done[2].stdout
    assert comment.startswith("## Memory gate\n\n**FAILED: 2 breaches of peak")
    assert "\n  - peak 8,016 B -&#62; 16,016 B: +8,000 B" in comment
    assert "\n  - +8,000 B at " in comment
    main = git(project / "top", "rev-parse", "main")[:12]
    assert f"compared with commit {main}" in comment
    words = ("accept", project / "pull-7/clone/reports/latest", "--because", "it is a cache")
    store = ("--store", "branch:gradmeter-history", "--push")
    accepted = gradmeter(*words, *store, cwd=project / "top")
    assert accepted.returncode == 0, accepted.stderr
    again = pull(project, 8, {"src/pkg/__init__.py": CODE.format(2)})
    done = again.run(load("workflow-to-copy.yml"), "check", "clone")
    assert [each.returncode for each in done] == [0, 0, 0, 0]
    assert "it is a cache" in again.comments


def test_a_pull_request_of_a_fork_has_its_summary_alone(project):
    runner = pull(project, 9, {"README.md": "the project"}, fork=True)
    done = runner.run(load("workflow-to-copy.yml"), "check", "clone")
    assert [each.returncode for each in done] == [0, 0, 0], done[-1].stderr
    assert runner.comments == ""
    assert "passed: peak&#62;0" in runner.summary
