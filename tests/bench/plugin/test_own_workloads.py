"""Tests that measure workloads of their own: by file and name, entry point, or at hand."""

from __future__ import annotations

import pytest

from gradmeter.bench.results import run_file

from ..own_workloads import README, workload_file

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

LEAST = ("--benchmark-only", "--benchmark-max-time=0", "--benchmark-min-rounds=1",
         "--bench-sets=1", "-p", "no:hypothesispytest")  # fmt: skip

SUITE = (
    README
    + """
@gradmeter.cases("own/theirs.py:other", [16])
def test_text(measure, question):
    measure(question)

@gradmeter.cases([softplus_loss, "diamond"], [16], ["engine", "engine:retain_grad=on"])
def test_at_hand(measure, question):
    measure(question)

@gradmeter.cases(workload=softplus_loss, sizes=[16], variants=["engine"])
def test_again(measure, question):
    measure(question)

@gradmeter.cases(softplus_loss, [17], ["engine", "mine"])
def test_of_another_engine(measure, question):
    measure(question)
"""
)
ADAPTER = """
from dataclasses import replace
from gradmeter.bench.engines.ours import ENGINE as OURS
ENGINE = replace(OURS, name="mine")
"""


def test_a_suite_measures_workloads_of_its_own(pytester, monkeypatch):
    tests = pytester.mkdir("tests")
    workload_file(tests / "own", README.replace("softplus_loss", "other"), "theirs.py")
    workload_file(tests, SUITE, "test_suite.py")
    pytester.makepyfile(adapter=ADAPTER)
    own = ("--bench-engine", "adapter.py")
    done = pytester.runpytest_subprocess(*LEAST, *own)
    done.assert_outcomes(passed=8)
    run = run_file.load(pytester.path / "reports/latest/run.json")
    assert {case.workload for case in run.cases} == {"other", "softplus_loss", "diamond"}
    assert all(case.times and not case.failure for case in run.cases)
    assert run.case("softplus_loss", 16, "engine:retain_grad=on").checked == "the other variants"
    assert run.workloads["softplus_loss"].where == "tests/test_suite.py:softplus_loss"
    assert run.workloads["other"].where == "tests/own/theirs.py:other"
    smoke = pytester.runpytest_subprocess("-p", "no:hypothesispytest", *own, "tests/test_suite.py")
    smoke.assert_outcomes(passed=8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('@gradmeter.cases("own.py:gone", [16])', "there is no such file"),
        (
            "@gradmeter.cases(gradmeter.workload(inputs)(lambda operations, x: x), [16])",
            "no variable at the top of a file",
        ),
    ],
)
def test_a_workload_that_is_not_there_is_an_error_of_its_module(pytester, text, expected):
    suite = f"{README}\n{text}\ndef test_it(measure, question):\n    measure(question)\n"
    workload_file(pytester.path, suite, "test_suite.py")
    done = pytester.runpytest_inprocess("-p", "no:hypothesispytest")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines([f"*UsageError: *{expected}*"])


def test_inputs_that_are_no_arrays_end_the_session_before_anything_is_written(pytester):
    suite = README.replace("generator.uniform(0, 1, size)}", "size}") + (
        "@gradmeter.cases(softplus_loss, [16])\ndef test_it(measure, question): measure(question)\n"
    )
    workload_file(pytester.path, suite, "test_suite.py")
    done = pytester.runpytest_inprocess(*LEAST)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "'t' at size 8 is a int" in done.stdout.str() + done.stderr.str()
    assert not (pytester.path / "reports").exists()


def test_two_workloads_of_one_name_end_the_session(pytester):
    for name in ("a", "b"):
        suite = f"{README}\n@gradmeter.cases(softplus_loss, [16])\n"
        workload_file(
            pytester.path, suite + "def test_it(measure, question): measure(question)\n",
            f"test_{name}.py",
        )  # fmt: skip
    done = pytester.runpytest_inprocess(*LEAST)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "two workloads are called 'softplus_loss'" in done.stdout.str() + done.stderr.str()
