"""`gradmeter record`, `steps` and `accept` in real repositories."""

from __future__ import annotations

import json

import msgspec
import pytest

from gradmeter.bench.history import store
from gradmeter.bench.history.recording import Head, Recording
from gradmeter.bench.results import run_file
from gradmeter.bench.results.lines import Explanation, Lines, Origin, Peak, Place
from gradmeter.bench.results.readings import Allocations

from ..command import PYTEST, finished, gradmeter, process
from ..history.histories import GROUNDS, HERE, THERE, recording
from ..repositories import git, repository, write
from ..run_files import MB, case, run, strong

replace = msgspec.structs.replace


def peaked(peak: int, line: int):
    """A case of a peak, all of which beyond 24 MB one line made."""
    place, own = Place("engine.py", line, "f", "y = x.copy()"), Place("engine.py", 3, "g", "x * x")
    explanation = Explanation(
        alive=[Origin(place=place, count=1, bytes=peak - 24 * MB, watched=True)],
        steps=[],
        instruction="x * x",
        taken=24 * MB,
    )
    lines = Lines(
        lines=[],
        peak=Peak(bytes=peak, before=0, interval=0, hit=1, stack=[own]),
        held=0,
        outside=0,
        events=1,
        threads=1,
        explanation=explanation,
    )
    bytes_ = Allocations(forward=32 * MB, backward=peak, peak=peak, held=24 * MB)
    return case(allocations=[bytes_] * 3, lines=lines)


def made_at(folder, commit, *cases, **changes):
    """Write a run that was made at a commit; return its file."""
    found = run(*cases)
    there = {"repository_commit": commit, "repository_dirty": False, "commit": None, **changes}
    path = folder / f"run-{commit[:12]}.json"
    run_file.save(replace(found, environment=replace(found.environment, **there)), path)
    return path


