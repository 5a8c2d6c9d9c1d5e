"""Ordinary tests in run files: in every report, under every gate, without arrays to count in."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from html import unescape

import pytest

from gradmeter.bench.cases.compared import of_files
from gradmeter.bench.meters.call import Pass
from gradmeter.bench.plugin import call_cases
from gradmeter.bench.report import comparison, markdown, sections
from gradmeter.bench.report import gate as screen
from gradmeter.bench.results import baseline, run_file
from gradmeter.bench.results.known import Known
from gradmeter.bench.results.readings import Allocations, Cycles, Failure, Resident
from gradmeter.bench.verdicts import gates
from gradmeter.bench.verdicts.regressions import judge

from .. import run_files
from ..command import PATIENCE, gradmeter
from ..misbehaviour import within
from ..report.test_reports import every_table, shown
from ..run_files import MB, case, run, strong
from ..suite_files import OUT, QUICK, loaded, suite

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

NAME = "tests/test_theirs.py::test_it[8 MB]"
PASS = Pass(peak=3 * MB, held=MB, dropped=8, cycle=8, objects=2, types={"Ring": 2}, leaked=0)


def theirs(**changes):
    return run_files.ordinary(NAME, **changes)


def more(**changes):
    """The same test when it takes 1 MB more at its peak."""
    figures = Allocations(forward=0, backward=0, peak=4 * MB, held=MB)
    return theirs(allocations=[figures] * 3, **changes)


def test_a_case_is_what_the_passes_say():
    found = call_cases.case(NAME, [PASS] * 3)
    assert found.ordinary
    assert found.deterministic
    assert found.title == NAME
    assert found.figures == {
        "peak": 3 * MB,
        "held": MB,
        "cycle": 8,
        "forward": 0,
        "backward": 0,
        "dropped": 8,
    }
    assert not case().ordinary
    assert case().title == "squares-3 x 1,000,000 engine"


def test_passes_that_leave_different_cycles_are_no_exact_figures():
    odd = dataclasses.replace(PASS, cycle=0)
    found = call_cases.case(NAME, [odd, PASS, PASS])
    assert found.failure.kind == "passes disagree"
    assert not call_cases.figures(found)["deterministic"]
    assert baseline.figures(run(found)) == []
    outcome = judge(run(found), None, [gates.parse("cycle<=1MB")], None)
    assert outcome.exit_code == 3


@pytest.mark.parametrize("report", [shown, every_table, markdown.render])
def test_a_report_of_nothing_else_speaks_of_nothing_else(report):
    other = run_files.ordinary("tests/test_other.py::test_b")
    text = unescape(report(run(theirs(), other, comparisons=[])))
    assert "3.0 MB" in text
    assert "test_b" in text
    for word in (
        "\N{MULTIPLICATION SIGN}",
        " x 0",
        "array =",
        "arrays)",
        "0.00",
        "predicted",
        "squares",
        "noise",
    ):
        assert word not in text
    assert "0 B says that NumPy took no memory for arrays" in " ".join(text.split())


@pytest.mark.parametrize("report", [shown, every_table, markdown.render])
def test_a_report_has_both_kinds_side_by_side(report):
    text = unescape(report(run(case(), strong(), run_files.ordinary("t.py::test_b"))))
    assert "test_b" in text
    assert "engine:output_references=strong" in text
    assert "squares-3" in text


@pytest.mark.parametrize("report", [shown, every_table, markdown.render])
def test_what_is_not_exact_is_said_of_its_test(report):
    leaky = theirs(cycles=Cycles(dropped=9, bytes=0, objects=0, types={}, leaked=9))

    def leaks(kept):
        return theirs(cycles=leaky.cycles, kept=kept)

    grows = [Allocations(forward=0, backward=0, peak=n, held=n) for n in (1, 2, 3)]
    for found, said in (
        (leaky, "9 B are alive even after a collection"),
        (leaks([9, 18, 27]), "and each call adds to them: 9, 18, 27 B after 3 calls in a row"),
        (leaks([9, 9, 18]), "and some calls add to them: 9, 9, 18 B"),
        (leaks([9, 9, 9]), "no further call adds to them: they are kept, not leaked (9, 9, 9 B"),
        (
            theirs(resident=Resident(peak=503 * MB, held=2 * MB)),
            "and 500.0 MB not seen, 1.0 MB of it held: resident memory that is no array data",
        ),
        (
            theirs(failure=Failure("memory pass", "cannot", "it starts another process")),
            "no exact figures, memory pass: it starts another process",
        ),
        (theirs(allocations=grows), "passes disagree, so its bytes are not exact: peaks of 1 B, 2"),
        (
            theirs(allocations=[], cycles=None, failure=Failure("memory pass", "ValueError", "no")),
            "no exact figures, memory pass: ValueError: no",
        ),
    ):
        assert said in " ".join(report(run(found, comparisons=[])).split())


@pytest.mark.parametrize("report", [shown, every_table, markdown.render])
def test_memory_that_is_unseen_is_never_called_0(report):
    none = [Allocations(forward=0, backward=0, peak=0, held=0)] * 3
    text = report(
        run(theirs(allocations=none, resident=Resident(peak=9 * MB, held=8 * MB)), comparisons=[])
    )
    row = next(line for line in text.splitlines() if "not seen" in line)
    assert row.count("not seen") == 2
    assert row.count("0 B") == 0
    assert "and 9.0 MB not seen, 8.0 MB of it held" in " ".join(text.split())


@pytest.mark.parametrize(
    ("peak", "held", "unseen"),
    [
        (3 * MB + 999_999, 0, None),  # noise
        (4 * MB, MB + 999_999, (MB, 0)),
        (3 * MB, 2 * MB, (MB, MB)),
        (0, 0, None),  # arrays that nothing was written into
    ],
)
def test_what_resident_memory_rises_beyond_the_arrays_is_unseen(peak, held, unseen):
    found = theirs(resident=Resident(peak=peak, held=held)).unseen
    assert (found and (found.peak, found.held)) == unseen


def test_the_chart_has_the_figures_and_the_table_every_test():
    cases = [run_files.ordinary(f"test_a.py::test_{i}") for i in range(20)]
    found = run(*cases, case(), comparisons=[])
    every = list(sections.sections(found, sections.anchors(found), {}))
    (drawn,) = [s.memory for s in every if s.memory and s.memory.kind == "calls"]
    assert (drawn.kind, drawn.most) == ("calls", 36)
    assert len(drawn.table.rows) == 60
    assert drawn.table.rows[0] == ("test_0", "peak", 3 * MB, "3.0 MB", None)
    assert "The 12 largest peaks of 20 are drawn." in drawn.fact
    assert sum(len(section.table.rows) for section in every) == 21


def gated(before, after, *texts):
    criteria = [gates.parse(text) for text in texts]
    known = Known(figures={one.key: one.figures for one in before.cases})
    outcome = judge(after, known, criteria, None)
    return outcome, screen.lines(outcome, criteria, after, "runs")


def test_gates_on_bytes_hold_and_speak_of_bytes_alone():
    outcome, lines = gated(run(theirs()), run(more()), "peak>0", "peak<=3MB")
    assert outcome.exit_code == 1
    text = "\n".join(lines)
    assert f"gate failed: peak>0: {NAME}\n" in text
    assert "peak 3,000,000 B -> 4,000,000 B: +1,000,000 B (+33.3%)" in text
    assert "peak 4,000,000 B, budget 3,000,000 B, 1,000,000 B over it" in text
    assert "arrays" not in text
    outcome, lines = gated(run(more()), run(theirs()), "peak>0")
    assert outcome.exit_code == 0
    assert f"good news, less than before: {NAME}: peak 4.0 MB -> 3.0 MB" in lines


@pytest.mark.parametrize("text", ["peak>0arrays", "peak<=0.1arrays", "forward<=0", "backward>0"])
def test_a_gate_that_means_nothing_to_a_test_says_so_and_holds_for_the_others(text):
    outcome, lines = gated(run(theirs()), run(more()), text)
    assert outcome.exit_code == 0
    assert any(line.startswith(f"note: {text} does not apply to ordinary") for line in lines)
    both = run(case(), more(), comparisons=[])
    outcome, lines = gated(run(case(), theirs(), comparisons=[]), both, "peak<=0.1arrays")
    assert [breach.key for breach in outcome.breaches] == [case().key]
    assert any("does not apply to ordinary tests" in line for line in lines)
    _, lines = gated(run(case()), run(case()), text)
    assert "does not apply" not in "\n".join(lines)


def test_a_gate_may_name_a_test_with_stars():
    for names, matches in (("*test_it*", True), (NAME[:20] + "*", True), ("*test_other*", False)):
        outcome, _ = gated(run(theirs()), run(more()), f"peak[{names}]>0")
        assert bool(outcome.breaches) is matches


def test_two_runs_are_compared_test_by_test():
    found = of_files(run(theirs()), run(more()), ("old.json", "new.json"))
    test = NAME.partition("::")[2]  # its file stands above the table
    tables = " ".join(every_table(found).split())
    assert f"after on {test}: peak 4.0 MB instead of 3.0 MB." in tables
    for text in (tables, " ".join(shown(found).split())):
        assert "arrays" not in text
        assert text.count("+1.0 MB") == 1  # in the table, by how much
        assert test in text
    assert f"| {NAME} after |" in unescape(comparison.render(found, []))


SUITE = """
from gradmeter import cases

