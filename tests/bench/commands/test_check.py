"""`gradmeter check` as a CI job calls it: one screen, and the right exit code."""

from __future__ import annotations

import json
import re

import pytest

from gradmeter.bench.results import run_file
from gradmeter.bench.results.baseline import write_baseline
from gradmeter.bench.results.readings import Failure

from ..command import gradmeter
from ..run_files import MB, STRONG, case, run, strong


@pytest.fixture
def folder(tmp_path):
    """A run, and its baseline."""
    run_file.save(run(), tmp_path / "run.json")
    write_baseline(run(), tmp_path / "baseline.json")
    return tmp_path


def edited(folder, **changes):
    """The baseline with other figures of the strong variant."""
    path = folder / "baseline.json"
    found = json.loads(path.read_text())
    for entry in found["cases"]:
        if entry["variant"] == STRONG:
            entry.update(changes)
    path.write_text(json.dumps(found))


def checked(folder, *arguments):
    return gradmeter("check", folder, "--against", folder / "baseline.json", *arguments)


def test_the_same_bytes_pass(folder):
    done = checked(folder)
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["passed: peak>0 held>0 cycle>0; 2 cases compared"]


def test_more_bytes_fail_on_one_screen_with_before_and_after(folder):
    edited(folder, peak=40 * MB, backward=40 * MB)
    done = checked(folder)
    assert done.returncode == 1
    assert "gate failed: peak>0: squares-3 x 1,000,000 engine:output_references=strong" in (
        done.stdout
    )
    assert "peak 40,000,000 B (5.00 arrays) -> 48,000,000 B (6.00 arrays): +8,000,000 B" in (
        done.stdout
    )
    assert done.stdout.splitlines()[-1].startswith("FAILED: 1 breach")
    assert len(done.stdout.splitlines()) <= 24


def test_fewer_bytes_are_good_news_with_the_command_that_takes_them_over(folder):
    edited(folder, cycle=41 * MB, dropped=41 * MB)
    done = checked(folder)
    assert done.returncode == 0
    assert "good news" in done.stdout
    assert f"gradmeter baseline {folder} --out {folder / 'baseline.json'}" in done.stdout


def test_a_first_run_is_not_judged_and_says_how_to_make_a_baseline(folder):
    """That is no failure, and no pass: what was not judged is never called passed."""
    none = folder / "none.json"
    make = f"there is no baseline {none} yet; make one and commit it: gradmeter baseline {folder} "
    make += f"--out {none}"
    done = gradmeter("check", folder, "--against", none)
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"nothing was judged: {make}"])
    gates = ("--fail-on", "peak<=1GB", "--fail-on", "held>0")
    both = gradmeter("check", folder, "--against", none, *gates)
    assert (both.returncode, both.stdout.splitlines()) == (
        0,
        [make, "passed: peak<=1GB; 2 cases judged; not judged yet: held>0"],
    )
    budget = gradmeter("check", folder, "--against", none, "--fail-on", "peak<=1MB")
    assert budget.returncode == 1
    assert budget.stdout.splitlines()[-1] == "FAILED: 2 breaches of peak<=1MB; 2 cases judged"


def test_an_earlier_run_serves_as_well(folder):
    done = gradmeter("check", folder, "--against", folder / "run.json")
    assert (done.returncode, "2 cases compared" in done.stdout) == (0, True)


def test_gates_name_cases_and_take_amounts(folder):
    edited(folder, peak=40 * MB, backward=40 * MB)
    assert checked(folder, "--fail-on", "peak>20%").returncode == 0
    assert checked(folder, "--fail-on", "peak>19.9%").returncode == 1
    assert checked(folder, "--fail-on", "peak>1arrays").returncode == 0
    assert checked(folder, "--fail-on", "peak[engine]>0").returncode == 0
    assert checked(folder, "--fail-on", f"peak[squares-3 {STRONG}]>0").returncode == 1
    assert checked(folder, "--fail-on", f"peak[{STRONG}]<=48MB").returncode == 0
    assert checked(folder, "--fail-on", "held>0", "--fail-on", "peak>0").returncode == 1


def test_many_breaches_still_fit_on_a_screen(folder):
    many = [case(workload=f"squares-{n}") for n in range(2, 60)]
    run_file.save(run(*many), folder / "run.json")
    lower = [case(workload=c.workload, allocations=[_less(c)] * 3) for c in many]
    write_baseline(run(*lower), folder / "baseline.json")
    done = checked(folder)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) <= 24
    assert "58 breaches" in done.stdout