def commits(folder, *options):
    return git(folder, "log", "--reverse", "--format=%H", *options).split()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Six commits, of which the fourth is not recorded: peaks of 40, 40, 48, -, 56 and 40 MB."""
    folder = repository(
        tmp_path_factory.mktemp("history") / "project", *({"a.py": f"{n}"} for n in range(6))
    )
    peaks = [40, 40, 48, None, 56, 40]
    for number, (commit, peak) in enumerate(zip(commits(folder), peaks, strict=True)):
        if peak is not None:
            path = made_at(folder.parent, commit, peaked(peak * MB, 10 + number), strong())
            done = gradmeter("record", path, cwd=folder)
            assert done.returncode == 0, done.stderr
            assert f"recorded: 2 cases at commit {commit[:12]}, in reports/history/" in done.stdout
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "the history")
    return folder


def test_steps_say_what_changed_by_whom_by_how_much_and_in_which_line(project):
    done = gradmeter("steps", cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    ids = commits(project)
    lines = done.stdout.splitlines()
    assert lines[-1] == "3 steps in 7 commits, 5 of them recorded: 1 less, 2 undone"
    assert [line for line in lines if not line.startswith(" ")][:-1] == [
        f"{ids[5][:12]} less: peak -16.0 MB in 1 case",
        f"{ids[4][:12]} undone: peak +8.0 MB in 1 case",
        f"{ids[2][:12]} undone: peak +8.0 MB in 1 case",
    ]
    at = lines.index(f"{ids[4][:12]} undone: peak +8.0 MB in 1 case")
    assert lines[at + 1].startswith('  "commit 4", n, 20')
    assert lines[at + 2 : at + 6] == [
        f"  or the commit before it, after {ids[2][:12]}, which has no figures",
        f"  undone at {ids[5][:12]}",
        "  squares-3 x 1,000,000 engine: peak 48.0 MB -> 56.0 MB (+1.00 arrays), backward 48.0 MB "
        "-> 56.0 MB (+1.00 arrays)",
        "    peak +8.0 MB at engine.py:14 `y = x.copy()`",
    ]


def test_a_range_has_its_own_steps_and_knows_what_was_before(project):
    ids = commits(project)
    done = gradmeter("steps", f"{ids[1]}..{ids[3]}", cwd=project)
    assert done.stdout.splitlines()[-1] == "1 step in 2 commits, 1 of them recorded: 1 open"
    done = gradmeter("steps", f"{ids[2]}..", cwd=project)
    assert "2 steps in 4 commits" in done.stdout
    assert gradmeter("steps", ids[1], cwd=project).stdout == (
        "0 steps in 2 commits, 2 of them recorded\n"
    )


def test_json_has_exact_figures_and_markdown_the_verdict_first(project):
    ids = commits(project)
    found = json.loads(gradmeter("steps", "--json", cwd=project).stdout)
    assert (found["format"], found["version"], found["commits"]) == ("gradmeter steps", 1, 7)
    assert [s["commit"] for s in found["steps"]] == [ids[2], ids[4], ids[5]]
    assert [s["suspects"] for s in found["steps"]] == [1, 2, 1]
    (change,) = (c for c in found["steps"][1]["changes"] if c["figure"] == "peak")
    assert (change["before"], change["after"]) == (48 * MB, 56 * MB)
    assert [(line["line"], line["bytes"]) for line in change["lines"]] == [(14, 8 * MB)]
    text = gradmeter("steps", "--markdown", cwd=project).stdout
    assert text.startswith("## Steps\n\n**3 steps in 7 commits")
    assert f"### {ids[4][:12]} undone: peak +8.0 MB in 1 case" in text


def test_a_run_that_is_recorded_already_changes_nothing(project):
    before = sorted((project / "reports/history").iterdir())
    done = gradmeter("record", project.parent / f"run-{commits(project)[0][:12]}.json", cwd=project)
    assert (done.returncode, "recorded already: 2 cases" in done.stdout) == (0, True)
    assert sorted((project / "reports/history").iterdir()) == before


@pytest.fixture
def two(tmp_path):
    """Two commits, and a step at the second."""
    folder = repository(tmp_path / "project", {"a.py": "1"}, {"a.py": "2"})
    for commit, peak in zip(commits(folder), (40, 48), strict=True):
        path = made_at(tmp_path, commit, peaked(peak * MB, 10), strong())
        assert gradmeter("record", path, "--store", "h", cwd=folder).returncode == 0
    return folder


def said(folder, *arguments):
    done = gradmeter(*arguments, "--store", "h", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_accepted_step_is_shown_as_such_with_the_reason(two):
    last = commits(two)[1]
    assert said(two, "steps").splitlines()[-1].endswith("1 open")
    out = said(two, "accept", last[:9], "--because", "the cache\nis worth it")
    assert out.startswith(f"accepted: the step at {last[:12]}, 2 figures, in h/")
    shown = said(two, "steps")
    assert f"{last[:12]} accepted: peak +8.0 MB in 1 case" in shown
    assert ": the cache is worth it" in shown
    (step,) = json.loads(said(two, "steps", "--json"))["steps"]
    assert step["status"] == "accepted"
    assert [a["because"] for a in step["accepted"]] == ["the cache is worth it"]
    again = gradmeter("accept", last, "--because", "b", "--store", "h", cwd=two)
    assert (again.returncode, "is not open but accepted" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("step", "because", "why"),
    [
        ("0000000", "b", "there is no step at '0000000'"),
        ("", "b", "there is no step at ''"),
        ("STEP", " ", "--because is empty"),
    ],
)
def test_what_cannot_be_accepted_is_refused(two, step, because, why):
    step = step.replace("STEP", commits(two)[1])
    before = sorted((two / "h").iterdir())
    done = gradmeter("accept", step, "--because", because, "--store", "h", cwd=two)
    assert (done.returncode, why in done.stderr) == (2, True)
    assert sorted((two / "h").iterdir()) == before


def test_a_changed_tree_is_refused_unless_asked_for_and_then_marked(two):
    write(two, {"a.py": "3"})
    git(two, "commit", "--quiet", "--all", "--message", "third")
    _, second, third = commits(two)
    path = made_at(two.parent, third, peaked(64 * MB, 10), repository_dirty=True)
    done = gradmeter("record", path, "--store", "h", cwd=two)
    assert done.returncode == 2
    assert f"{path} cannot be recorded: the run is of files that differ from" in done.stderr
    assert "with changes that were not committed" in said(two, "record", path, "--dirty")
    assert "  recorded with changes that were not committed" in said(two, "steps")
    path = made_at(two.parent, second, peaked(56 * MB, 10), repository_dirty=True)
    said(two, "record", path, "--dirty")
    assert "56.0 MB" not in said(two, "steps"), "the files as they were committed count"


def test_commits_that_were_rebased_away_are_left_out_and_counted(two):
    write(two, {"a.py": "3"})
    git(two, "commit", "--quiet", "--all", "--amend", "--message", "another")
    shown = said(two, "steps")
    assert "1 recorded commit not among the first parents of HEAD, so left out" in shown
    assert shown.splitlines()[-1] == "0 steps in 2 commits, 1 of them recorded"
    git(two, "reflog", "expire", "--expire=now", "--all")
    git(two, "gc", "--quiet", "--prune=now")
    assert "1 recorded commit not in this repository, so left out: rebased away" in (
        said(two, "steps")
    )


def test_a_merge_is_one_commit_with_what_it_brought(two):
    git(two, "checkout", "--quiet", "-b", "topic")
    write(two, {"b.py": "1"})
    git(two, "add", "--all")
    git(two, "commit", "--quiet", "--message", "on the branch")
    topic = git(two, "rev-parse", "HEAD").strip()
    git(two, "checkout", "--quiet", "main")
    git(two, "merge", "--quiet", "--no-ff", "--message", "merge topic", "topic")
    merge = git(two, "rev-parse", "HEAD").strip()
    for commit, peak in ((topic, 72), (merge, 64)):
        said(two, "record", made_at(two.parent, commit, peaked(peak * MB, 10), strong()))
    shown = said(two, "steps")
    assert f'{merge[:12]} open: peak +16.0 MB in 1 case\n  "merge topic"' in shown
    assert "1 recorded commit not among the first parents of HEAD" in shown
    assert f"{topic[:12]} open: peak +24.0 MB" in said(two, "steps", "main~1..topic")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["steps", "none..HEAD"], "there is no revision 'none' in project"),
        (["steps", "HEAD...HEAD"], "is no range of commits; write A..B"),
        (["steps", "HEAD..-x"], "is no range of commits"),
        (["steps", "--json", "--markdown"], "choose one of them"),
    ],
)
def test_a_wrong_call_is_refused_with_a_sentence(project, words, why):
    done = gradmeter(*words, cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_outside_of_a_repository_steps_say_so(tmp_path):
    done = gradmeter("steps", cwd=tmp_path)
    assert done.returncode == 2
    assert "is in no git repository; gradmeter steps compares commits" in done.stderr


def test_a_broken_store_is_refused_and_an_empty_one_has_no_steps(two):
    (broken, _) = sorted((two / "h").iterdir())
    broken.write_bytes(broken.read_bytes()[:-5])
    for command in (["steps"], ["accept", "abcdef", "--because", "b"]):
        done = gradmeter(*command, "--store", "h", cwd=two)
        assert (done.returncode, "was cut short or edited" in done.stderr) == (2, True)
    done = gradmeter("steps", "--store", "none", cwd=two)
    assert done.stdout == "0 steps in 2 commits, 0 of them recorded\n"
    assert not (two / "none").exists()


def test_what_is_compared_apart_and_what_could_not_be_measured_is_said(two):
    first, second = commits(two)
    key = ("tests/t.py::test", 0, "")
    old, new = GROUNDS
    store.add(
        two / "apart",
        [
            recording(first, {key: {"peak": 100, "python_peak": 5}}, ground=old),
            recording(second, {key: {"peak": 100, "python_peak": 9}}, ground=new, versions=THERE),
        ],
    )
    shown = gradmeter("steps", "--store", "apart", cwd=two).stdout.splitlines()
    assert shown == [
        "Python's objects, heap or instructions of 1 case were measured with several versions, and "
        "are compared within each alone",
        "0 steps in 2 commits, 2 of them recorded",
    ]
    store.add(
        two / "apart",
        [
            recording(first, {key: {"peak": 120}}, versions=THERE),
            recording(second, {key: {"peak": 100}}),
        ],
    )
    shown = gradmeter("steps", "--store", "apart", cwd=two).stdout
    assert "  tests/t.py::test: peak 120 B -> 100 B on cpython 3.13.1, NumPy 2.5.0" in shown
    assert "peak of tests/t.py::test: environments differ at one commit" in shown
    failed = Head(commit=second, measured="", versions=HERE, problem="it does not build")
    store.add(two / "failed", [Recording(failed)])
    shown = gradmeter("steps", "--store", "failed", cwd=two).stdout.splitlines()
    assert shown == [
        f"could not be measured: {second[:12]}: it does not build",
        "0 steps in 2 commits, 0 of them recorded",
    ]


def test_a_renamed_test_has_one_history(two):
    first, second = commits(two)
    store.add(two / "names", [recording(first, {("t.py::old", 0, ""): {"peak": 8}})])
    store.add(two / "names", [recording(second, {("t.py::new", 0, ""): {"peak": 9}})])
    done = gradmeter("steps", "--store", "names", cwd=two)
    assert done.stdout == "0 steps in 2 commits, 2 of them recorded\n"
    words = ("--store", "names", "--renamed", "t.py::old=t.py::new")
    assert "t.py::new: peak 8 B -> 9 B" in gradmeter("steps", *words, cwd=two).stdout
    done = gradmeter("accept", second[:8], "--because", "b", *words, cwd=two)
    assert done.returncode == 0, done.stderr
    assert "1 accepted" in gradmeter("steps", *words, cwd=two).stdout


def test_a_real_run_is_recorded_under_the_commit_it_was_started_in(tmp_path):
    folder = repository(tmp_path / "project", {"a.py": "1", ".gitignore": "out/\n"})
    done = gradmeter("run", "--exact", "--size", 16, "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    done = gradmeter("record", "out", cwd=folder)
    (commit,) = commits(folder)
    assert f"recorded: 2 cases at commit {commit[:12]}" in done.stdout, done.stderr
    (made,) = store.load(folder / "reports/history").recordings
    assert {key[0] for key in made.cases} == {"squares-3"}
    assert made.head.versions.python.startswith("cpython 3.")


MODULE = """
import numpy as np