@cases(["squares-3"], [16], ["engine", "engine:output_references=strong"])
def test_cost(measure, question):
    measure(question)

def test_theirs(benchmark):
    benchmark(array, {size})
"""


def test_both_kinds_of_tests_make_one_run_one_section_and_one_gate(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    suite(pytester, SUITE.format(size=5))
    measured = ("--benchmark-only", "--bench-sets=1", "--benchmark-max-time=0")
    done = pytester.runpytest_subprocess(*QUICK, *measured)
    done.assert_outcomes(passed=3)
    found = loaded(pytester)
    assert found.finished
    assert sorted(one.workload for one in found.cases) == [
        "squares-3",
        "squares-3",
        "test_theirs.py::test_theirs",
    ]
    assert len(found.comparisons) == 1
    text = done.stdout.str()
    assert text.count("= gradmeter: ") == 1
    assert "squares-3 x 16" in text
    ours = " ".join(text.split())
    assert "strong (engine:output_references=strong) squares-3 4 -> 5 3 -> 5 0 -> 5" in ours
    folder = pytester.path / OUT
    assert gradmeter("baseline", folder, "--out", pytester.path / "b.json").returncode == 0

    suite(pytester, SUITE.format(size=7))
    done = pytester.runpytest_subprocess(*QUICK, *measured, "--bench-against=b.json")
    done.assert_outcomes(passed=3)
    assert done.ret == 1
    text = done.stdout.str()
    assert "gate failed: peak>0: test_theirs.py::test_theirs" in text
    assert "peak 5 B -> 7 B: +2 B (+40.0%)" in text
    assert "3 cases compared" in text

    for command in (["check", folder, "--against", pytester.path / "b.json"], ["show", folder]):
        said = gradmeter(*command)
        assert said.returncode == (1 if command[0] == "check" else 0), said.stderr
        assert "test_theirs" in said.stdout


def test_ctrl_c_while_the_workers_measure_leaves_both_kinds(pytester):
    ours, _, theirs = SUITE.format(size=5).partition("def test_theirs")
    suite(pytester, f"def test_theirs{theirs}\n{ours}")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *QUICK, "--benchmark-only", "--benchmark-max-time=60"],
        cwd=pytester.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    path = pytester.path / OUT / "run.json"
    with process:
        assert within(
            lambda: (
                process.poll() is not None or (path.exists() and "squares-3" in path.read_text())
            )
        )
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    found = loaded(pytester)
    assert not found.finished
    assert found.case("test_theirs.py::test_theirs", 0, "").memory.peak == 5
    assert len(found.comparisons) == 1


def test_a_gate_that_can_fail_for_nothing_is_refused(tmp_path):
    run_file.save(run(theirs(), comparisons=[]), tmp_path / "run.json")
    said = gradmeter("check", tmp_path, "--fail-on", "peak[*test_it*]<=5arrays")
    assert said.returncode == 2
    assert "could never fail" in said.stderr
    said = gradmeter("check", tmp_path, "--fail-on", "peak<=5arrays")
    assert said.returncode == 2
    said = gradmeter("check", tmp_path, "--fail-on", "peak<=5MB")
    assert said.returncode == 0, said.stderr
