"""A test that passes without --bench-memory passes with it, whatever its call does and counts."""

from __future__ import annotations

import pytest

from ..suite_files import LIGHT, PLAIN, QUICK, figures, loaded, suite

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

SEES = """
import logging, os, sqlite3, sys, threading
from unittest.mock import Mock

def test_rows(benchmark):
    rows = []
    benchmark.pedantic(rows.append, args=(1,), rounds=1)
    assert len(rows) == 1

def test_mock(benchmark):
    mock = Mock(return_value=None)
    benchmark.pedantic(mock, args=(1,))
    mock.assert_called_once_with(1)

def test_capsys(benchmark, capsys):
    benchmark.pedantic(lambda: print("once"))
    assert capsys.readouterr().out == "once\\n"

def test_capfd(benchmark, capfd):
    benchmark.pedantic(lambda: os.write(1, b"once"))
    assert capfd.readouterr().out == "once"

def test_caplog(benchmark, caplog):
    benchmark.pedantic(lambda: logging.getLogger("theirs").error("once"))
    assert len(caplog.records) == 1

def test_file(benchmark, tmp_path):
    def append():
        with (tmp_path / "file").open("a") as file:
            file.write("once")
    benchmark.pedantic(append)
    assert (tmp_path / "file").read_text() == "once"

def test_open_file(benchmark, tmp_path):
    with (tmp_path / "file").open("w+") as file:
        benchmark.pedantic(lambda: print("once", end="", file=file, flush=True))
        file.seek(0)
        assert file.read() == "once"

def test_reads(benchmark, tmp_path):
    (tmp_path / "file").write_text("1 2 3")
    with (tmp_path / "file").open("rb", buffering=0) as file:
        assert benchmark.pedantic(file.read, args=(2,)) == b"1 "
        assert file.read() == b"2 3"

def test_database(benchmark, tmp_path):
    database = sqlite3.connect(tmp_path / "db")
    database.execute("create table t (a)")
    def insert():
        database.execute("insert into t values (1)")
        database.commit()
    benchmark.pedantic(insert)
    assert database.execute("select count(*) from t").fetchall() == [(1,)]
    database.close()

def test_one_shot(benchmark):
    left = [1]
    assert benchmark.pedantic(left.pop) == 1

@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_later_end(benchmark, end):
    calls = []
    def target():
        calls.append(1)
        if len(calls) > 1:
            raise end("later")
    benchmark.pedantic(target)

def test_crash(benchmark):
    calls = []
    def target():
        calls.append(1)
        if len(calls) > 1:
            os.abort()
    benchmark.pedantic(target)

def test_environment(benchmark, monkeypatch):
    monkeypatch.delenv("COUNT", raising=False)
    def target():
        os.environ["COUNT"] = os.environ.get("COUNT", "") + "x"
    benchmark.pedantic(target)
    assert os.environ["COUNT"] == "x"

def test_collector(benchmark):
    gc.freeze()
    frozen = gc.get_freeze_count()
    benchmark.pedantic(array, (5,))
    assert frozen - 1000 < gc.get_freeze_count() <= frozen
    gc.unfreeze()

def test_thread(benchmark):
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    benchmark.pedantic(array, (7,))
    stop.set()
    thread.join()

@pytest.mark.bench_memory(False)
def test_left_out(benchmark):
    benchmark(array, 5)

@pytest.mark.bench_memory(False)
class TestLeftOut:
    def test_it(self, benchmark):
        benchmark(array, 5)

    @pytest.mark.bench_memory(max_peak=5)
    def test_but_this(self, benchmark):
        benchmark(array, 5)
"""
PASSED = 20


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-n", "2"),
        ("--benchmark-disable",),
        ("-p", "no:cacheprovider", "-o", "faulthandler_timeout=60"),
        ("-s",),
        ("--cov", "--cov-report="),
        ("-W", "error"),
    ],
    ids=lambda options: " ".join(options[:2]) or "plain",
)
def test_no_test_sees_that_its_call_is_measured(pytester, options):
    suite(pytester, SEES)
    done = pytester.runpytest_subprocess(*QUICK, *options)
    assert done.parseoutcomes() == {"passed": PASSED}, done.stdout.str()
    assert done.ret == 0
    read = figures(pytester)
    assert not {"test_left_out", "TestLeftOut::test_it"} & read.keys()
    for name, size in (
        ("test_collector", 5),
        ("test_thread", 7),
        ("TestLeftOut::test_but_this", 5),
    ):
        assert read[name] == (size, size, 0)
    for name in ("rows", "mock", "capsys", "capfd", "caplog", "open_file", "reads", "database"):
        assert read[f"test_{name}"] == (0, 0, 0)
    assert "for writing, and a test could see that" in read["test_file"]
    assert read["test_one_shot"] == "pop from empty list"
    assert read["test_later_end[SystemExit]"] == "later"
    assert "SIGABRT" in read["test_crash"]


