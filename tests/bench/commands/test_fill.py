"""`gradmeter fill` and `bisect` in real repositories: a suite's calls, and an engine's cases."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from gradmeter.bench.history import branch, store
from gradmeter.bench.history.recording import encoded
from gradmeter.bench.results import run_file

from ..command import GRADMETER, PATIENCE, gradmeter, process
from ..history.planted import BROKEN, SEARCHED, Writer, module
from ..repositories import git
from ..run_files import case, run

SUITE = SEARCHED["suite"]
PYTHON = ("--bench-memory", "python")
STORE = "reports/history"


@dataclass
class Project:
    """A repository, and its commits of main, oldest first.

    Attributes:
        branch: those of the branch that was merged.
    """

    folder: Path
    names: list[str]
    branch: list[str]

    def run(self, *words, env=None):
        return gradmeter(*words, cwd=self.folder, env=env)

    def json(self, *words, code=0):
        at = words.index("--") if "--" in words else len(words)
        done = self.run(*words[:at], "--json", *words[at:])
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def copy(self, folder):
        """A copy of the repository with its store, for a test that changes it."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder, self.names, self.branch)


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    """Steps at commits 2, 6 (a merge) and 7 of 0 to 8; commit 4 does not build."""
    writer = Writer()
    marks = []
    for place in range(9):
        copies = [1 + (place >= 2), 1 + 3 * (place >= 6), 1 + (place >= 7)]
        text = BROKEN if place == 4 else module(copies)
        if place == 6:
            one = writer.commit("on a branch", module([2, 1, 1]) + "\n# one\n", marks[-1])
            two = writer.commit("take more", module([2, 4, 1]) + "\n# two\n", one)
            marks.append(writer.commit("merge it", text, marks[-1], two))
        else:
            marks.append(writer.commit(f"commit {place}", f"{text}\n# {place}\n", *marks[-1:]))
    folder = tmp_path_factory.mktemp("planted") / "project"
    names = writer.write(folder)
    return Project(folder, [names[m] for m in marks], [names[one], names[two]])


@pytest.fixture(scope="session")
def filled(planted):
    """The same, whose history was filled by a command that was killed twice."""
    words = ["fill", f"{planted.names[0]}..", *PYTHON, *SUITE]
    folder = planted.folder / STORE
    chance = random.Random(3)
    for number in range(2):
        unheard = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = process(GRADMETER, *words, cwd=planted.folder, **unheard)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and command.poll() is None:
            if folder.is_dir() and len(list(folder.glob("*.txt"))) > number:
                break
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 0.5))
        command.send_signal(signal.SIGKILL)
        command.wait(timeout=PATIENCE)
    before = len({r.head.commit for r in store.load(folder).recordings})
    assert 1 < before < 9
    done = planted.run(*words)
    assert done.returncode == 0, done.stderr
    planted.said = done.stdout
    return planted


def test_what_was_killed_goes_on_and_measures_nothing_twice(filled):
    made = store.load(filled.folder / STORE).recordings
    without_lines = [
        (r.head.commit, key) for r in made for key, case in r.cases.items() if not case.lines
    ]
    assert len(without_lines) == len(set(without_lines))
    assert not [name for name in os.listdir(filled.folder / STORE) if not name.endswith(".txt")]
    assert len(git(filled.folder, "worktree", "list").splitlines()) == 1
    assert git(filled.folder, "status", "--porcelain") == ""


def test_fill_says_what_it_measured_and_where_it_could_not(filled):
    before, after = filled.names[2][:12], filled.names[5][:12]
    first, *_, last = filled.said.splitlines()
    assert first == (
        f"between {before} and {after}: 1 commit could not be measured, because: test_tiny.py: "
        "SyntaxError: invalid syntax"
    )
    assert "; 3 steps; gradmeter steps" in last


def test_the_steps_are_those_that_were_planted(filled):
    found = filled.json("steps", f"{filled.names[0]}..")["steps"]
    at = [filled.names[place] for place in (2, 6, 7)]
    assert [(step["commit"], step["suspects"]) for step in found] == [(name, 1) for name in at]
    names = [{c["workload"].rpartition("[")[2] for c in step["changes"]} for step in found]
    assert names == [{"alpha]"}, {"beta]"}, {"gamma]"}]
    (peak,) = (c for c in found[0]["changes"] if c["figure"] == "peak")
    assert (peak["before"], peak["after"]) == (8000, 16000)
    assert [(e["file"], e["text"], e["bytes"]) for e in peak["lines"]] == [
        ("tiny.py", "kept.append(x.copy())", 8000)
    ]
    assert any(c["figure"] == "python_peak" for c in found[0]["changes"])


def test_bisect_measures_nothing_that_is_known_and_tells_the_commits(filled):
    found = filled.json("bisect", f"{filled.names[0]}..", *SUITE, code=1)
    assert found["measured"] == []
    assert found["known"] == len(
        {r.head.commit for r in store.load(filled.folder / STORE).recordings if r.cases}
    )
    assert {each["commit"] for each in found["failed_gates"]} == {
        filled.names[place] for place in (2, 6, 7)
    }
    (gap,) = found["unmeasurable"]
    assert gap["commits"] == [filled.names[4]]


