"""The pytest door: pytest-benchmark shows what the workers measured, and keeps all its own ways."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest

from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Run

from ..command import PATIENCE, PYTEST, gradmeter, process
from ..misbehaviour import within
from ..suite_files import LIGHT

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

SUITE = """
    from gradmeter import cases

    @cases(["squares-3"], [16, 17], ["engine", "engine:output_references=strong"])
    def test_cost(measure, question):
        measure(question)
"""
ONE = """
    from gradmeter import cases

    @cases(["squares-3"], [16], ["engine"])
    def test_cost(measure, question):
        measure(question)
"""
# One set is enough to see how figures travel.
QUICK = (
    *LIGHT, "--benchmark-only", "--benchmark-max-time=0", "--benchmark-min-rounds=2",
    "--bench-sets=1",
)  # fmt: skip
OUT = "reports/latest/run.json"


@pytest.fixture
def suite(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    pytester.makepyfile(test_suite=SUITE)
    return pytester


@pytest.fixture
def one(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    pytester.makepyfile(test_suite=ONE)
    return pytester


def loaded(pytester) -> Run:
    return run_file.load(pytester.path / OUT)


def test_table_json_and_our_section_show_what_the_workers_measured(suite):
    done = suite.runpytest_subprocess(*QUICK, "--benchmark-json=b.json")
    done.assert_outcomes(passed=4)
    run = loaded(suite)
    assert run.finished
    found = json.loads((suite.path / "b.json").read_text())
    assert "gradmeter" in found["machine_info"]
    assert len(found["benchmarks"]) == len(run.cases) == 4
    for entry in found["benchmarks"]:
        extra = entry["extra_info"]
        case = run.case(extra["workload"], extra["size"], extra["variant"])
        assert len(case.seconds) >= 2
        assert entry["stats"]["data"] == pytest.approx(case.seconds, rel=1e-6)
        assert entry["stats"]["rounds"] == len(case.seconds)
        assert extra["peak_bytes"] == case.memory.peak == case.predicted.peak
        assert extra["cycle_bytes"] == case.cycles.bytes
        assert all(type(value) in (int, str, bool) for value in extra.values())
    text = done.stdout.str()
    assert "squares-3 x 16" in text
    assert "benchmark 'squares-3 x 16': 2 tests" in text
    ours = text.partition("gradmeter: memory and time")[2].partition("written: ")[0]
    laws = "strong (engine:output_references=strong) squares-3 4 -> 5 3 -> 5 0 -> 5"
    assert laws in " ".join(ours.split())  # arrays, at both sizes
    assert "Laws" not in ours
    assert max(map(len, ours.splitlines())) <= 80
    assert (suite.path / "reports/latest/report.md").exists()


def test_exact_bytes_alone_show_the_first_run_of_each_case(suite):
    done = suite.runpytest_subprocess(
        *LIGHT, "--benchmark-only", "--bench-exact", "--benchmark-json=b.json", "-v",
        "--benchmark-quiet",
    )  # fmt: skip
    done.assert_outcomes(passed=4)
    run = loaded(suite)
    found = json.loads((suite.path / "b.json").read_text())["benchmarks"]
    for entry, case in zip(found, run.cases, strict=True):
        assert (case.residency, case.times) == (None, [])
        assert entry["extra_info"]["peak_bytes"] == case.memory.peak == case.predicted.peak
        assert entry["stats"]["data"] == pytest.approx([case.first_run])
    text = done.stdout.str()
    assert "gradmeter: exact memory of the cases above" in text
    assert "engine:output_references=strong 5 5 5 4 5 equal" in " ".join(text.split())
    assert "Laws in arrays" in text  # every table, as -v has it
    assert "2 tests" not in text  # pytest-benchmark's tables are as its options say


def test_selecting_measures_only_what_is_selected(suite):
    done = suite.runpytest_subprocess(*QUICK, "-k", "16-engine and not strong")
    done.assert_outcomes(passed=1, deselected=3)
    assert [case.key for case in loaded(suite).cases] == [("squares-3", 16, "engine")]


def test_grouping_saving_and_comparing_work_and_our_section_comes_before_a_failed_comparison(one):
    first = one.runpytest_subprocess(*QUICK, "--benchmark-save=base", "--benchmark-group-by=param")
    assert first.ret == 0
    (saved,) = one.path.glob(".benchmarks/*/0001_base.json")
    faster = json.loads(saved.read_text())
    for entry in faster["benchmarks"]:
        entry["stats"].update(min=1e-12, mean=1e-12, median=1e-12, max=1e-12)
    saved.write_text(json.dumps(faster))
    done = one.runpytest_subprocess(
        *QUICK, "--benchmark-compare=0001", "--benchmark-compare-fail=mean:1%"
    )
    assert done.ret != 0
    assert "0001_base" in done.stdout.str()
    done.stdout.fnmatch_lines(["*gradmeter: memory and time*", "*written: *run.json, report.md*"])


def test_rounds_and_time_steer_the_runner(one):
    done = one.runpytest_subprocess(
        *LIGHT, "--benchmark-only", "--benchmark-max-time=0.25", "--benchmark-min-rounds=11"
    )
    done.assert_outcomes(passed=1)
    run = loaded(one)
    assert (run.options.budget, run.options.min_rounds) == (0.25, 11)
    assert len(run.cases[0].seconds) >= 11


@pytest.mark.parametrize(
    "option",
    ["--benchmark-warmup=on", "--benchmark-cprofile=tottime"],
)
def test_an_option_that_cannot_apply_says_so_and_does_no_harm(one, option):
    done = one.runpytest_subprocess(*QUICK, option)
    done.assert_outcomes(passed=1)
    assert f"{option.partition('=')[0]} does not apply" in done.stdout.str()


@pytest.mark.parametrize("options", [(), ("--benchmark-disable",)])
def test_without_being_asked_to_measure_each_case_runs_once(suite, options):
    done = suite.runpytest_subprocess(*LIGHT, *options)
    done.assert_outcomes(passed=4)
    assert not (suite.path / "reports").exists()
    assert "gradmeter: memory" not in done.stdout.str()


def test_a_smoke_test_fails_where_the_workload_does(one):
    one.makeconftest(
        "from gradmeter import engine\ndef no(x): raise ValueError('broken')\nengine.square = no\n"
    )
    done = one.runpytest_subprocess(*LIGHT)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*broken*"])


def test_a_case_that_fails_fails_its_own_test_only(suite, monkeypatch):
    hook = suite.mkdir("hook")
    (hook / "sitecustomize.py").write_text(
        "import sys, os\n"
        "if any('start_worker' in word for word in sys.orig_argv):\n"
        "    from gradmeter import engine\n"
        "    honest = engine.square\n"
        "    def square(x):\n"
        "        if engine.Config.output_references == 'strong': os._exit(9)\n"
        "        return honest(x)\n"
        "    engine.square = square\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(hook))
    done = suite.runpytest_subprocess(*QUICK, "--benchmark-json=b.json")
    done.assert_outcomes(passed=2, failed=2)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*crashed: the worker ended with exit code 9*"])
    assert len(json.loads((suite.path / "b.json").read_text())["benchmarks"]) == 2


def test_a_folder_that_cannot_be_written_ends_the_session_with_a_sentence(one):
    (one.path / "file").write_text("mine")
    done = one.runpytest_subprocess(*QUICK, "--bench-out=file")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "nothing can be written" in done.stdout.str() + done.stderr.str()
    assert "Traceback" not in done.stdout.str() + done.stderr.str()
    assert (one.path / "file").read_text() == "mine"


def test_a_workload_that_does_not_exist_is_told_in_a_sentence(pytester):
    pytester.makepyfile(ONE.replace("squares-3", "cubes-3"))
    done = pytester.runpytest_subprocess(*QUICK)
    assert done.ret != 0
    assert "INTERNALERROR" not in done.stdout.str()
    assert "there is no workload 'cubes-3'" in done.stdout.str()


def test_ctrl_c_leaves_a_valid_run_file(one):
    words = (PYTEST, *LIGHT, "--benchmark-only", "--benchmark-max-time=60")
    with process(*words, cwd=one.path, stderr=subprocess.STDOUT) as session:
        assert within(lambda: session.poll() is not None or (one.path / OUT).exists())
        session.send_signal(signal.SIGINT)
        said, _ = session.communicate(timeout=PATIENCE)
    assert session.returncode == pytest.ExitCode.INTERRUPTED
    assert "INTERNALERROR" not in said
    assert not loaded(one).finished


ORDINARY = """
    import pytest

    def test_sum(benchmark):
        assert benchmark(sum, [1, 2]) == 3

    @pytest.mark.parametrize("question", [1])
    def test_question(benchmark, question):
        benchmark.pedantic(sum, args=([1],), rounds=3)

    def test_nothing():
        pass
