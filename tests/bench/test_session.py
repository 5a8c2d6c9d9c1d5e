"""A whole run: what it leaves in its folder when all is well, and when something is not."""

from __future__ import annotations

import os
import re
import resource
import textwrap

import msgspec
import pytest

from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Run

from .command import TINY, gradmeter
from .misbehaviour import squares_that

TWO = ("--variant", "engine", "--variant", "engine:retain_grad=on")


def loaded(folder) -> Run:
    return run_file.load(folder / "run.json")


def mischief(folder, do: str) -> dict[str, str]:
    """An environment in which the workers' engine does something while retain_grad is on."""
    hook = (
        "import sys\nif 'start_worker' in str(sys.orig_argv):\n    from gradmeter import engine\n"
    )
    body = squares_that(f"if engine.Config.retain_grad: {do}").replace(
        "_honest_square = square", "_honest_square = engine.square"
    )
    hook += textwrap.indent(body + "\nengine.square = square\n", "    ")
    (folder / "sitecustomize.py").write_text(hook)
    return {"PYTHONPATH": str(folder)}


def test_every_case_that_was_asked_for_is_measured_in_full(finished):
    run = loaded(finished[0])
    assert finished[1].returncode == 0, finished[1].stdout
    assert run.finished
    assert all(test.passed for test in run.self_tests)
    assert {case.key for case in run.cases} == {
        ("squares-3", size, variant)
        for size in (16, 17)
        for variant in ("engine", "engine:output_references=strong")
    }
    for case in run.cases:
        assert (case.finished, case.failure) == (True, None)
        assert case.deterministic
        assert "exact gradient" in case.checked
        assert case.memory.peak == case.predicted.peak
        assert case.cycles is not None
        assert case.residency is not None
        assert len(case.times) == 1
        assert all(seconds > 0 for seconds in case.seconds)


def test_exact_bytes_alone_are_those_of_a_whole_run(finished, tmp_path):
    sizes = ("--size", "16", "--size", "17")
    done = gradmeter("run", *sizes, "--exact", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == (
        "gradmeter 100% everything is measured; finding laws and writing report.md and report.html"
    )
    whole, run = loaded(finished[0]), loaded(tmp_path)
    assert run.finished
    assert [case.key for case in run.cases] == [case.key for case in whole.cases]
    for case, other in zip(run.cases, whole.cases, strict=True):
        assert case.allocations == other.allocations
        assert case.cycles == other.cycles
        assert case.timeline == other.timeline
        assert (case.residency, case.times, case.failure) == (None, [], None)
    again = gradmeter("run", *sizes, "--exact", "--out", tmp_path, "--resume")
    assert again.returncode == 0
    assert loaded(tmp_path).cases == run.cases


def test_nothing_but_the_run_and_its_report_is_left_in_the_folder(finished):
    assert {path.name for path in finished[0].iterdir()} == {
        "run.json",
        "report.md",
        "report.html",
    }


def test_the_reports_tables_have_as_many_cells_in_every_row(finished):
    report = (finished[0] / "report.md").read_text()
    tables = re.findall(r"(?:^\|.*\|\n?)+", report, re.MULTILINE)
    assert len(tables) >= 3
    for table in tables:
        rows = [line.count("|") for line in table.splitlines()]
        assert len(rows) > 2
        assert len(set(rows)) == 1
    assert report.count("<details>") == report.count("</details>") > 0


def test_resuming_keeps_what_was_finished_and_measures_the_rest(finished, tmp_path):
    before = loaded(finished[0])
    kept = [case for case in before.cases if case.size == 16]
    cut = [
        msgspec.structs.replace(case, finished=False, times=[])
        for case in before.cases
        if case.size == 17
    ]
    half = msgspec.structs.replace(before, cases=[*kept, cut[0]], finished=False)
    run_file.save(half, tmp_path / "run.json")
    done = gradmeter("run", *TINY, "--size", "17", "--out", tmp_path, "--resume")
    assert done.returncode == 0, done.stderr
    after = loaded(tmp_path)
    assert after.finished
    assert {case.key for case in after.cases} == {case.key for case in before.cases}
    assert all(case.finished and case.times for case in after.cases)
    assert [case for case in after.cases if case.size == 16] == kept


def test_resuming_with_other_options_is_refused_in_one_sentence(finished, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes((finished[0] / "run.json").read_bytes())
    done = gradmeter("run", *TINY, "--sets", "2", "--out", tmp_path, "--resume")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert path.read_bytes() == (finished[0] / "run.json").read_bytes()


def test_resuming_without_a_run_is_refused(tmp_path):
    done = gradmeter("run", *TINY, "--out", tmp_path, "--resume")
    assert done.returncode == 2
    assert "run.json" in done.stderr


@pytest.mark.parametrize(
    ("does", "kind", "limit"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed", 60),
        ("time.sleep(600)", "timed out", 3),
        ("raise ValueError('[red]a | b`c')", "raised", 60),
        ("x = x * 1.5", "wrong result", 60),
    ],
)
def test_what_goes_wrong_in_one_variant_costs_that_one(tmp_path, does, kind, limit):
    environment = mischief(tmp_path, does)
    out = tmp_path / "out"
    done = gradmeter("run", *TINY, *TWO, "--limit", limit, "--out", out, env=environment)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    good, bad = loaded(out).cases
    assert loaded(out).finished
    assert good.memory is not None
    assert good.times
    assert good.failure is None
    assert bad.failure.kind == kind
    assert (bad.memory, bad.cycles, bad.residency, bad.times) == (None, None, None, [])
    assert "not measured" in done.stdout
    report = (out / "report.md").read_text()
    assert "## Not measured" in report
    assert kind in report
    assert gradmeter("show", out).returncode == 0


def test_a_variant_that_computes_no_gradient_at_all_gets_no_figures(tmp_path):
    environment = mischief(tmp_path, "engine.Variable.backward = lambda self: None")
    done = gradmeter("run", *TINY, *TWO, "--out", tmp_path / "out", env=environment)
    good, bad = loaded(tmp_path / "out").cases
    assert good.failure is None
    assert bad.failure is not None, "its times were shown"
    assert (bad.memory, bad.times, done.returncode) == (None, [], 3)


def test_resuming_measures_what_had_failed(tmp_path):
    environment = mischief(tmp_path, "os._exit(7)")
    out = tmp_path / "out"
    done = gradmeter("run", *TINY, *TWO, "--out", out, env=environment)
    assert done.returncode == 3
    assert loaded(out).cases[1].failure.kind == "crashed"
    done = gradmeter("run", *TINY, *TWO, "--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert all(case.failure is None and case.times for case in loaded(out).cases)


@pytest.mark.parametrize("most", [500, 3_000])
def test_a_disk_that_gets_full_ends_the_run_with_a_sentence_and_a_valid_file(tmp_path, most):
    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    done = gradmeter("run", *TINY, "--out", tmp_path, env=environment, preexec_fn=fill)
    assert "Traceback" not in done.stderr
    assert done.returncode in (2, 3)
    if done.returncode == 2:
        assert str(tmp_path) in done.stderr
    names = set(os.listdir(tmp_path))
    assert names <= {"run.json", "report.md"}
    if "run.json" in names:
        loaded(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "report.md"])
def test_a_folder_where_a_file_should_be_is_named_in_a_sentence(tmp_path, name):
    (tmp_path / name).mkdir()
    done = gradmeter("run", *TINY, "--variant", "engine", "--out", tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert name in done.stderr
