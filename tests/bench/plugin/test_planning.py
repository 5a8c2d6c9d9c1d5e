"""pytest --bench-dry-run and --bench-on: what would be measured, and where; what is refused.

Cases that are measured on a cluster are in tests/bench/machines/test_cluster.py.
"""

from __future__ import annotations

import msgspec
import pytest

from gradmeter.bench.machines import extra
from gradmeter.bench.results import run_file

from ..command import gradmeter
from ..run_files import run
from ..suite_files import LIGHT, suite

CASES = """
import gradmeter

@gradmeter.cases(["squares-3", "matyas"], [16, 32], ["engine", "engine:retain_grad=on"])
def test_cost(measure, question):
    raise AssertionError("it is not run")
"""
THEIRS = """
def test_call(benchmark):
    raise AssertionError("it is not run")

def test_other():
    raise AssertionError("it is not run")
"""
NAMES = ["test_call", "test_other"]
PLAN = ("--benchmark-only", "--bench-dry-run", *LIGHT)


@pytest.fixture(autouse=True)
def _columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def without_memory(lines):
    """Lines without the memory that is free now."""
    return [line.partition(" at once, and ")[0] for line in lines]


def told(pytester, *words):
    """The plan that a session tells, after what pytest says itself."""
    found = pytester.runpytest_inprocess(*PLAN, *words)
    assert found.ret == pytest.ExitCode.OK, found.stderr.str()
    at = next(i for i, line in enumerate(found.outlines) if line.startswith("case "))
    assert not (pytester.path / "reports").exists()
    return without_memory(line for line in found.outlines[at:] if not line.startswith("==="))


def test_a_plan_is_told_in_the_words_of_a_run(pytester):
    suite(pytester, CASES)
    plan = gradmeter(
        "run", "--workload", "squares-3", "--workload", "matyas", "--size", "16", "--size", "32",
        "--variant", "engine", "--variant", "engine:retain_grad=on", "--exact", "--dry-run",
        "--shard", "2/3", "--on", "local:2", cwd=pytester.path,
    )  # fmt: skip
    lines = told(pytester, "--bench-exact", "--bench-shard=2/3", "--bench-on=local:2")
    ours = without_memory(plan.stdout.replace("--shard", "--bench-shard").splitlines())
    assert lines == ours
    assert "4 groups, 8 cases: about" in "\n".join(lines)
    assert any(line.startswith("2/3 (this one)") for line in lines)
    assert any(line.startswith("this machine") for line in lines)


def test_ordinary_tests_are_in_the_plan_with_what_an_earlier_run_took(pytester):
    suite(pytester, CASES + THEIRS)
    lines = told(pytester, "-k", "call or other", "--bench-memory", "--bench-fail-on=peak<=1MB")
    assert [line.split()[0].partition("::")[2] for line in lines[1:3]] == NAMES
    assert lines[3] == "2 other tests: about 1 s"
    lines = told(pytester, "-k", "call or other", "--bench-memory", "--bench-shard=1/2")
    assert "2 other tests: about 1 s" in lines
    earlier = msgspec.structs.replace(run(), spent={f"test_theirs.py::{n}": 2.5 for n in NAMES})
    run_file.save(earlier, pytester.path / "run.json")
    lines = told(pytester, "-k", "call or other", "--bench-shard-by=run.json")
    assert lines[3:] == ["2 other tests: 5.0 s"]


def test_elsewhere_is_refused_where_cases_are_only_run_once(pytester):
    found = pytester.runpytest_inprocess(*LIGHT, "--bench-on=local:2", "--collect-only")
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines(["*--bench-on measures with --benchmark-only or*"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--bench-on=local:2", "-k", "call"), "tests of gradmeter's cases, of which none is"),
        (("--bench-on=local:2", "--bench-rev=HEAD"), "--bench-on is of one run of the suite;"),
        (("--bench-dry-run", "--bench-rev=HEAD"), "--bench-dry-run is of one run of the suite;"),
        (("--bench-on=local:2", "-n", "1"), "--bench-on is of one process; leave"),
        (("--bench-on=local:x", "--bench-dry-run"), "--bench-on local:x is no number of workers"),
    ],
)
def test_what_cannot_be_measured_elsewhere_is_refused(pytester, options, why):
    suite(pytester, CASES + THEIRS)
    found = pytester.runpytest_inprocess("--benchmark-only", *LIGHT, *options)
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    text = " ".join((found.stderr.str() + found.stdout.str()).split())
    assert why in text
    assert "Traceback" not in text


def test_a_missing_package_is_named_with_the_option(pytester, monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    found = pytester.runpytest_inprocess("--benchmark-only", *LIGHT, "--bench-on=local:2")
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines(["*--bench-on takes distributed, not installed here: pip install*"])
