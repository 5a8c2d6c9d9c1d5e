"""Anybody's pytest-benchmark suite under --bench-memory: exact figures, nothing else changed."""

from __future__ import annotations

import json
import re
import signal
import subprocess

import psutil
import pytest

from ..command import PATIENCE, PYTEST, process
from ..misbehaviour import within
from ..suite_files import LIGHT, OUT, PLAIN, QUICK, figures, loaded, suite

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")
MB = 1_000_000


@pytest.fixture(autouse=True)
def _columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


EVERY_WAY = """
import sys
this = sys.modules[__name__]

@pytest.mark.parametrize("n", [5, 1_000_000])
def test_call(benchmark, n):
    assert benchmark(array, n).nbytes == n

def test_keywords(benchmark):
    assert len(benchmark(lambda a, *, b: array(a + b), 3, b=4)) == 7

class TestClass:
    def test_method(self, benchmark):
        benchmark(lambda: array(7) is None)

@pytest.fixture
def used(benchmark):
    return benchmark(array, 11)

def test_a_fixture_that_calls(used):
    assert used.nbytes == 11

@pytest.fixture
def helper(benchmark):
    return lambda n: benchmark(array, n)

def test_a_fixture_that_depends(helper):
    helper(13)

def test_pedantic(benchmark):
    benchmark.pedantic(array, args=(17,), rounds=2, iterations=3, warmup_rounds=1)

def test_pedantic_by_position(benchmark):
    benchmark.pedantic(array, (18,), {}, None, None, 2)

calls = {"setup": 0, "teardown": 0}

def test_setup(benchmark):
    def setup():
        calls["setup"] += 1
        return (array(1_000_000),), {"more": 19}
    def teardown(a, more):
        assert (a.nbytes, more) == (1_000_000, 19)
        calls["teardown"] += 1
    got = benchmark.pedantic(
        lambda a, more: array(more), setup=setup, teardown=teardown, rounds=2
    )
    assert got.nbytes == 19
    rounds = 2 if benchmark.enabled else 1
    assert calls == {"setup": rounds, "teardown": rounds * benchmark.enabled}

def test_ring(benchmark):
    benchmark(Ring, 23)

def test_weave(benchmark, monkeypatch):
    # As weave and patch of pytest-benchmark do it, whose library is not installed.
    honest = array
    monkeypatch.setattr(this, "array", lambda *a: benchmark(honest, *a))
    assert array(29).nbytes == 29

def test_async(benchmark):
    import asyncio
    async def act():
        return benchmark(array, 31)
    assert asyncio.run(act()).nbytes == 31

def test_a_context_that_is_left_afterwards(benchmark, tmp_path):
    (tmp_path / "file").write_text("x" * 37)
    with (tmp_path / "file").open("rb") as file:
        def read():
            file.seek(0)
            return np.frombuffer(file.read(), np.uint8).copy()
        benchmark(read)

def test_never_calls(benchmark):
    pass

def test_without():
    pass

@pytest.mark.skip
def test_skipped(benchmark):
    pass
"""
FOUND = {
    "test_call[5]": (5, 5, 0),
    "test_call[1000000]": (MB, MB, 0),
    "test_keywords": (7, 7, 0),
    "TestClass::test_method": (7, 0, 0),
    "test_a_fixture_that_calls": (11, 11, 0),
    "test_a_fixture_that_depends": (13, 13, 0),
    "test_pedantic": (17, 17, 0),
    "test_pedantic_by_position": (18, 18, 0),
    "test_setup": (19, 19, 0),
    "test_ring": (23, 23, 23),
    "test_weave": (29, 29, 0),
    "test_async": (31, 31, 0),
    "test_a_context_that_is_left_afterwards": (37, 37, 0),
}
PASSED = len(FOUND) + 2