def smooth(x):
    window = np.ones(3) / 3
    return np.convolve(x, window)
"""
SUITE = """
import numpy as np
from smoothing import smooth

def test_smooth(benchmark):
    benchmark.pedantic(smooth, (np.arange(100_000.0),), rounds=1)
"""


def test_a_suite_at_two_commits_has_its_step_in_the_line_that_did_it(tmp_path):
    slower = MODULE.replace("return", "x = x.copy()\n    return").replace("def", "# more\ndef")
    settings = "[tool.pytest.ini_options]\npythonpath = '.'\n"
    first = {"smoothing.py": MODULE, "test_smoothing.py": SUITE, "pyproject.toml": settings}
    folder = repository(tmp_path / "project", first)
    for number in range(2):
        if number:
            write(folder, {"smoothing.py": slower})
            git(folder, "commit", "--quiet", "--all", "--message", "copy the input")
        words = ("-q", "-p", "no:cacheprovider", "--bench-memory", "--bench-lines")
        done = finished(process(PYTEST, *words, cwd=folder))
        assert done.returncode == 0, done.stdout + done.stderr
        assert gradmeter("record", cwd=folder).returncode == 0
    shown = gradmeter("steps", cwd=folder).stdout
    assert f'{commits(folder)[1][:12]} open: peak +800.0 kB in 1 case\n  "copy the input"' in shown
    assert "test_smoothing.py::test_smooth: peak " in shown
    assert "    peak +800.0 kB at smoothing.py:7 `x = x.copy()`" in shown