"""


def test_an_ordinary_suite_is_as_it_would_be_without_us(pytester):
    pytester.makepyfile(ORDINARY)
    quick = (*LIGHT, "--benchmark-max-time=0.01", "--benchmark-min-rounds=1", "-q")
    ours = pytester.runpytest_subprocess(*quick, "--benchmark-json=a.json")
    theirs = pytester.runpytest_subprocess(*quick, "--benchmark-json=b.json", "-p", "no:gradmeter")
    ours.assert_outcomes(passed=3)
    theirs.assert_outcomes(passed=3)
    a, b = (json.loads((pytester.path / name).read_text()) for name in ("a.json", "b.json"))
    assert a["machine_info"].keys() == b["machine_info"].keys()
    assert a["benchmarks"][0].keys() == b["benchmarks"][0].keys()
    assert "gradmeter" not in ours.stdout.str()
    assert not (pytester.path / "reports").exists()


@pytest.mark.parametrize(
    "options", [("-p", "no:benchmark"), ("-p", "no:terminal"), ("-p", "no:capture")]
)
def test_without_another_plugin_we_are_silent(pytester, options):
    pytester.makepyfile("def test_nothing(): pass")
    done = pytester.runpytest_subprocess(*LIGHT, *options)
    assert done.ret == 0
    assert "gradmeter: " not in done.stdout.str() + done.stderr.str()


def test_collecting_only_measures_nothing(suite):
    done = suite.runpytest_subprocess(*LIGHT, "--collect-only", "-q", "--benchmark-only")
    assert "test_cost[squares-3-16-engine:output_references=strong]" in done.stdout.str()
    assert not (suite.path / "reports").exists()


def test_the_suites_modules_run_as_smoke_tests(pytestconfig):
    ours = "10000- and not bench_engines and not bench_compile"  # which need others
    # A new process: with our settings, pytest warns of modules that are imported already.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *LIGHT, "bench/suite", "-q", "-k", ours],
        cwd=pytestconfig.rootpath, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "64 passed" in done.stdout


def gated(suite, *arguments):
    done = suite.runpytest_subprocess(*QUICK, "-k", "16-", *arguments)
    return done, done.stdout.str()


def test_gates_fail_the_session_on_one_screen_after_our_table(suite):
    done, _ = gated(suite)
    told = done.stderr.str().splitlines()
    assert "gradmeter measures all cases first (2), then tests show them" in told
    made = gradmeter("baseline", suite.path / "reports/latest", "--out", suite.path / "b.json")
    assert made.returncode == 0, made.stderr
    done, text = gated(suite, "--bench-against=b.json")
    assert done.ret == 0
    assert "passed: peak>0 held>0 cycle>0; 2 cases compared" in text
    baseline = suite.path / "b.json"
    words = baseline.read_text().replace('"cycle":640', '"cycle":8')
    baseline.write_text(re.sub('"(peak|backward|held)":640', r'"\1":639', words))
    done, text = gated(suite, "--bench-against=b.json")
    assert done.ret == 1
    done.assert_outcomes(passed=2, deselected=2)  # the tests themselves are fine
    assert "gate failed: cycle>0: squares-3 x 16 engine:output_references=strong" in text
    assert "gate failed: peak>0" in text
    done, text = gated(suite, "--bench-against=b.json", "--bench-fail-on=peak>1%")
    assert done.ret == 0
    done, text = gated(suite, "--bench-fail-on=peak<=600B")
    assert done.ret == 1
    assert "40 B over it" in text


def test_a_first_session_without_a_baseline_succeeds_and_is_not_judged(suite):
    done, text = gated(suite, "--bench-against=none.json")
    assert done.ret == 0
    assert "nothing was judged: there is no baseline" in text
    assert "none.json yet; make one and commit it: gradmeter baseline" in text
    assert "passed: " not in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bench-fail-on=peak>"], "--bench-fail-on 'peak>' does not parse at the end"),
        (["--bench-fail-on=peak>0"], "--bench-against FILE"),
        (["--bench-fail-on=slower"], "--bench-sets 8"),
        (["--bench-sets=0"], "--bench-sets 0"),
    ],
)
def test_gates_that_could_never_fail_are_refused_before_anything_is_measured(
    suite, arguments, says
):
    done = suite.runpytest_subprocess(*QUICK[:-1], *arguments)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert says in done.stderr.str()
    assert not (suite.path / "reports").exists()


def test_gates_without_measurements_say_that_they_judged_nothing(suite):
    done = suite.runpytest_subprocess(
        *LIGHT, "--bench-fail-on=peak<=1B", "-k", "16-engine and not strong"
    )
    assert done.ret == 0
    assert "no gate is judged" in done.stdout.str()


def test_a_baseline_that_cannot_be_read_is_refused_before_anything_is_measured(suite):
    (suite.path / "b.json").write_text("{")
    done, _ = gated(suite, "--bench-against=b.json")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "cannot be read as a baseline" in done.stderr.str()
    assert not (suite.path / "reports").exists()