def test_a_session_is_without_us_what_it_is_with_us(pytester):
    suite(pytester, SEES)
    done = pytester.runpytest_subprocess(*PLAIN, "-p", "no:gradmeter", "-W", "ignore")
    done.assert_outcomes(passed=PASSED)


def test_a_call_that_hangs_afterwards_costs_its_own_figures_only(pytester):
    pytester.makeconftest(
        "from gradmeter.bench.meters import call_in_fork as meter\n"
        "meter.LEAST_SECONDS, meter.LONGER = 1.0, 0\n"
    )
    suite(
        pytester,
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def test_pool(benchmark):\n"
        "    with ThreadPoolExecutor(1, 'theirs') as pool:\n"
        "        benchmark(lambda: pool.submit(array, 5).result())\n"
        "def test_it(benchmark): benchmark(array, 5)\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=2)
    read = figures(pytester)
    assert read["test_it"] == (5, 5, 0)
    assert "running after 1 s (a forked process has no thread theirs_0)" in read["test_pool"]


def test_a_budget_that_cannot_be_judged_fails_its_test_and_says_why(pytester):
    suite(
        pytester,
        "import os\n"
        "@pytest.mark.bench_memory(max_peak=5)\n"
        "def test_writes(benchmark, tmp_path): benchmark((tmp_path / 'x').touch)\n"
        "@pytest.mark.bench_memory(max_peak=5)\n"
        "def test_keeps(benchmark, tmp_path): benchmark(array, 5)\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=1, failed=1)
    said = " ".join(done.stdout.str().split())
    assert "the budget cannot be judged: it changes the times of " in said


def test_without_fork_no_call_is_repeated_and_a_sentence_says_why(pytester):
    pytester.makeconftest(
        "import os\ndef refuse(): raise BlockingIOError('no more processes')\nos.fork = refuse\n"
    )
    suite(pytester, SEES.replace("os.abort()", "raise ValueError"))
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=PASSED)
    said = " ".join(done.stdout.str().split())
    assert "18 tests without memory figures" in said
    assert "cannot be forked: no more processes" in said


def test_a_call_that_keeps_its_last_array_is_told_from_one_that_adds_to_them(pytester):
    suite(
        pytester,
        "state, cache = {}, []\n"
        "def keep(): state['a'] = array(8000)\n"
        "def add(): cache.append(array(10))\n"
        "def test_keeps(benchmark): benchmark(keep)\n"
        "def test_adds(benchmark): benchmark(add)\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=2)
    kept = {case.workload.partition("::")[2]: case.kept for case in loaded(pytester).cases}
    assert kept == {"test_keeps": [8000] * 5, "test_adds": [10, 20, 30, 40, 50]}
    said = " ".join(done.stdout.str().split())
    assert "test_keeps: 8,000 B are alive even after a collection, and no further call adds" in said
    assert "test_adds: 10 B are alive even after a collection, and each call adds" in said


def test_an_older_object_that_the_call_drops_in_a_cycle_is_a_cycle(pytester):
    suite(
        pytester,
        "class Box: pass\n"
        "boxes = [Box() for _ in range(10)]\n"
        "def drop():\n"
        "    box = boxes.pop()\n"
        "    box.array, box.itself = array(9), box\n"
        "def test_drops(benchmark): benchmark.pedantic(drop)\n",
    )
    pytester.runpytest_subprocess(*QUICK).assert_outcomes(passed=1)
    assert figures(pytester) == {"test_drops": (9, 9, 9)}


def test_memory_that_is_not_of_numpy_is_said_to_be_unseen(pytester):
    suite(
        pytester,
        "def test_bytes(benchmark): benchmark(lambda: b'x' * 50_000_000)\n"
        "def test_array(benchmark): benchmark(np.ones, 5_000_000)\n"
        "def test_list(benchmark): benchmark(lambda: len([[i] for i in range(200_000)]))\n",
    )
    pytester.runpytest_subprocess(*QUICK).assert_outcomes(passed=3)
    held, none, peak = (case.unseen for case in loaded(pytester).cases)
    assert abs(held.peak - 50_000_000) < 1_000_000
    assert abs(held.held - 50_000_000) < 1_000_000
    assert none is None
    assert peak.peak > 10_000_000
    assert peak.held < peak.peak / 2


STAND_INS = """
import pytest

class Closed:
    # As pytest-codspeed's, which pretends to be pytest-benchmark's.
    extra_info = {}
    @property
    def __class__(self):
        from pytest_benchmark.fixture import BenchmarkFixture
        return BenchmarkFixture
    def __call__(self, target, *args, **kwargs):
        return target(*args, **kwargs)

"""


@pytest.mark.parametrize(
    ("fixture", "said"),
    [
        ("def benchmark():\n    return Closed()", "conftest.Closed"),
        (
            "def benchmark():\n    from unittest.mock import Mock\n"
            "    from pytest_benchmark.fixture import BenchmarkFixture\n"
            "    return Mock(spec=BenchmarkFixture, return_value=np.empty(5, np.uint8))",
            "unittest.mock.Mock",
        ),
    ],
    ids=["a class that pretends", "a mock"],
)
def test_a_stand_in_for_the_fixture_is_left_alone_and_told_once(pytester, fixture, said):
    pytester.makeconftest(f"import numpy as np\n{STAND_INS}@pytest.fixture\n{fixture}\n")
    suite(
        pytester,
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_it(benchmark, n):\n"
        "    assert benchmark is None or benchmark(array, 5).nbytes == 5\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=2)
    assert done.ret == 0
    text = " ".join(done.stdout.str().split())
    assert "2 tests without memory figures: the fixture benchmark is " in text
    assert text.count(said) == 1


def test_a_fixture_that_stands_on_the_other_is_measured(pytester):
    pytester.makeconftest(
        "import pytest\n"
        "@pytest.fixture\n"
        "def benchmark(benchmark):\n"
        "    benchmark.extra_info['theirs'] = 1\n"
        "    return benchmark\n"
    )
    suite(pytester, "def test_it(benchmark): assert benchmark(array, 5).nbytes == 5")
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=1)
    assert figures(pytester) == {"test_it": (5, 5, 0)}
    assert "without memory figures" not in done.stdout.str()


def test_a_plugin_that_replaces_the_methods_gets_the_arguments_as_they_are(pytester):
    # As pytest-benchmem does it, whose pedantic takes nothing but its first three by position.
    pytester.makeconftest(
        "from pytest_benchmark.fixture import BenchmarkFixture\n"
        "stock = BenchmarkFixture.pedantic\n"
        "def pedantic(self, target, args=(), kwargs=None, *, setup=None, rounds=1, **how):\n"
        "    return stock(self, target, args, kwargs, setup=setup, rounds=rounds, **how)\n"
        "BenchmarkFixture.pedantic = pedantic\n"
    )
    suite(
        pytester,
        "def test_it(benchmark):\n"
        "    assert benchmark.pedantic(array, (5,), rounds=2).nbytes == 5\n"
        "def test_names(benchmark):\n"
        "    benchmark.pedantic(target=array, setup=lambda: ((6,), {}))\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=2)
    assert figures(pytester) == {"test_it": (5, 5, 0), "test_names": (6, 6, 0)}


def test_a_project_without_the_other_plugin_has_its_own_fixture(pytester):
    suite(
        pytester,
        "@pytest.fixture(scope='module')\n"
        "def benchmark(): return lambda f, *args: f(*args)\n"
        "def test_it(benchmark): assert benchmark(array, 5).nbytes == 5",
    )
    done = pytester.runpytest_subprocess(*LIGHT, "-p", "no:benchmark", "--bench-memory")
    done.assert_outcomes(passed=1)
    assert done.ret == 0
