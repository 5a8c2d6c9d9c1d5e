"""pytest --bench-shard: jobs that share a suite, anybody's or of workloads, as one run of it."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Run

from ..command import gradmeter
from ..run_files import run as earlier
from ..suite_files import LIGHT, PLAIN, QUICK, suite

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

THEIRS = """
@pytest.mark.parametrize("n", [10, 20, 30, 40, 50])
def test_call(benchmark, n):
    benchmark(array, n)

@pytest.mark.benchmark(group="pair")
@pytest.mark.parametrize("n", [60, 70])
def test_compared(benchmark, n):
    benchmark(array, n)

@pytest.mark.benchmark(group="pair")
def test_compared_too(benchmark):
    benchmark(array, 80)

def test_without_a_call():
    pass

@pytest.mark.skip
def test_skipped(benchmark):
    benchmark(array, 90)

def test_ring(benchmark):
    benchmark(Ring, 23)
"""
SHARES = [("--bench-shard", f"{k}/3", "--bench-out", f"s{k}") for k in (1, 2, 3)]
OF_THE_MACHINE = ("environment", "spent", "machines", "shard")


def exactly(run: Run) -> dict:
    """A run without what is not exact, and without its machines."""
    content = json.loads(msgspec.json.encode(run))
    for name in OF_THE_MACHINE:
        del content[name]
    for case in content["cases"]:
        case["resident"] = case["machine"] = case["first_run"] = None
    for test in content["self_tests"]:
        test["measured"] -= test["measured"] if test["tolerance"] else 0
    return content


def merged(pytester, *folders: str) -> Run:
    """The run that the shards make together."""
    said = gradmeter("merge", *folders, "--out", "merged", cwd=pytester.path)
    assert said.returncode == 0, said.stderr + said.stdout
    return loaded(pytester, "merged")


def loaded(pytester, folder: str) -> Run:
    return run_file.load(pytester.path / folder / "run.json")


def names(result) -> set[str]:
    """The tests that a pytest told of, one in each line."""
    lines = result.stdout.str().splitlines()
    return {match[0] for line in lines if (match := re.match(r"\S+::\S+", line))}


@pytest.fixture(autouse=True)
def _columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_shards_of_a_foreign_suite_merge_to_the_whole(pytester):
    suite(pytester, THEIRS)
    suite(pytester, "def test_other(benchmark):\n    benchmark(array, 7)\n", "test_others")
    whole = pytester.runpytest_inprocess(*QUICK, "--bench-out", "whole", "-v")
    whole.assert_outcomes(passed=11, skipped=1)
    told: list[set[str]] = []
    for number in (1, 2):
        # Under pytest-xdist the tests are collected in other processes.
        more = ("-n", "1", "-v") if number == 2 else ("-v",)
        share = ("--bench-shard", f"{number}/2", "--bench-out", f"s{number}")
        found = pytester.runpytest_inprocess(*QUICK, *share, *more)
        assert found.ret == 0
        told.append(names(found))
        found.stdout.fnmatch_lines([f"*shard {number}/2: * of 12 tests;*"])
    run = merged(pytester, "s1", "s2")
    assert exactly(run) == exactly(loaded(pytester, "whole"))
    # Those of one benchmark group, whose times pytest-benchmark compares, stay together.
    assert len({case.machine for case in run.cases if "compared" in case.workload}) == 1
    assert told[0].isdisjoint(told[1])
    assert run.spent.keys() == loaded(pytester, "whole").spent.keys()


def test_only_what_is_selected_is_spread_and_another_selection_is_another_plan(pytester):
    suite(pytester, THEIRS)
    found = pytester.runpytest_inprocess(
        *QUICK, "-k", "test_call", "--bench-shard=1/2", "--bench-out=s1"
    )
    found.stdout.fnmatch_lines(["gradmeter: shard 1/2: 3 of 5 tests;*"])
    pytester.runpytest_inprocess(*QUICK, "-k", "test_ring", "--bench-shard=2/2", "--bench-out=s2")
    said = gradmeter("merge", "s1", "s2", "--out", "no", cwd=pytester.path)
    assert said.returncode == 2
    assert "their plans differ" in said.stderr


@pytest.mark.parametrize("more", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_an_empty_shard_is_a_run_and_a_success(pytester, more):
    suite(pytester, "def test_it(benchmark):\n    benchmark(array, 7)\n")
    found = pytester.runpytest_inprocess(*QUICK, "--bench-shard=2/2", "--bench-out=s2", *more)
    assert found.ret == 0
    found.stdout.fnmatch_lines(["*shard 2/2: 0 of 1 *"])
    run = loaded(pytester, "s2")
    assert run.finished
    assert run.cases == []
    judged = gradmeter("check", "s2", "--fail-on", "peak<=1MB", cwd=pytester.path)
    assert (judged.returncode, judged.stdout) == (
        0,
        "nothing was judged: the run has no cases\n",
    )


def test_a_session_that_stops_leaves_a_shard_that_is_not_finished(pytester):
    suite(pytester, THEIRS + "def test_fails(benchmark):\n    assert False\n")
    pytester.runpytest_inprocess(*QUICK, "--bench-shard=1/1", "--bench-out=s1", "-x")
    said = gradmeter("merge", "s1", "--out", "merged", cwd=pytester.path)
    assert said.returncode == 2
    assert "s1/run.json (shard 1/1) was not finished" in said.stderr


def test_tests_are_spread_by_what_they_took_and_stay_together_for_a_law(pytester):
    suite(pytester, THEIRS)
    calls = [f"test_theirs.py::test_call[{n}]" for n in (10, 20, 30, 40, 50)]
    pair = [f"test_theirs.py::test_compared{n}" for n in ("[60]", "[70]", "_too")]
    ring = "test_theirs.py::test_ring"
    others = ["test_theirs.py::test_without_a_call", "test_theirs.py::test_skipped"]
    spent = {**dict.fromkeys((*calls, *pair), 1.0), **dict.fromkeys(others, 0.0), ring: 2.0}
    run_file.save(earlier(spent=spent), pytester.path / "run.json")

    def shard(number: int, *more: str) -> set[str]:
        options = (f"--bench-shard={number}/2", "--bench-shard-by=run.json", *more)
        return names(pytester.runpytest_inprocess("--collect-only", "-q", *PLAIN, *options))

    law = shard(1, "--bench-law"), shard(2, "--bench-law")
    assert law[0] >= {*calls}
    assert law[1] >= {*pair, ring}
    assert law[0] | law[1] == {*spent}
    assert law[0].isdisjoint(law[1])
    assert 0 < len(shard(1) & {*calls}) < len(calls)


WORKLOADS = """
from gradmeter import cases

