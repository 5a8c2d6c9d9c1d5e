"""A suite under --bench-memory=python,heap: figures, remarks, budgets, gates and a baseline."""

from __future__ import annotations

import sys

import msgspec
import pytest

from gradmeter.bench.results import layers, run_file

from ..report.test_reports import shown
from ..suite_files import PLAIN, loaded, suite

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

SUITE = """
import random
kept, at = [None] * 200, [0]

def floats(n):
    return [float(i) for i in range(1000, 1000 + n)]

def keep(n):
    kept[at[0]] = array(n)
    at[0] += 1

def churn(k, n):
    for _ in range(k):
        array(n)

def test_floats(benchmark): benchmark(floats, 500)

@pytest.mark.bench_memory(max_growth=700)
def test_keeps(benchmark): benchmark.pedantic(keep, (701,))

@pytest.mark.bench_memory(max_allocations=20, max_python_peak="1MB", max_heap_growth=0)
def test_churns(benchmark): benchmark(churn, 20, 3000)

def test_differs(benchmark): benchmark(lambda: bytes(random.randrange(10**6)))
"""


def figures_of(pytester, name):
    (case,) = [c for c in loaded(pytester).cases if c.workload.endswith(f"::{name}")]
    return layers.figures(case), case


def test_every_layer_has_its_figures_and_none_is_mixed_with_another(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    suite(pytester, SUITE)
    gates = ("--bench-fail-on=growth<=0", "--bench-fail-on=python_peak<=1MB")
    done = pytester.runpytest_subprocess(*PLAIN, "-v", "--bench-memory=python,heap", *gates)
    out = done.stdout.str()
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    made = [float(i) for i in range(1000, 1500)]
    held = sys.getsizeof(made) + sum(map(sys.getsizeof, made))
    found, _ = figures_of(pytester, "test_floats")
    assert (found["allocations"], found["allocated"]) == (0, 0)
    assert found["python_held"] == found["heap_held"] == held
    assert found["python_growth"] == found["heap_growth"] == 0
    found, case = figures_of(pytester, "test_keeps")
    assert found["growth"] == 701
    assert found["python_growth"] < 150, "the array's object, and none of its data"
    assert 701 < found["heap_growth"] < 701 + 200
    found, _ = figures_of(pytester, "test_churns")
    assert (found["allocations"], found["allocated"]) == (20, 60_000)
    found, case = figures_of(pytester, "test_differs")
    assert "python_peak" not in found
    assert found["allocations"] == 0
    assert set(layers.disagreements(case)) == {"python", "heap"}
    # What is printed: a table for each layer, the remarks, the budget that broke, the gates.
    assert "Python objects" in out
    assert "the whole heap" in out
    assert "test_differs: Python objects: its passes disagree, so these are not exact" in out
    assert "growth 701 B is over the budget max_growth=700 (700 B) by 1 B" in out
    assert "gate failed: growth<=0: test_theirs.py::test_keeps" in out
    assert "not judged: python_peak of test_theirs.py::test_differs: its passes disagree" in out
    done.assert_outcomes(passed=3, failed=1)
    summary = " ".join(shown(loaded(pytester)).split())
    assert "python: Python's objects and what they own" in summary
    assert "heap: all that the process takes" in summary
    assert "not counted" not in summary


def test_a_baseline_of_another_python_is_not_judged_for_objects_but_for_arrays(pytester):
    suite(pytester, "def test_it(benchmark): benchmark(lambda: [array(5), array(6)])")
    base = ("--bench-memory=python", *PLAIN)
    assert pytester.runpytest_subprocess(*base).ret == 0
    path = pytester.path / "before.json"
    run = loaded(pytester)
    (case,) = run.cases
    ground = {"interpreter": "cpython 3.9.1"}
    older = msgspec.structs.replace(case.layers["python"], ground=ground)
    for changed, gates, code, says in (
        (case, ["python_peak>0", "allocations>0"], 0, "passed"),
        (
            msgspec.structs.replace(case, layers={"python": older}),
            ["python_peak>0", "allocations>0"],
            1,
            "other versions: interpreter cpython 3.9.1",
        ),
    ):
        run_file.save(msgspec.structs.replace(run, cases=[changed]), path)
        options = [f"--bench-fail-on={gate}" for gate in gates]
        done = pytester.runpytest_subprocess(*base, "--bench-against=before.json", *options)
        assert done.ret == code, done.stdout.str()
        assert says in done.stdout.str()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bench-memory", "--bench-fail-on=python_peak<=1"], "with --bench-memory=python"),
        (["--bench-memory", "--bench-fail-on=heap_growth<=1"], "with --bench-memory=heap"),
    ],
)
def test_a_gate_on_a_layer_that_is_not_measured_is_refused(pytester, arguments, says):
    done = pytester.runpytest_inprocess(*PLAIN, *arguments)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert says in done.stderr.str()