@pytest.mark.parametrize(
    ("options", "outcomes"),
    [
        ((), {"passed": PASSED, "skipped": 1}),
        (("--benchmark-disable",), {"passed": PASSED, "skipped": 1}),
        (("--benchmark-only",), {"passed": PASSED - 1, "skipped": 2}),
        (("-n", "2"), {"passed": PASSED, "skipped": 1}),
        (("--cov", "--cov-report="), {"passed": PASSED, "skipped": 1}),
        (("-n", "2", "--cov=.", "--cov-branch", "--cov-report="), {"passed": PASSED, "skipped": 1}),
    ],
    ids=["timed", "disabled", "only", "xdist", "cov", "xdist and cov"],
)
def test_every_way_to_call_is_measured_to_the_byte_beside_every_option(pytester, options, outcomes):
    suite(pytester, EVERY_WAY)
    done = pytester.runpytest_subprocess(*QUICK, *options)
    done.assert_outcomes(**outcomes)
    assert done.ret == 0
    assert figures(pytester) == FOUND
    run = loaded(pytester)
    assert run.finished
    assert len(run.self_tests) == 3
    text = done.stdout.str()
    assert text.count("gradmeter: exact memory of the calls above") == 1
    ours = text.partition("gradmeter: exact memory")[2].partition("written: ")[0]
    assert max(map(len, ours.splitlines())) <= 80
    assert "TestClass::test_method" in ours
    for name in ("run.json", "report.md", "report.html"):
        assert (pytester.path / OUT / name).exists()


def test_skipping_benchmarks_measures_nothing(pytester):
    suite(pytester, EVERY_WAY)
    done = pytester.runpytest_subprocess(*QUICK, "--benchmark-skip")
    assert done.parseoutcomes()["skipped"] == PASSED
    assert "no test called benchmark" in done.stdout.str()
    assert not (pytester.path / OUT / "run.json").exists()


SAME = """
import pytest

def test_sum(benchmark):
    assert benchmark(sum, [1, 2]) == 3

def test_raises(benchmark):
    def broken(): raise ZeroDivisionError("theirs")
    benchmark(broken)

def test_raises_as_it_should(benchmark):
    with pytest.raises(ZeroDivisionError):
        benchmark.pedantic(lambda: 1 / 0)

def test_twice(benchmark):
    benchmark(sum, [1])
    benchmark(sum, [1])

def test_fails_afterwards(benchmark):
    assert benchmark(sum, [1]) == 2

@pytest.mark.xfail(strict=True)
def test_expected(benchmark):
    assert benchmark(sum, [1]) == 2
"""


def test_outcomes_errors_and_statistics_are_as_without_us(pytester):
    pytester.makepyfile(SAME)
    ours = pytester.runpytest_subprocess(*QUICK, "--benchmark-json=a.json")
    theirs = pytester.runpytest_subprocess(*PLAIN, "--benchmark-json=b.json", "-p", "no:gradmeter")
    assert ours.ret == theirs.ret == 1
    assert ours.parseoutcomes() == theirs.parseoutcomes()
    said = [re.sub("0x[0-9a-f]+", "0x", done.stdout.str()) for done in (ours, theirs)]
    failures = [text.partition("= FAILURES =")[2].partition("benchmark: ")[0] for text in said]
    failures = [text.rstrip("- ") for text in failures]  # a table's heading is as wide as its times
    assert failures[0] == failures[1]
    assert failures[0].count("E   ZeroDivisionError: theirs") == 1
    assert "Fixture can only be used once" in failures[0]
    a, b = (json.loads((pytester.path / name).read_text()) for name in ("a.json", "b.json"))
    assert a["machine_info"].keys() == b["machine_info"].keys()
    assert [entry["name"] for entry in a["benchmarks"]] == [e["name"] for e in b["benchmarks"]]
    for entry, other in zip(a["benchmarks"], b["benchmarks"], strict=True):
        assert entry["stats"].keys() == other["stats"].keys()
        assert entry["options"] == other["options"]
        assert not other["extra_info"]
        assert all(type(value) in (int, bool) for value in entry["extra_info"].values())
    assert a["benchmarks"][0]["extra_info"] == {
        "deterministic": True,
        "peak_bytes": 0,
        "held_bytes": 0,
        "dropped_bytes": 0,
        "cycle_bytes": 0,
        "cycle_objects": 0,
        "leaked_bytes": 0,
        "growth_bytes": 0,
        "allocations": 0,
        "allocated_bytes": 0,
    }
    # What raised has no figures, what went well before has them.
    names = set(figures(pytester))
    assert names == {"test_sum", "test_twice", "test_fails_afterwards", "test_expected"}


