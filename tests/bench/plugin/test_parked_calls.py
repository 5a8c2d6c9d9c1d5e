"""What tests do around their call: as pytest-benchmark treats it, or said with the reason."""

from __future__ import annotations

import pytest

from ..repositories import Result, clean, compare, repository

CODE = "import numpy as np\ndef call(): return {}\ndef new(): return 1\n"
SUITE = r"""
import asyncio, ctypes, os, sys, threading, unittest
import pytest
import pkg

IDS = ["[x]", "a/b c", "ü", "::", "", "y" * 300, "a\nb", "-", "\\", "*", "x::[y]"]
LOG = os.environ["LOG"]

def note(word):
    with open(LOG, "a") as file: file.write(word + "\n")

@pytest.mark.parametrize("value", IDS, ids=lambda v: v)
def test_id(benchmark, value): benchmark(pkg.call)

# Fixtures.
@pytest.fixture(scope="session")
def session_wide(): return [1]
@pytest.fixture(scope="module")
def module_wide(session_wide): return session_wide
@pytest.fixture
def torn_down(tmp_path):
    (tmp_path / "file").write_text("x")
    yield tmp_path / "file"
    note("torn down")
def test_fixtures(benchmark, module_wide, torn_down): benchmark(torn_down.read_text)
def test_writes(benchmark, tmp_path): benchmark((tmp_path / "file").write_text, "x")
def test_capsys(benchmark, capsys):
    benchmark(print, "x")
    assert "x" in capsys.readouterr().out
def test_capfd(benchmark, capfd):
    benchmark(os.write, 1, b"y")
    assert "y" in capfd.readouterr().out
def test_monkeypatch(benchmark, monkeypatch):
    monkeypatch.setattr(pkg, "call", lambda: 5)
    assert benchmark(pkg.call) == 5
class TestClass:
    @pytest.fixture(autouse=True)
    def _set_up(self): self.value = 3
    def test_method(self, benchmark): assert benchmark(lambda: self.value) == 3
class TestUnit(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _set_up(self, benchmark): self.benchmark = benchmark
    def test_unit(self): self.benchmark(pkg.call)

# pytest-benchmark.
def test_setup(benchmark):
    benchmark.pedantic(lambda a: a.pop(), setup=lambda: (([1],), {}), rounds=3)
def test_teardown(benchmark):
    benchmark.pedantic(pkg.call, teardown=lambda: None, rounds=2, warmup_rounds=1)
def test_keywords(benchmark):
    assert benchmark.pedantic(sorted, args=([2, 1],), kwargs={"reverse": True}, iterations=3)
def test_once(benchmark): assert benchmark.pedantic([1].pop, rounds=1) == 1
def test_used_up(benchmark):
    values = list(range(5))
    benchmark.pedantic(values.pop, rounds=5)
    assert not values
def test_figures(benchmark):
    benchmark.extra_info["a"] = 1
    benchmark.group = "g"
    benchmark(pkg.call)
    assert benchmark.stats.stats.mean > 0
@pytest.mark.benchmark(group="x", min_rounds=3, warmup=True)
def test_mark(benchmark): benchmark(pkg.call)
def test_twice(benchmark):
    benchmark(pkg.call)
    benchmark(pkg.call)

# The process.
def test_folder(benchmark, tmp_path):
    os.chdir(tmp_path)
    benchmark(os.getcwd)
def test_prints(benchmark):
    print("hello"); os.write(1, b"raw\n"); os.write(2, b"raw\n")
    benchmark(print, "x")
def test_reads(benchmark): assert benchmark(os.read, 0, 5) == b""
def test_forks(benchmark):
    def call():
        process = os.fork()
        if not process: os._exit(0)
        os.waitpid(process, 0)
    benchmark(call)
def test_threads(benchmark):
    def call():
        thread = threading.Thread(target=int); thread.start(); thread.join()
    benchmark(call)
def test_async(benchmark):
    async def call(): return 7
    assert benchmark(lambda: asyncio.run(call())) == 7
def test_sys_exit(benchmark): benchmark(sys.exit, 3)
def test_os_exit(benchmark): benchmark(os._exit, 3)
def test_kills(benchmark): benchmark(os.kill, os.getpid(), 9)
def test_crashes(benchmark): benchmark(ctypes.string_at, 0)
def test_hangs(benchmark): benchmark(threading.Event().wait)

# Outcomes.
def test_no_call(benchmark): pass
def test_skipped(benchmark): pytest.skip("not today")
def test_skipped_in_call(benchmark): benchmark(pytest.skip, "in the call")
@pytest.mark.xfail
def test_expected(benchmark): benchmark(lambda: 1 / 0)
@pytest.mark.xfail
def test_unexpected(benchmark): benchmark(pkg.call)
def test_fails(benchmark):
    benchmark(pkg.call)
    assert False, "afterwards"
def test_raises(benchmark): benchmark(lambda: 1 / 0)
def test_breaks(benchmark, no_such_fixture): benchmark(pkg.call)

# One side only.
def test_new_function(benchmark): benchmark(pkg.new)
def test_skipped_at_base(benchmark):
    if pkg.call() == 1: pytest.skip("old")
    benchmark(pkg.call)
def test_fails_at_head(benchmark):
    assert pkg.call() == 1
    benchmark(pkg.call)
def test_no_call_at_head(benchmark):
    if pkg.call() == 1: benchmark(pkg.call)
def test_plain(): assert False
"""


