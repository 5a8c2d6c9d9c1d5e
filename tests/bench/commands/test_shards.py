"""A run in shards: jobs that know nothing of each other, and one run file of theirs."""

from __future__ import annotations

import json
import shutil

import pytest

from gradmeter.bench.results import run_file

from ...thorough import repeated
from ..command import gradmeter
from ..history.planted import SEARCHED, SETTINGS, SUITE, module
from ..repositories import LEAST, repository, write
from ..throwaway import adapter_of

PLAN = (
    *("--workload", "squares-3", "--workload", "squares-5", "--workload", "matyas"),
    *("--size", "16", "--size", "32"),
)
EXACT = ("run", "--exact", *PLAN)
NOISY = ("environment", "spent", "machines")  # of a run; of a case:
OF_A_CASE = ("first_run", "machine")


def exactly(folder, of_a_case=OF_A_CASE) -> str:
    """The text of a run file without what is not exact, and without its machines."""
    content = json.loads((folder / "run.json").read_text())
    for name in NOISY:
        content[name] = None
    for test in content["self_tests"]:
        test["measured"] -= test["measured"] if test["tolerance"] else 0
    for case in content["cases"]:
        for name in of_a_case:
            case[name] = None
    return json.dumps(content)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A folder with the run of a plan, and those of its three shards."""
    folder = tmp_path_factory.mktemp("shards")
    for out, more in [("whole", ()), *((f"s{k}", ("--shard", f"{k}/3")) for k in (1, 2, 3))]:
        said = gradmeter(*EXACT, *more, "--out", out, cwd=folder)
        assert said.returncode == 0, said.stderr + said.stdout
        if more:
            assert f"shard {more[1]}: 2 of 6 groups" in said.stdout
    return folder


@pytest.fixture
def here(measured, tmp_path):
    """The same, to be changed."""
    return shutil.copytree(measured, tmp_path / "here")


def test_merged_shards_are_the_whole_run_to_the_byte(here):
    said = gradmeter("merge", "s2", "s3/run.json", "s1", "--out", "merged", cwd=here)
    assert said.returncode == 0, said.stderr
    assert exactly(here / "merged") == exactly(here / "whole")
    run = run_file.load(here / "merged" / "run.json")
    assert list(run.machines) == ["shard 1/3", "shard 2/3", "shard 3/3"]
    assert {case.machine for case in run.cases} == {*run.machines}
    assert {*run.spent} == {*run_file.load(here / "whole" / "run.json").spent}
    assert (here / "merged" / "report.md").exists()


def test_everything_that_reads_a_run_reads_a_merged_one(here):
    assert gradmeter("merge", "s1", "s2", "s3", "--out", "merged", cwd=here).returncode == 0
    assert gradmeter("baseline", "whole", "--out", "base.json", cwd=here).returncode == 0
    for command in (
        ("show", "merged"),
        ("report", "merged"),
        ("check", "merged", "--against", "base.json"),
        ("check", "whole", "--against", "merged/run.json"),
        ("compare", "whole", "merged"),
        ("baseline", "merged", "--out", "again.json"),
    ):
        said = gradmeter(*command, cwd=here)
        assert said.returncode == 0, (command, said.stderr, said.stdout)
        assert "Traceback" not in said.stderr
    assert (here / "again.json").read_text() == (here / "base.json").read_text()
    assert "measured in 3 parts" in gradmeter("show", "merged", cwd=here).stdout


def test_a_shard_is_held_against_the_baseline_of_the_whole(here):
    assert gradmeter("baseline", "whole", "--out", "base.json", cwd=here).returncode == 0
    said = gradmeter("check", "s1", "--against", "base.json", "--fail-on", "vanished",
                     "--fail-on", "peak>0", cwd=here)  # fmt: skip
    assert said.returncode == 0, said.stdout


def test_two_that_disagree_are_told_and_nothing_is_written(here):
    shutil.copytree(here / "s1", here / "again")
    path = here / "again" / "run.json"
    content = json.loads(path.read_text())
    for each in content["cases"][0]["allocations"]:
        each["peak"] += 8
    path.write_text(json.dumps(content))
    said = gradmeter("merge", "s1", "s2", "again", "s3", "--out", "merged", cwd=here)
    assert said.returncode == 1
    case = run_file.load(path).cases[0]
    peak = case.memory.peak
    (line,) = (line for line in said.stdout.splitlines() if line.startswith("not the same"))
    for words in (case.title, f"peak is {peak - 8} B in s1/run.json (shard 1/3)",
                  f"{peak} B in again/run.json"):  # fmt: skip
        assert words in line, line
    assert not (here / "merged").exists()


def test_a_missing_shard_is_named_and_merged_without_only_where_that_is_asked_for(here):
    said = gradmeter("merge", "s1", "s3", "--out", "merged", cwd=here)
    assert said.returncode == 2
    assert "shard 2/3 is missing" in said.stderr
    assert not (here / "merged").exists()
    said = gradmeter("merge", "s1", "s3", "--partial", "--out", "merged", cwd=here)
    assert said.returncode == 0, said.stderr
    assert "not merged: shard 2/3 is missing" in said.stdout
    run = run_file.load(here / "merged" / "run.json")
    assert not run.finished
    assert len(run.cases) == 8
    said = gradmeter(*EXACT, "--resume", "--out", "merged", cwd=here)
    assert said.returncode == 2
    assert "each of its runs where that was measured" in said.stderr


def test_a_shard_that_is_cut_off_is_refused_and_nothing_is_written(here):
    path = here / "s2" / "run.json"
    path.write_bytes(path.read_bytes()[:-100])
    for more in ((), ("--partial",)):
        said = gradmeter("merge", "s1", "s2", "s3", *more, "--out", "merged", cwd=here)
        assert said.returncode == 2
        assert "s2/run.json is not complete JSON" in said.stderr
    assert not (here / "merged").exists()


def test_an_unfinished_shard_is_resumed_and_is_then_as_if_it_had_never_stopped(here):
    path = here / "s2" / "run.json"
    content = json.loads(path.read_text())
    del content["cases"][-1]
    content["cases"][-1]["finished"] = content["finished"] = False
    path.write_text(json.dumps(content))
    said = gradmeter("merge", "s1", "s2", "s3", "--out", "merged", cwd=here)
    assert said.returncode == 2
    assert "s2/run.json (shard 2/3) was not finished" in said.stderr
    for other, why in (
        ((), "shard 2/3, and this is of no shard"),
        (("--shard", "1/3"), "shard 2/3, and this is shard 1/3"),
        (("--shard", "2/3", "--size", "64"), "shard 2/3, of another plan"),
        (("--shard", "2/3", "--shard-by", "one"), "shard 2/3, of another plan"),
    ):
        shutil.copytree(here / "whole", here / "one", dirs_exist_ok=True)
        costs = json.loads((here / "one" / "run.json").read_text())
        costs["spent"] = {name: 1.5**i for i, name in enumerate(costs["spent"])}
        (here / "one" / "run.json").write_text(json.dumps(costs))
        said = gradmeter(*EXACT, *other, "--resume", "--out", "s2", cwd=here)
        assert said.returncode == 2
        assert why in said.stderr
    said = gradmeter(*EXACT, "--shard", "2/3", "--resume", "--out", "s2", cwd=here)
    assert said.returncode == 0, said.stderr
    assert gradmeter("merge", "s1", "s2", "s3", "--out", "merged", cwd=here).returncode == 0
    assert exactly(here / "merged") == exactly(here / "whole")


def test_more_shards_than_groups_are_empty_runs_that_can_be_merged(tmp_path):
    one = ("run", "--exact", "--workload", "squares-3", "--size", "16")
    words = {}
    for number in (1, 2):
        said = gradmeter(*one, "--shard", f"{number}/2", "--out", f"s{number}", cwd=tmp_path)
        assert said.returncode == 0, said.stderr
        run = run_file.load(tmp_path / f"s{number}" / "run.json")
        assert run.finished
        words[len(run.cases)] = said.stdout
    assert "0 of 1 groups, so nothing is measured" in words[0]
    assert "not finished" not in words[0]
    assert "1 of 1 groups" in words[2]
    assert gradmeter("show", "s1", cwd=tmp_path).returncode == 0
    said = gradmeter("merge", "s1", "s2", "--out", "merged", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert len(run_file.load(tmp_path / "merged" / "run.json").cases) == 2


def test_out_is_none_of_the_runs_to_merge(here):
    before = (here / "s1" / "run.json").read_bytes()
    said = gradmeter("merge", "s1", "s2", "s3", "--out", "./s1", cwd=here)
    assert said.returncode == 2
    assert "--out s1 holds one of the runs" in said.stderr
    assert (here / "s1" / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ((*EXACT, "--shard", "4/3"), "there is no such shard"),
        ((*EXACT, "--shard", "x"), "write 1/3"),
        ((*EXACT, "--shard-by", "s1"), "name one: --shard 1/3"),
        ((*EXACT, "--shard", "1/3", "--shard-by", "nowhere"), "nowhere cannot be read"),
        (("compare", "s1", "s2", "--shard", "1/3"), "two run files are compared whole"),
        (("merge", "whole"), "is the run of a whole plan"),
        (("merge", "s1", "nowhere"), "there is no run nowhere"),
        (("merge",), "merge needs RUN"),
    ],
)
def test_bad_calls_are_refused_with_a_sentence(measured, command, why):
    said = gradmeter(*command, cwd=measured)
    assert said.returncode == 2
    assert why in said.stderr
    assert "Traceback" not in said.stderr


def test_groups_are_spread_by_what_they_took_in_an_earlier_run(here):
    path = here / "whole" / "run.json"
    content = json.loads(path.read_text())
    names = list(content["spent"])
    content["spent"] = {name: 10.0 if name == names[3] else 1.0 for name in names}
    path.write_text(json.dumps(content))
    said = gradmeter(*EXACT, "--shard", "1/2", "--shard-by", "whole", "--dry-run", cwd=here)
    assert said.returncode == 0, said.stderr
    rows = [line.split() for line in said.stdout.splitlines() if line.startswith(("1/2", "2/2"))]
    assert [(row[-4], row[-3]) for row in rows] == [("1", "10.0"), ("5", "5.0")]
    content["spent"] = {}
    path.write_text(json.dumps(content))
    said = gradmeter(*EXACT, "--shard", "1/2", "--shard-by", "whole", "--dry-run", cwd=here)
    assert said.returncode == 2
    assert "does not say what its groups took" in said.stderr


def test_a_dry_run_measures_nothing_and_says_what_it_would_take(tmp_path):
    plan = ("run", "--size", "1000", "--size", "1e13", "--dry-run", "--shard", "2/3")
    said = gradmeter(*plan, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    for words in ("2 groups, 4 cases", "64.0 kB", "2 cases would not fit", "estimated",
                  "2/3 (this one)"):  # fmt: skip
        assert words in said.stdout
    assert list(tmp_path.iterdir()) == []


def test_compared_variants_are_whole_in_a_shard_and_a_gate_may_name_those_of_another(tmp_path):
    told = {}
    for number in (1, 2):
        said = gradmeter(
            *("compare", "engine", "engine:retain_grad=on", "--workload", "squares-3"),
            *(
                "--workload",
                "matyas",
                "--size",
                "16",
                "--sets",
                "1",
                "--most-sets",
                "1",
                "--budget",
                "0",
            ),
            *("--min-rounds", "1", "--shard", f"{number}/2", "--out", f"s{number}"),
            *("--fail-on", "peak[squares-3*]>9999%"),
            cwd=tmp_path,
        )
        assert said.returncode == 0, said.stderr + said.stdout
        run = run_file.load(tmp_path / f"s{number}" / "run.json")
        assert [len(c.candidates) for c in run.comparisons] == [1]
        assert len(run.cases) == 2
        told[run.cases[0].workload] = said.stdout
    assert told.keys() == {"squares-3", "matyas"}
    said = gradmeter("merge", "s1", "s2", "--out", "merged", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "measured in 2 parts (shard 1/2 and shard 2/2)" in " ".join(said.stdout.split())
    said = gradmeter("show", "merged", "--all", cwd=tmp_path)
    assert "(shard 1/2)" in said.stdout
    assert "(shard 2/2)" in said.stdout


ENGINE = (*SEARCHED["engine"], "--workload", "squares-3", "--workload", "squares-5")


@pytest.mark.parametrize("words", repeated([ENGINE], [SEARCHED["suite"]]), ids=lambda w: w[1])
def test_revisions_compared_in_shards_are_those_compared_at_once(tmp_path, words):
    files = {"pyproject.toml": SETTINGS, "test_tiny.py": SUITE, "adapter.py": adapter_of("tiny")}
    top = repository(tmp_path / "project", files | {"tiny.py": module([1, 1, 1])})
    write(top, {"tiny.py": module([2, 3, 1])})
    for out, more in (
        ("whole", ()),
        ("s1", ("--shard", "1/2")),
        ("s2", ("--shard", "2/2")),
    ):
        said = gradmeter("compare", "--rev", "HEAD", *more, "--out", out, *LEAST, *words, cwd=top)
        assert said.returncode == 0, said.stderr + said.stdout
    said = gradmeter("merge", "s1", "s2", "--out", "merged", cwd=top)
    assert said.returncode == 0, said.stderr
    timed = ("times", "again", "residency", "resident")
    assert exactly(top / "merged", (*OF_A_CASE, *timed)) == exactly(
        top / "whole", (*OF_A_CASE, *timed)
    )
    run = run_file.load(top / "merged" / "run.json")
    assert [*run.machines] == ["shard 1/2", "shard 2/2"]
    assert len(run.revisions) == 2
    if words is ENGINE:
        for name in run.machines:
            floor = f"noise floor of {name}: the baseline against itself"
            assert floor in " ".join(said.stdout.split())
    for each in run.comparisons:
        sides = [run.case(each.workload, each.size, n) for n in (each.baseline, *each.candidates)]
        assert len({case.machine for case in sides}) == 1
        assert all(case.times for case in sides)
    assert len({case.memory.peak for case in run.cases}) > 2
