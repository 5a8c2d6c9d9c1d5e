"""`gradmeter compare` of variants and of files, as a user starts it."""

from __future__ import annotations

import json
import sys

import msgspec
import pytest

from gradmeter.bench.cases.plan import plan
from gradmeter.bench.commands import conclusion
from gradmeter.bench.commands.calls import suite_arguments
from gradmeter.bench.report import comparison
from gradmeter.bench.results import run_file

from ..command import gradmeter
from ..run_files import STRONG, WEAK, case, run, strong

QUICK = (
    "--size", "16", "--budget", "0", "--sets", "10", "--most-sets", "14", "--min-rounds", "1",
)  # fmt: skip


def test_variants_are_compared_in_one_run_with_a_sentence_for_each_verdict(tmp_path):
    done = gradmeter("compare", WEAK, STRONG, *QUICK, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    [one] = found["comparisons"]
    assert (one["baseline"], one["candidate"]) == (WEAK, STRONG)
    assert one["memory"]["cycle"] == {"verdict": "more", "before": 0, "after": 5 * 128}
    assert one["memory"]["forward"]["verdict"] == "equal"
    assert one["time"]["verdict"] in ("slower", "faster", "same", "inconclusive")
    assert one["time"]["low"] <= one["time"]["ratio"] <= one["time"]["high"]
    assert len(one["sentences"]) == 4  # memory, the lines of peak and held, time
    assert "noise floor" in found["noise"]
    loaded = run_file.load(tmp_path / "run.json")
    assert len(loaded.cases[0].times) in (10, 14)
    shown = gradmeter("show", tmp_path, "--all")
    assert one["sentences"][3] in " ".join(shown.stdout.split())


def test_two_files_are_compared_to_the_byte_and_their_times_only_shown(tmp_path):
    for name, found in (("a", run()), ("b", run(case(), strong(allocations=case().allocations)))):
        (tmp_path / name).mkdir()
        run_file.save(found, tmp_path / name / "run.json")
    done = gradmeter("compare", tmp_path / "a" / "run.json", tmp_path / "b", "-v")
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "engine@after:output_references=strong" in "".join(words.split())
    assert "peak 40.0 MB instead of 48.0 MB (-1.00 arrays)" in words
    assert "times are shown without a verdict" in words
    assert "slower" not in words
    assert "1 less" in words
    failed = gradmeter("compare", tmp_path / "b", tmp_path / "a", "--fail-on", "peak>0")
    assert failed.returncode == 1
    assert "gate failed: peak>0" in failed.stdout


def test_files_without_a_common_case_are_refused(tmp_path):
    run_file.save(run(), tmp_path / "a.json")
    run_file.save(run(case(workload="matyas")), tmp_path / "b.json")
    done = gradmeter("compare", tmp_path / "a.json", tmp_path / "b.json")
    assert done.returncode == 2
    assert "share no case" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "two different variants"),
        (["engine"], "two different variants"),
        (["engine", "engine"], "two different variants"),
        (["engine", "dezzero"], "there is no workload or engine 'dezzero'; did you mean dezero?"),
        (["engine", "nowhere.json"], "two at a time"),
        (["a.json", "b.json"], "there is no run a.json"),
        (["engine", STRONG, "--fail-on", "new"], "gradmeter check"),
        (["engine", STRONG, "--fail-on", "slwer"], "no gate 'slwer'; did you mean slower?"),
        (["engine", STRONG, "--fail-on", "slower[matyas]"], "could never fail"),
        (["engine", STRONG, "--fail-on", "peak[engine]>0"], "could never fail"),
        (["engine", STRONG, "--fail-on", "slower", "--sets", "2", "--seconds", "0"], "give --sets"),
        (["engine", STRONG, "--markdown", "--json"], "exclude each other"),
        (["engine", STRONG, "--effect", "two"], "2% or 0.02"),
        (["engine", STRONG, "--effect", "0"], "more than 0"),
        (["engine", STRONG, "--effect", "nan"], "more than 0"),
        (["engine", STRONG, "--workload", "cubes"], "cubes"),
        (["engine", STRONG, "--with", "numpy==2.2"], "--with is for a pytest suite"),
        (["--python", "3.12", "--python", "3.13"], "--python is for a pytest suite"),
        (["engine", STRONG, "--bench-tests", "own"], "--bench-tests is for a pytest suite"),
        (["engine", STRONG, "--bench-all"], "--bench-all is for a pytest suite"),
        (["engine", STRONG, "--bench-install", "x"], "--bench-install is for revisions"),
        (["--rev", "main", "--", "uv", "run", "pytest"], "'uv' before pytest: a suite's command"),
        (["--rev", "main", "--", "pythonx", "-m", "pytest"], f"runs gradmeter, {sys.executable}"),
    ],
)
def test_a_call_that_makes_no_sense_is_one_sentence(tmp_path, arguments, says):
    done = gradmeter("compare", *arguments, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_suite_is_named_as_pytest_is_started(tmp_path):
    (tmp_path / "pytest").mkdir()
    for program in (["pytest"], ["/elsewhere/bin/pytest"], [sys.executable, "-m", "pytest"]):
        assert suite_arguments([*program, "tests", "-m", "pytest"]) == ["tests", "-m", "pytest"]
    for others in ([], ["squares-3", "engine"], [str(tmp_path / "pytest"), "run.json"]):
        assert suite_arguments(others) is None


def test_times_of_files_are_not_gated(tmp_path):
    run_file.save(run(), tmp_path / "a.json")
    done = gradmeter("compare", tmp_path / "a.json", tmp_path / "a.json", "--fail-on", "slower")
    assert done.returncode == 2
    assert "inside one run only" in done.stderr


def test_markdown_has_the_verdict_first_and_only_what_changed_unfolded():
    third = case(variant="engine:retain_grad=on")
    text = comparison.render(run(case(), strong(), third), [])
    assert text.startswith("## Time: ")
    unfolded, _, folded = text.partition("<details>")
    assert "strong" in unfolded
    assert "retain" not in unfolded
    assert "retain" in folded
    assert "1 without a change" in folded


@pytest.mark.parametrize("name", ["<b>x</b>", "a|b", "a\n# b", "`a`", "\u202eabc"])
def test_hostile_names_stay_text_in_markdown(name):
    found = run(case(workload=name), strong(workload=name))
    text = comparison.render(msgspec.structs.replace(found, revisions={name: name}), [])
    assert name not in text
    assert "<b>" not in text


def test_what_stays_open_on_time_names_the_command_that_counts_instructions(monkeypatch):
    words = ["compare", "engine", "engine:retain_grad=on", "--fail-on", "time>5%"]
    monkeypatch.setattr("sys.argv", ["/bin/gradmeter", *words])
    groups, _ = plan(["squares-3"], [1_000_000], [WEAK, STRONG])
    open_run = run(case(), strong())  # one set decides nothing
    line = conclusion.hint(open_run, groups)
    assert line.startswith("gradmeter compare engine engine:retain_grad=on "
                           "--fail-on 'time>5%' --instructions  (")  # fmt: skip
    counting = msgspec.structs.replace(open_run.options, instructions=True)
    assert conclusion.hint(msgspec.structs.replace(open_run, options=counting), groups) == ""
    assert conclusion.hint(run(case(times=[]), strong(times=[])), groups) == ""
    assert conclusion.hint(open_run, []) == ""  # two files, or an engine that cannot be counted