def test_saving_and_comparing_work_and_hold_the_figures(pytester):
    suite(pytester, "def test_it(benchmark): benchmark(array, 7)")
    done = pytester.runpytest_subprocess(*PLAIN, "--benchmark-save=base")
    assert done.ret == 0
    done = pytester.runpytest_subprocess(
        *QUICK, "--benchmark-save=now", "--benchmark-compare=0001", "--benchmark-compare-fail=min:1"
    )
    assert done.ret == 0, done.stdout.str()
    assert "machine_info is different" not in done.stdout.str() + done.stderr.str()
    (saved,) = pytester.path.glob(".benchmarks/*/0002_now.json")
    (entry,) = json.loads(saved.read_text())["benchmarks"]
    assert entry["extra_info"]["peak_bytes"] == 7


STATE = """
@pytest.fixture(autouse=True)
def as_before():
    gc.disable()
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
    yield
    assert not gc.isenabled()
    assert gc.get_debug() == gc.DEBUG_UNCOLLECTABLE
    assert not tracemalloc.is_tracing()
    gc.enable()
    gc.set_debug(0)

def test_well(benchmark):
    benchmark(Ring, 5)
    assert not gc.isenabled() and not tracemalloc.is_tracing()

calls = []
def once():
    calls.append(1)
    if len(calls) > 1:
        raise LookupError("only once")
    return "theirs"

def test_one_shot(benchmark):
    assert benchmark.pedantic(once) == "theirs"

def test_outcome(benchmark):
    done = []
    def target():
        done.append(1)
        if len(done) > 1:
            pytest.fail("not twice")
    benchmark.pedantic(target)

def test_stops_tracing(benchmark):
    benchmark(tracemalloc.stop)

sizes = iter(range(1, 100))
def test_grows(benchmark):
    benchmark.pedantic(lambda: array(next(sizes)))

kept = []
def test_leaks(benchmark):
    benchmark.pedantic(lambda: kept.append(array(10)))
"""


def test_a_pass_that_fails_fails_no_test_and_leaves_everything_as_it_was(pytester):
    suite(pytester, STATE)
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=6)
    assert done.ret == 0
    cases = {case.workload.partition("::")[2]: case for case in loaded(pytester).cases}
    assert cases["test_one_shot"].failure.message == "only once"
    assert cases["test_outcome"].failure.message == "not twice"
    assert "stopped tracemalloc" in cases["test_stops_tracing"].failure.message
    assert not cases["test_grows"].deterministic
    assert cases["test_leaks"].cycles.leaked == 10
    text = " ".join(done.stdout.str().split())
    assert "test_one_shot: no exact figures, memory pass: LookupError: only once" in text
    assert "test_grows: its passes disagree, so its bytes are not exact: peaks of 2 B, 3 B," in text
    assert "test_leaks: 10 B are alive even after a collection" in text