def test_a_gate_chooses_what_is_searched_and_what_fails(filled):
    done = filled.run(
        "bisect", f"{filled.names[0]}..", "--fail-on", "peak[test_call[gamma]]>1kB", *SUITE
    )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{filled.names[7][:12]} open: peak +8,000 B in 1 case"
    assert lines[1].startswith('  "commit 7", n, 2023-11-1')
    assert lines[2] == "  test_tiny.py::test_call[gamma]: peak 8,000 B -> 16.0 kB"
    assert lines[3].startswith("    peak +8,000 B at tiny.py:")
    assert lines[4] == ("  gate failed: peak[test_call[gamma]]>1kB: test_tiny.py::test_call[gamma]")
    assert lines[-1].startswith("1 step, 1 of them fails a gate; 0 commits measured")
    large = ["--fail-on", "peak>1MB"]
    assert filled.run("bisect", f"{filled.names[0]}..", *large, *SUITE).returncode == 0


def test_a_step_at_a_merge_is_searched_in_what_it_brought(filled, tmp_path):
    project = filled.copy(tmp_path / "project")
    span = f"{project.names[0]}.."
    shown = project.run("bisect", span, *SUITE).stdout
    assert "  a merge: --all-parents also searches the commits that it brought" in shown
    found = project.json("bisect", span, "--all-parents", *PYTHON, *SUITE, code=1)
    at = [project.names[2], project.branch[1], project.names[7]]
    assert [(step["commit"], step["suspects"]) for step in found["steps"]] == [(n, 1) for n in at]
    assert set(found["measured"]) <= set(project.branch) | {project.names[5]}
    told = project.json("steps", span, "--all-parents")["steps"]
    assert [step["commit"] for step in told] == at
    assert [s["commit"] for s in project.json("steps", span)["steps"]] == [
        project.names[place] for place in (2, 6, 7)
    ]


def test_a_users_engine_is_measured_at_its_commits(planted, tmp_path):
    words = ["bisect", f"{planted.names[1]}..{planted.names[5]}", "--store", tmp_path / "h"]
    words += SEARCHED["engine"]
    found = planted.json(*words, code=1)
    assert [(s["commit"], s["suspects"]) for s in found["steps"]] == [(planted.names[2], 1)]
    (change,) = (c for c in found["steps"][0]["changes"] if c["figure"] == "peak")
    assert (change["workload"], change["variant"]) == ("squares-3", "mine")
    assert {line["file"] for line in change["lines"]} == {"tiny.py"}
    assert planted.json(*words, code=1)["measured"] == []


def test_one_case_more_is_measured_alone(filled, tmp_path):
    project = filled.copy(tmp_path / "project")
    words = ["fill", f"{project.names[7]}..", "--store", "reports/h"]
    project.json(*words, "--", "pytest", "-k", "alpha")
    before = {p.name for p in (project.folder / "reports/h").iterdir()}
    found = project.json(*words, "--", "pytest", "-k", "alpha or beta")
    assert sorted(found["measured"]) == sorted(project.names[7:])
    made = store.load(project.folder / "reports/h").recordings
    cases = [sorted(key[0].rpartition("[")[2] for key in r.cases) for r in made]
    assert sorted(cases) == [["alpha]"]] * 2 + [["beta]"]] * 2
    assert before < {p.name for p in (project.folder / "reports/h").iterdir()}


def test_a_dry_run_measures_and_writes_nothing(planted, tmp_path):
    span = f"{planted.names[0]}.."
    done = planted.run("fill", span, "--store", tmp_path / "h", "--dry-run", *SUITE)
    assert done.stdout == (
        "2 of 2 commits that are measured in any case, the suite's cases; then at most 3 commits "
        "for each step, of 9 in all\n"
    )
    assert not (tmp_path / "h").exists()


def test_a_size_chooses_among_the_cases_of_a_file(planted, tmp_path):
    """Here of a baseline of two cases."""
    path = tmp_path / "run.json"
    run_file.save(run(case(size=10), case(size=20)), path)
    words = ("fill", "HEAD~1..", "--cases", path, "--dry-run", "--store", tmp_path / "h")
    done = planted.run(*words, "--size", 30)
    assert (done.returncode, "has no case of --size 30" in done.stderr) == (2, True)
    for sizes, count in (((), 2), (("--size", 20), 1), (("--size", 20, "--size", 10), 2)):
        done = planted.run(*words, *sizes)
        assert f"{count} case" in done.stdout, done.stdout + done.stderr


