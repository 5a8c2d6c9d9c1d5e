"""--bench-law in real suites: laws in the summary, in the report and in a file, and as a gate."""

from __future__ import annotations

import json
import sys

import pytest

from gradmeter.bench.results import laws as law_file

from ..suite_files import OUT, PLAIN, suite

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

SUITE = """
@pytest.mark.parametrize("m", [5, 50, 200])
@pytest.mark.parametrize("n", [10, 100, 300])
def test_product(benchmark, n, m):
    a, b = np.ones((n, m)), np.ones((m, n))
    benchmark(lambda: (a @ b) @ a)

@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [10, 100, 1000])
def test_made(benchmark, n, dtype):
    benchmark(np.empty, EXTRA * n, dtype)

@pytest.mark.parametrize("n", [64, 256, 1024, 4096])
def test_transform(benchmark, n):
    x = np.ones(n)
    benchmark(np.fft.rfft, x)

@pytest.mark.parametrize(
    "size", [pytest.param(10, id="small"), pytest.param(20, id="[large]"), 3e1]
)
def test_named(benchmark, size):
    benchmark(array, int(size))

@pytest.mark.parametrize("n", [10, 100])
def test_two_values(benchmark, n):
    benchmark(array, n + 7)

@pytest.mark.parametrize("n", [10, 100, 1000])
def test_by_its_data(benchmark, n):
    x = np.random.default_rng(n).random(n)
    benchmark(lambda: x[x < 0.5])

@pytest.mark.parametrize("n", [10, 100, 1000])
def test_chance(benchmark, n):
    benchmark(lambda: array(int(np.random.default_rng().integers(1, 10**6))))

@pytest.mark.parametrize("ok", [True, False])
def test_booleans(benchmark, ok):
    benchmark(array, 5)
"""


def text_of(result: pytest.RunResult) -> str:
    return " ".join(result.stdout.str().split())


def run(pytester: pytest.Pytester, *options: str, extra: int = 1) -> pytest.RunResult:
    suite(pytester, SUITE.replace("EXTRA", str(extra)))
    return pytester.runpytest_subprocess(*PLAIN, "-q", *options)


def test_laws_are_told_written_and_judged(pytester):
    first = run(pytester, "--bench-law-file=laws/laws.json")
    assert first.ret == 0
    text = text_of(first)
    for words in (
        "laws of tests, in their parameters that are whole numbers",
        "test_theirs.py::test_product[n-m] peak 8 n (m + n) B held 8 m n B allocations 2 "
        "cycle, growth: 0 at all values that were measured, up to n = 300 and m = 200",
        "test_theirs.py::test_made[n-float64] peak 8 n B held 8 n B",
        "test_theirs.py::test_made[n-float32] peak 4 n B held 4 n B",
        "test_theirs.py::test_transform[n] peak 8 n + 32 B held 8 n + 16 B",
        "test_theirs.py::test_named[size] peak size B",
        "peak no law with one term holds at its 2 values of n; one more value of n can prove one "
        "with more",
        "test_theirs.py::test_by_its_data[n] peak no law",
        "test_theirs.py::test_chance[n] peak no law: its passes disagree: ",
        "laws written: ",
    ):
        assert words in text, words
    assert "test_booleans[" not in text.partition("laws of tests")[2]
    report = (pytester.path / OUT / "report.md").read_text()
    assert "## Laws of tests" in report
    assert "8 n (m + n) B" in report
    file = pytester.path / "laws" / "laws.json"
    known = {each.program: each for each in law_file.load(file)}
    product = known["test_theirs.py::test_product[n-m]"]
    assert product.at({"n": 10**6, "m": 10}) == {
        "peak": 8 * 10**6 * (10**6 + 10), "held": 8 * 10**7, "cycle": 0, "growth": 0,
        "allocations": 2,
    }  # fmt: skip
    cases = json.loads((pytester.path / OUT / "run.json").read_text())["cases"]
    assert {case["template"] for case in cases if "test_made" in case["workload"]} == {
        "test_theirs.py::test_made[{n}-float64]", "test_theirs.py::test_made[{n}-float32]",
    }  # fmt: skip

    same = run(pytester, "--bench-law", "--bench-against=laws/laws.json", "-k", "not chance")
    assert same.ret == 0, same.stdout.str()
    changed = run(
        pytester, "--bench-law", "--bench-against=laws/laws.json", "-k", "not chance", extra=3
    )
    assert changed.ret == 1
    text = text_of(changed)
    assert "test_made[n-float64]: peak was 8 n B, now 24 n B" in text
    assert "4 laws failed" in text
    assert "its law: peak = 8 n B at n = 1,000" in text

    # A value that no law was found from, alone.
    one = run(pytester, "--bench-memory", "--bench-against=laws/laws.json", "-k", "made and 100-")
    assert one.ret == 0, one.stdout.str()
    one = run(
        pytester, "--bench-memory", "--bench-against=laws/laws.json", "-k", "made and 100-",
        extra=2,
    )  # fmt: skip
    assert one.ret == 1
    assert "its law: peak = 4 n B at n = 100" in text_of(one)