def test_tracing_that_is_on_is_left_on_and_told_once(pytester):
    pytester.makeconftest("import tracemalloc\ntracemalloc.start(2)")
    suite(
        pytester,
        "@pytest.mark.parametrize('n', range(3))\n"
        "def test_it(benchmark, n):\n"
        "    benchmark(array, 5)\n"
        "    assert tracemalloc.get_traceback_limit() == 2 and tracemalloc.is_tracing()\n"
        "    assert not benchmark.extra_info\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=3)
    assert done.ret == 0
    text = done.stdout.str()
    assert text.count("tracemalloc is tracing already") == 1
    assert "gradmeter: 3 tests without memory figures: " in text


def test_one_test_that_traces_for_itself_costs_its_own_figures_only(pytester):
    suite(
        pytester,
        "def test_traces(benchmark):\n"
        "    tracemalloc.start()\n"
        "    benchmark(array, 5)\n"
        "    tracemalloc.stop()\n"
        "def test_it(benchmark): benchmark(array, 5)\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=2)
    assert figures(pytester) == {"test_it": (5, 5, 0)}
    assert "1 test without memory figures: tracemalloc is tracing" in done.stdout.str()


@pytest.mark.parametrize("door", [["--bench-memory"], ["-o", "bench_memory=true"]])
def test_without_pytest_benchmark_a_sentence_says_so(pytester, door):
    pytester.makepyfile("def test_nothing(): pass")
    done = pytester.runpytest_subprocess(*LIGHT, "-p", "no:benchmark", *door)
    assert done.ret == 0
    text = done.stdout.str()
    assert text.count("--bench-memory measures what pytest-benchmark calls") == 1
    assert not (pytester.path / "reports").exists()


def test_collecting_only_makes_nothing(pytester):
    suite(pytester, EVERY_WAY)
    done = pytester.runpytest_subprocess(*QUICK, "--collect-only", "-q")
    assert done.ret == 0
    assert not (pytester.path / "reports").exists()


ENDS = """
def test_one(benchmark): benchmark(array, 5)
def test_two(benchmark): benchmark(array, 6)
def test_end(benchmark):
    calls = []
    def target():
        calls.append(1)
        if len(calls) > {after}:
            {end}
    benchmark.pedantic(target)
def test_never(benchmark): benchmark(array, 7)
"""


@pytest.mark.parametrize(
    ("end", "after", "options"),
    [
        ("raise KeyboardInterrupt", 0, ()),
        ("import os; os._exit(9)", 0, ()),
        ("raise ValueError", 0, ("-x",)),
        ("raise ValueError", 0, ("-x", "-n", "1")),
        ("pytest.exit('enough')", 0, ()),
    ],
    ids=["Ctrl-C", "a crash", "-x", "-x under xdist", "exit"],
)
def test_a_session_that_ends_early_leaves_what_it_measured(pytester, end, after, options):
    suite(pytester, ENDS.format(end=end, after=after))
    done = pytester.runpytest_subprocess(*QUICK, *options)
    assert done.ret != 0
    run = loaded(pytester)
    assert not run.finished
    assert figures(pytester) == {"test_one": (5, 5, 0), "test_two": (6, 6, 0)}
    if "_exit" not in end:
        assert "This run was not finished." in done.stdout.str()
        assert (pytester.path / OUT / "report.md").exists()
        assert not (pytester.path / OUT / "report.html").exists()


def test_a_real_ctrl_c_in_a_pass_gives_the_collector_back(pytester):
    suite(
        pytester,
        "import time\n"
        "def test_one(benchmark): benchmark(array, 5)\n"
        "calls = []\n"
        "def target():\n"
        "    calls.append(1)\n"
        "    if len(calls) > 1:\n"
        "        time.sleep(60)\n"
        "def test_long(benchmark):\n"
        "    try:\n"
        "        benchmark.pedantic(target)\n"
        "    finally:\n"
        "        state = gc.isenabled(), gc.get_debug(), tracemalloc.is_tracing()\n"
        "        open('state', 'w').write(repr(state))\n",
    )
    with process(PYTEST, *QUICK, cwd=pytester.path, stderr=subprocess.STDOUT) as session:
        path = pytester.path / OUT / "run.json"
        # When the first test has its figures, the pass that runs is that of the second one.
        assert within(lambda: path.exists() and "test_one" in path.read_text())
        assert within(lambda: psutil.Process(session.pid).children())
        forked = psutil.Process(session.pid).children()
        session.send_signal(signal.SIGINT)
        said, _ = session.communicate(timeout=PATIENCE)
    assert session.returncode == pytest.ExitCode.INTERRUPTED, said
    assert "INTERNALERROR" not in said
    assert forked
    assert not forked[0].is_running()
    assert (pytester.path / "state").read_text() == "(True, 0, False)"
    assert figures(pytester) == {"test_one": (5, 5, 0)}


def test_a_file_that_is_not_ours_is_left_as_it_is_and_nothing_is_run(pytester):
    suite(pytester, "def test_one(benchmark): open('ran', 'w').close()")
    folder = pytester.path / OUT
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    done = pytester.runpytest_subprocess(*QUICK)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "is no run file" in done.stderr.str()
    assert (folder / "run.json").read_text() == "{}"
    assert not (pytester.path / "ran").exists()
    done = pytester.runpytest_subprocess(*QUICK, "--bench-out=test_theirs.py")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "choose another with --bench-out" in done.stderr.str()


def test_a_folder_that_goes_away_is_told_at_the_end_and_fails_the_session(pytester):
    suite(
        pytester,
        "import pathlib, shutil\n"
        "def test_one(benchmark):\n"
        "    shutil.rmtree('reports')\n"
        "    pathlib.Path('reports').write_text('mine')\n"
        "    benchmark(array, 5)\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=1)
    assert done.ret == 1
    assert "run.json cannot be written" in done.stdout.str()
    assert "INTERNALERROR" not in done.stdout.str()