@cases(["squares-3"], [16, 17], ["engine", "engine:output_references=strong"])
def test_cost(measure, question):
    measure(question)

@cases(["squares-3"], [16], ["engine:retain_grad=on"])
def test_more(measure, question):
    measure(question)
"""


def test_groups_of_workloads_are_whole_and_a_shard_without_any_can_be_merged(pytester):
    pytester.makepyfile(test_costs=WORKLOADS)
    options = (*LIGHT, "--benchmark-only", "--bench-exact")
    for share in SHARES:
        assert pytester.runpytest_subprocess(*options, *share).ret == 0
    sizes = [sorted(c.size for c in loaded(pytester, f"s{k}").cases) for k in (1, 2, 3)]
    assert sorted(sizes) == [[], [16, 16, 16], [17, 17]]
    run = merged(pytester, "s1", "s2", "s3")
    assert [(c.size, c.variant) for c in run.cases] == [
        (16, "engine"),
        (16, "engine:output_references=strong"),
        (16, "engine:retain_grad=on"),
        (17, "engine"),
        (17, "engine:output_references=strong"),
    ]
    assert [c.size for c in run.comparisons] == [16, 17]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--bench-shard=4/3",), "--bench-shard 4/3: there is no such shard"),
        (("--bench-shard-by=s",), "name one: --bench-shard 1/3"),
    ],
)
def test_what_is_no_shard_is_refused(pytester, options, why):
    suite(pytester, THEIRS)
    found = pytester.runpytest_inprocess(*PLAIN, *options)
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    assert why in found.stderr.str()