@pytest.fixture(scope="session")
def result(tmp_path_factory):
    """One comparison of all these tests, and what they logged."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n"
    folder = repository(
        tmp_path_factory.mktemp("parked"),
        {
            "pkg.py": CODE.format(1).partition("def new")[0],
            "benchmarks/test_old.py": "import pkg\n",
            "data/big.npy": pointer,
        },
        {"pkg.py": CODE.format(2), "benchmarks/test_old.py": None, "benchmarks/test_it.py": SUITE},
    )
    log = tmp_path_factory.mktemp("log") / "log"
    said = compare(
        folder, "--rev", "main~1", "--limit", 5, "--", "benchmarks", env={"LOG": str(log)}
    )
    assert said.returncode == 3, said.stderr
    found = Result(folder)
    found.log, found.said, found.folder = log.read_text(), said, folder  # type: ignore[attr-defined]
    return found


MEASURED = (
    "test_fixtures", "test_writes", "test_capsys", "test_capfd", "test_monkeypatch",
    "TestClass::test_method", "TestUnit::test_unit", "test_setup", "test_teardown",
    "test_keywords", "test_once", "test_used_up", "test_figures", "test_mark", "test_folder",
    "test_prints", "test_reads", "test_forks", "test_threads", "test_async", "test_unexpected",
)  # fmt: skip


def test_what_pytest_benchmark_measures_is_measured_at_both_sides(result):
    wrong = {name: result.failures(name) for name in MEASURED if any(result.failures(name))}
    assert not wrong
    untimed = {name for name in MEASURED if not all(case.times for case in result.cases(name))}
    assert not untimed
    assert {name for name in MEASURED if None in [c.figures for c in result.cases(name)]} <= {
        "test_forks"
    }


def test_ids_may_hold_any_characters(result):
    ids = [name for name in result.names if name.startswith("test_id[")]
    assert len(ids) == 11
    assert not any(message for name in ids for message in result.failures(name))


@pytest.mark.parametrize(
    ("name", "base", "head"),
    [
        ("test_no_call", "it passed without a call", "it passed without a call"),
        ("test_skipped", "it was skipped: not today", "it was skipped: not today"),
        ("test_skipped_in_call", "in the call", "in the call"),
        ("test_expected", "expected to fail", "expected to fail"),
        ("test_fails", "afterwards", "afterwards"),
        ("test_raises", "ZeroDivisionError: division by zero", "ZeroDivisionError"),
        ("test_breaks", "in its setup", "in its setup"),
        ("test_twice", "Fixture can only be used once", "Fixture can only be used once"),
        ("test_sys_exit", "SystemExit: 3", "SystemExit: 3"),
        ("test_os_exit", "exit code 3", "exit code 3"),
        ("test_kills", "SIGKILL", "SIGKILL"),
        ("test_crashes", "Fatal Python error: Segmentation", "Fatal Python error: Segmentation"),
        ("test_hangs", "no answer within 5 seconds", "no answer within 5 seconds"),
        ("test_new_function", "has no attribute 'new'", ""),
        ("test_skipped_at_base", "it was skipped: old", ""),
        ("test_fails_at_head", "", "assert 2 == 1"),
        ("test_no_call_at_head", "", "it passed without a call"),
    ],
)
def test_what_is_not_measured_says_why_at_each_side(result, name, base, head):
    for message, words in zip(result.failures(name), (base, head), strict=True):
        assert bool(message) == bool(words), (message, words)
        assert words in message


def test_only_what_the_head_does_wrong_is_a_failure(result):
    failed = {name for name in result.names if any(case.failed for case in result.cases(name))}
    assert failed == {
        "test_fails", "test_raises", "test_breaks", "test_twice", "test_sys_exit", "test_os_exit",
        "test_kills", "test_crashes", "test_hangs", "test_fails_at_head",
    }  # fmt: skip


def test_a_test_without_the_fixture_is_not_run(result):
    assert "test_plain" not in result.names


def test_a_fixture_is_torn_down_once_for_each_worker(result):
    # At each of two sides: one worker for bytes, and one in each of the two generations of a set.
    assert result.log.count("torn down") == 6


def test_pointers_of_git_lfs_are_named_where_tests_fail(result):
    notes = [note for note in result.run.notes if "Git LFS" in note]
    assert [note.partition(",")[0] for note in notes] == ["at main~1", "at working-tree"]
    assert all("data/big.npy" in note for note in notes)


def test_nothing_is_left_behind(result):
    clean(result.folder)