def test_a_session_without_values_to_compare_says_so(pytester):
    suite(pytester, "def test_plain(benchmark):\n    benchmark(array, 3)\n")
    result = pytester.runpytest_subprocess(*PLAIN, "--bench-law")
    assert result.ret == 0
    assert (
        "laws: no test was measured at several values of a parameter that is a whole number"
        in text_of(result)
    )


def test_laws_need_memory(pytester):
    suite(pytester, "def test_plain(benchmark):\n    benchmark(array, 3)\n")
    result = pytester.runpytest_subprocess(*PLAIN, "--bench-law", "--no-bench-memory")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--bench-law is about what --no-bench-memory leaves out" in result.stderr.str()


def test_the_ini_file_asks_for_laws_too(pytester):
    suite(pytester, SUITE.replace("EXTRA", "1"))
    pytester.makeini("[pytest]\nbench_law = true\nbench_law_file = found.json\n")
    result = pytester.runpytest_subprocess(*PLAIN, "-k", "made")
    assert "test_made[n-float64]" in text_of(result)
    programs = [each.program for each in law_file.load(pytester.path / "found.json")]
    assert programs == [f"test_theirs.py::test_made[n-{dtype}]" for dtype in ("float32", "float64")]


def test_a_file_that_cannot_be_written_fails_the_session(pytester):
    suite(pytester, SUITE.replace("EXTRA", "1"))
    (pytester.path / "laws").write_text("a file and no folder")
    result = pytester.runpytest_subprocess(*PLAIN, "--bench-law-file=laws/laws.json", "-k", "made")
    assert result.ret == 1
    assert "laws: " in text_of(result)
    assert "1 law failed" in text_of(result)


def test_without_sympy_the_command_to_install_it_is_told(pytester):
    suite(pytester, SUITE.replace("EXTRA", "1"))
    pytester.makeconftest(
        "import importlib.util\nreal = importlib.util.find_spec\n"
        "def find_spec(name, *rest):\n    return None if name == 'sympy' else real(name, *rest)\n"
        "importlib.util.find_spec = find_spec\n"
    )
    # A new process: a fork has asked for it already.
    result = pytester.run(sys.executable, "-m", "pytest", *PLAIN, "--bench-law", "-k", "made")
    assert result.ret == 0
    assert "laws of tests take sympy, not installed here: pip install sympy" in text_of(result)


def test_workers_of_xdist_measure_and_the_first_process_tells(pytester):
    pytest.importorskip("xdist")
    suite(pytester, SUITE.replace("EXTRA", "1"))
    result = pytester.runpytest_subprocess(
        *PLAIN, "--bench-law", "--benchmark-enable", "-n2", "-k", "made"
    )
    assert "test_made[n-float64] peak 8 n B" in text_of(result)