def figures(place):
    """The text of each case's figures at each commit, and of those without, why."""
    found = {}
    for each in store.load(place).recordings:
        for key, at in each.cases.items():
            if at.lines or (each.head.commit, key) not in found:
                found[each.head.commit, key] = encoded(at.figures), at.numbers
        found |= {(each.head.commit, key): why for key, why in each.missing.items()}
        found |= {each.head.commit: each.head.problem} if each.head.problem else {}
    return found


def test_jobs_that_fill_a_share_each_fill_what_one_does(filled, tmp_path):
    """Here on a branch; the commits have a step of the first share, and one of the second."""
    project = filled.copy(tmp_path / "project")
    tests = [f"test_tiny.py::test_call[{name}]" for name in ("alpha", "beta", "gamma")]
    costs = msgspec.structs.replace(run(case()), spent=dict.fromkeys(tests, 1.0) | {tests[0]: 3.0})
    run_file.save(costs, tmp_path / "run.json")
    shards = [("--shard", f"{k}/2", "--shard-by", tmp_path / "run.json") for k in (1, 2)]
    span = f"{project.names[5]}..{project.names[7]}"

    def fill(name, *more):
        return project.json("fill", span, "--store", f"branch:{name}", *PYTHON, *more, *SUITE)

    first = fill("history", *shards[0])
    git(project.folder, "branch", "lacking", "history")
    second, rest = fill("history", *shards[1]), fill("lacking")
    assert [first["cases"], second["cases"], rest["cases"]] == [1, 2, 3]
    assert first["notes"][0].startswith("shard 1/2 of the suite's tests; ")
    expected = project.json("steps", span)["steps"]
    assert [step["commit"] for step in expected] == project.names[6:8]
    whole = figures(project.folder / STORE)
    for name in ("history", "lacking"):
        place = branch.named(project.folder, name)
        assert figures(place).items() <= whole.items()
        assert project.json("steps", span, "--store", f"branch:{name}")["steps"] == expected
        made = [
            (r.head.commit, key)
            for r in store.load(place).recordings
            for key, each in r.cases.items()
            if not each.lines
        ]
        assert len(made) == len(set(made)), "what a shard measured is measured again"
    assert fill("history")["measured"] == []


def test_a_share_without_cases_measures_nothing_and_succeeds(planted, tmp_path):
    words = ["fill", f"{planted.names[7]}..", "--store", tmp_path / "h", "--shard", "2/2"]
    found = planted.json(*words, *SUITE, "-k", "alpha")
    assert (found["cases"], found["measured"], found["unmeasurable"]) == (0, [], [])
    engine = (*SEARCHED["engine"], "--size", 9, "--dry-run")
    told = [planted.run(*words[:-1], f"{k}/3", *engine) for k in (1, 2, 3)]
    shares = sorted(each.stdout.splitlines()[0].partition(";")[0][11:] for each in told)
    assert shares == ["0 of 2 groups", "1 of 2 groups", "1 of 2 groups"]
    assert sorted("1 case;" in each.stdout for each in told) == [False, True, True]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["fill", "--", "pytest"], "name the commits as A..B"),
        (["fill", "--", sys.executable, "-m", "pytest"], "name the commits as A..B"),
        (["fill", "HEAD~1..", "--", "tox", "-e", "pytest"], "'tox' before pytest"),
        (["fill", "HEAD~1..HEAD", "HEAD"], "give one range A..B"),
        (["fill", "HEAD..HEAD"], "there are no commits in HEAD..HEAD"),
        (["fill", "none..HEAD"], "there is no revision 'none'"),
        (["fill", "HEAD~1..", "--bench-tests", "mine", *SUITE], "is own or head"),
        (["fill", "HEAD~1..", "--bench-memory", "heap"], "is for a pytest suite"),
        (["fill", "HEAD~1..", "--size", "9", *SUITE], "chooses what gradmeter measures itself"),
        (["fill", "HEAD~1..", "--cases", "none.json"], "there is no run or baseline"),
        (["fill", "HEAD~1..", "--variant", "engin"], "there is no engine 'engin'"),
        (["bisect", "HEAD~1..", "--fail-on", "time>5%", *SUITE], "inside one run only"),
        (["bisect", "HEAD~1..", "--fail-on", "new", *SUITE], "gradmeter check"),
        (["bisect", "HEAD~1..", "--fail-on", "instructions>1%"], "with --instructions"),
        (["bisect", "HEAD~1..", "--fail-on", "peak[none]>0", *SUITE], "matches no case"),
        (["fill", "HEAD~1..", "--store", "tiny.py", *SUITE], "is a file"),
        (["fill", "HEAD~1..", "--shard", "3/2", *SUITE], "there is no such shard"),
        (["fill", "HEAD~1..", "--store", "branch:h", "--push", *SUITE], "has no remote to push"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_leaves_nothing(planted, words, why):
    done = planted.run(*words)
    assert done.returncode == 2, done.stdout
    assert why in done.stderr
    assert len([line for line in done.stderr.splitlines() if "0%" not in line]) == 1
    assert len(git(planted.folder, "worktree", "list").splitlines()) == 1