def _less(one):
    first = one.allocations[0]
    return type(first)(
        forward=first.forward, backward=first.backward, peak=first.peak, held=first.held - 1
    )


def test_a_case_that_was_not_measured_is_not_passed_over(folder):
    failure = Failure("cycles", "killed", "it was")
    run_file.save(run(case(), strong(failure=failure)), folder / "run.json")
    done = checked(folder)
    assert done.returncode == 3
    assert "not judged" in done.stdout


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ("slower", "gradmeter compare --rev"),
        ("time>5%", "gradmeter compare --rev"),
        ("peak>64KiBs", "character 8"),
        ("peak[squares-4]>0", "could never fail"),
    ],
)
def test_a_gate_that_makes_no_sense_here_is_refused(folder, gate, says):
    done = checked(folder, "--fail-on", gate)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.replace('"version": 1', '"version": 9'), "version 9"),
        (lambda t: t[: len(t) // 2], "cannot be read"),
        (lambda t: t.replace("gradmeter baseline", "shopping list"), '"format"'),
        (lambda t: t.replace('"held": 24000000', '"held": "much"'), "not a valid baseline"),
        (lambda t: t.replace('"held": 24000000', '"held": -24000000'), "less than nothing"),
        (lambda t: t.replace('"held": 24000000', '"held": 99000000'), "more than the peak"),
        (lambda t: t.replace(STRONG, "engine"), "twice"),
        (lambda t: t.replace('"held"', '"kept"'), "not a valid baseline"),
        (lambda t: "[]", '"format"'),
        (lambda t: "\x00", "cannot be read"),
    ],
)
def test_a_baseline_that_is_none_is_refused_in_a_sentence_and_kept(folder, change, says):
    path = folder / "baseline.json"
    changed = change(json.dumps(json.loads(path.read_text())))
    path.write_text(changed)
    done = checked(folder)
    assert done.returncode == 2
    assert says in done.stderr
    assert "gradmeter baseline RUN" in done.stderr or "cannot be read" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert path.read_text() == changed


def test_growth_without_a_baseline_to_grow_from_is_refused(folder):
    done = gradmeter("check", folder)
    assert done.returncode == 2
    assert "--against" in done.stderr
    budget = gradmeter("check", folder, "--fail-on", "peak<=48MB")
    assert (budget.returncode, budget.stdout) == (0, "passed: peak<=48MB; 2 cases judged\n")


def test_markdown_has_the_verdict_first(folder):
    edited(folder, peak=40 * MB, backward=40 * MB)
    lines = checked(folder, "--markdown").stdout.splitlines()
    assert lines[0] == "## Memory gate"
    assert lines[2].startswith("**FAILED")


def test_a_run_that_knows_says_who_holds_the_surplus(tmp_path):
    done = gradmeter(
        "run", "--size", "16", "--sets", "0", "--variant", STRONG, "--out", tmp_path / "run"
    )
    assert done.returncode == 0, done.stderr
    made = gradmeter("baseline", tmp_path / "run", "--out", tmp_path / "b.json")
    assert made.returncode == 0, made.stderr
    path = tmp_path / "b.json"
    text = path.read_text().replace('"cycle":640', '"cycle":0')
    path.write_text(re.sub('"(peak|backward|held)":640', r'"\1":639', text))
    done = gradmeter("check", tmp_path / "run", "--against", path)
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert "the peak is in square#3 backward; alive there: x (input, 128 B)" in words
    assert "cycle: Variable ._edge -> Square ._outputs[0] -> Variable" in words


def test_a_run_that_was_not_finished_or_is_another_one_is_not_passed(folder):
    run_file.save(run(case(), finished=False), folder / "run.json")
    done = checked(folder)
    assert (done.returncode, "not finished" in done.stdout) == (3, True)
    run_file.save(run(case(workload="matyas")), folder / "run.json")
    done = checked(folder)
    assert (done.returncode, "no case of the baseline" in done.stdout) == (3, True)
    assert "take it over" not in done.stdout


def test_a_page_is_not_written_over_a_run(folder):
    before = (folder / "run.json").read_bytes()
    done = gradmeter("report", folder, "-o", folder / "run.json")
    assert done.returncode == 2
    assert "is no page" in done.stderr
    assert (folder / "run.json").read_bytes() == before
