"""Budgets of single tests: what they say, what breaks them, and what of it is told where."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters.call import Pass
from gradmeter.bench.plugin import budgets
from gradmeter.bench.verdicts import gates

from ..run_files import ordinary
from ..suite_files import LIGHT, QUICK, suite

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")


def mark(*args, **kwargs) -> pytest.Mark:
    return pytest.mark.bench_memory(*args, **kwargs).mark


def passed(**figures: int) -> Pass:
    plain = {"peak": 0, "held": 0, "dropped": 0, "cycle": 0, "objects": 0, "leaked": 0}
    return Pass(**{**plain, **figures}, types={})


@given(st.integers(0, 2**62), st.sampled_from(["B", "kB", "MB", "GB", "KiB", "MiB", "GiB", ""]))
def test_a_budget_is_what_a_gate_of_the_same_text_is(number, unit):
    found = budgets.read([mark(max_peak=f"{number}{unit}")])
    limit = int(gates.parse(f"peak<={number}{unit}").amount)
    assert found.limits == {"max_peak": limit}
    assert found.broken([passed(peak=limit)], ordinary()) == []
    (said,) = found.broken(
        [passed(peak=limit), passed(peak=limit + 3), passed(peak=limit + 2)], ordinary()
    )
    assert f"peak {limit + 3:,} B is over the budget max_peak=" in said
    assert said.endswith(f"({limit:,} B) by 3 B")


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_formula_is_a_budget_in_the_tests_own_parameters(n, m):
    found = budgets.read([mark(max_peak="3*n*8 + m kB", max_allocations="n + 2")], {"n": n, "m": m})
    assert found.limits == {"max_peak": 24 * n + 1000 * m, "max_allocations": n + 2}
    (said,) = found.broken([passed(peak=24 * n + 1000 * m + 1)], ordinary())
    assert said == (
        f"peak {24 * n + 1000 * m + 1:,} B is over the budget max_peak='3*n*8 + m kB' "
        f"({24 * n + 1000 * m:,} B at n = {n:,}, m = {m:,}) by 1 B"
    )


@given(st.integers(1, 10**6))
def test_a_parameter_goes_before_the_unit_of_its_name(size):
    assert budgets.read([mark(max_peak="24 B")], {"B": size}).limits == {"max_peak": 24 * size}
    assert budgets.read([mark(max_peak="24 B")], {"b": size}).limits == {"max_peak": 24}
    assert budgets.read([mark(max_peak="24 kb")], {"B": size}).limits == {"max_peak": 24_000}
    half = budgets.read([mark(max_held="size / 2 + x B")], {"size": size, "x": Fraction(1, 2)})
    assert half.limits == {"max_held": (size + 1) // 2}


def test_every_figure_has_a_budget_of_its_own():
    found = budgets.read([mark(max_peak=1, max_held=2, max_cycle=3)])
    assert found.broken([passed(peak=1, held=2, cycle=3)], ordinary()) == []
    said = found.broken([passed(peak=2, held=3, cycle=4)], ordinary())
    assert [sentence.partition(" ")[0] for sentence in said] == ["peak", "held", "cycle"]


def test_the_closest_mark_wins_and_the_others_fill_in():
    found = budgets.read([mark(max_peak=5), mark(max_peak=9, max_cycle=0)])
    assert found.limits == {"max_peak": 5, "max_cycle": 0}
    assert budgets.read([]) is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (mark(), 'takes budgets by name, such as max_peak="24MB"'),
        (mark("24MB"), "takes budgets by name"),
        (mark(max_peek=1), "knows no 'max_peek'; did you mean max_peak?"),
        (mark(max_peak="24XB"), "max_peak='24XB') does not parse: expected a unit: B, kB"),
        (mark(max_peak="much"), "expected a number"),
        (mark(max_peak="5%"), "expected bytes or arrays"),
        (mark(max_peak="5arrays"), "no array size"),
        (mark(max_peak=-1), "expected bytes as an integer"),
        (mark(max_peak=1.5), "expected bytes as an integer"),
        (mark(max_peak=True), "expected bytes as an integer"),
        (mark(max_peak=None), "expected bytes as an integer"),
        (
            mark(max_peak="8 k"),
            "MiB, GiB, or a numeric parameter of the test (n, m), at character 3",
        ),
        (
            mark(max_peak="k + 1"),
            "a number, or a numeric parameter of the test (n, m), at character 1",
        ),
        (mark(max_allocations="2 kB"), "expected a numeric parameter of the test (n, m), at char"),
        (mark(max_allocations=1.5), "expected an integer, or a text such as '2 n'"),
        (mark(max_peak="8 (n + 1"), "expected ), at the end"),
        (mark(max_peak="8 n +"), "expected a number, a name or (, at the end"),
        (mark(max_peak="(n + 2) arrays"), "no array size"),
        (mark(max_peak="n - 6"), "expected 0 or more, and not -1 at n = 5"),
        (mark(max_peak="8 / (n - 5)"), "divides by 0"),
    ],
)
def test_a_mark_that_makes_no_sense_is_told_in_a_sentence(wrong, says):
    with pytest.raises(UsageError) as error:
        budgets.read([wrong], {"n": 5, "m": 7})
    assert says in str(error.value)
    assert "--fail-on" not in str(error.value)
    assert "\n" not in str(error.value)


MARKED = """
@pytest.mark.bench_memory(max_peak="1kB", max_cycle=0)
def test_kept(benchmark): benchmark(array, 1000)

@pytest.mark.bench_memory(max_peak="1kB", max_held=999, max_cycle=0)
def test_broken(benchmark): benchmark(Ring, 1001)

@pytest.mark.bench_memory(max_peak=0)
class TestAll:
    @pytest.mark.parametrize("n", [1, 5])
    def test_parameters(self, benchmark, n): benchmark(lambda: [array(i) for i in range(2, n)])

@pytest.mark.bench_memory(max_peak=0)
def test_fails_for_itself(benchmark):
    benchmark(array, 7)
    assert not "theirs"

@pytest.mark.bench_memory(max_peak=0)
def test_never_calls(): pass

calls = []
@pytest.mark.bench_memory(max_peak=0)
def test_cannot_be_measured(benchmark):
    benchmark.pedantic(lambda: calls.append(1) or 1 / (len(calls) < 2))

@pytest.mark.bench_memory(max_peak=0)
@pytest.mark.xfail
def test_known(benchmark): benchmark(array, 7)

@pytest.fixture
def late(benchmark):
    yield
    benchmark(array, 7)

@pytest.mark.bench_memory(max_peak=0)
def test_called_in_the_teardown(late): pass

@pytest.mark.bench_memory(max_peak=0)
@pytest.mark.skip
def test_skipped(benchmark): pass
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_broken_budget_fails_its_own_test(pytester, monkeypatch, options):
    monkeypatch.setenv("COLUMNS", "80")
    suite(pytester, MARKED)
    done = pytester.runpytest_subprocess(*QUICK, *options)
    assert done.ret == 1
    done.assert_outcomes(passed=4, failed=4, errors=1, xfailed=1, skipped=1)
    text = done.stdout.str()
    for line in (
        "peak 1,001 B is over the budget max_peak='1kB' (1,000 B) by 1 B",
        "held 1,001 B is over the budget max_held=999 (999 B) by 2 B",
        "cycle 1,001 B is over the budget max_cycle=0 (0 B) by 1,001 B",
        "the budget cannot be judged: in the memory pass the call raised ZeroDivisionError:",
    ):
        assert text.count(line) == 1
    assert text.count("alive at the peak: 1,001 B at ") == 1
    assert "never_calls has a budget and never calls benchmark: not judged" in text
    assert "skipped has a budget" not in text
    rows = dict(
        line.split(maxsplit=1)
        for line in text.partition("gradmeter: exact")[2].splitlines()
        if line.startswith(("  test_", "  TestAll"))
    )
    words = {name: row.split()[-1] for name, row in rows.items()}
    assert {name: words[name] for name in sorted(words)} == {
        "TestAll::test_parameters[1]": "kept",
        "TestAll::test_parameters[5]": "broken",
        "test_broken": "broken",
        "test_called_in_the_teardown": "broken",
        "test_cannot_be_measured": "judged",  # not judged
        "test_fails_for_itself": "broken",
        "test_kept": "kept",
        "test_known": "broken",
    }


def test_without_bench_memory_a_mark_does_nothing(pytester):
    suite(
        pytester,
        "@pytest.mark.bench_memory(max_peak=0)\n"
        "def test_it(benchmark): benchmark(array, 5)\n"
        "@pytest.mark.bench_memory('nonsense')\n"
        "def test_other(): pass\n",
    )
    done = pytester.runpytest_subprocess(*LIGHT, "--benchmark-disable", "--strict-markers")
    done.assert_outcomes(passed=2)
    assert "gradmeter" not in done.stdout.str().partition("collected")[2]


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_mark_that_makes_no_sense_is_told_with_its_place_before_its_test_runs(pytester, options):
    suite(
        pytester,
        "@pytest.mark.bench_memory(max_peak='24XB')\n"
        "def test_it(benchmark): open('ran', 'w').close()\n",
    )
    done = pytester.runpytest_subprocess(*QUICK, *options)
    assert done.ret != 0
    said = done.stdout.str() + done.stderr.str()
    line = (
        (pytester.path / "test_theirs.py")
        .read_text()
        .splitlines()
        .index("@pytest.mark.bench_memory(max_peak='24XB')")
    )
    assert (
        f"test_theirs.py:{line + 1}: test_it: bench_memory(max_peak='24XB') does not parse" in said
    )
    assert "INTERNALERROR" not in said
    assert not (pytester.path / "ran").exists()
    if not options:
        assert done.ret == pytest.ExitCode.USAGE_ERROR


def test_budgets_that_cannot_be_judged_fail_the_session(pytester):
    pytester.makeconftest("import tracemalloc\ntracemalloc.start()")
    suite(
        pytester,
        "@pytest.mark.bench_memory(max_peak=9)\n"
        "def test_it(benchmark): benchmark(array, 5)\n"
        "def test_other(benchmark): benchmark(array, 5)\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=2)
    assert done.ret == 1
    assert "2 tests without memory figures, and 1 of their budgets not judged" in done.stdout.str()


FORMULAS = """
@pytest.mark.bench_memory(max_peak="3*n*8 + 1kB")
@pytest.mark.parametrize("n", [10, 10_000])
@pytest.mark.parametrize("kind", [np.float64, "text"])
def test_kept(benchmark, n, kind): benchmark(array, 24 * n + 1000)

@pytest.mark.bench_memory(max_peak="B n + B")
@pytest.mark.parametrize(("n", "B"), [(10, 32), (np.int64(20), 4e1)])
def test_broken(benchmark, n, B): benchmark(array, int(n * B + B + n))

@pytest.fixture(params=[3, 300])
def rows(request): return request.param

@pytest.mark.bench_memory(max_held="2 rows", max_allocations="rows")
def test_of_a_fixture(benchmark, rows): benchmark(lambda: [array(2) for _ in range(rows)])
"""


def test_a_budget_in_the_parameters_of_a_test_is_judged_at_each_of_them(pytester):
    suite(pytester, FORMULAS)
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=6, failed=2)
    text = done.stdout.str()
    for line in (
        "peak 362 B is over the budget max_peak='B n + B' (352 B at n = 10, B = 32) by 10 B",
        "peak 860 B is over the budget max_peak='B n + B' (840 B at n = 20, B = 40) by 20 B",
    ):
        assert text.count(line) == 1


def test_a_name_that_is_no_parameter_is_told_with_those_that_are(pytester):
    suite(
        pytester,
        "@pytest.mark.bench_memory(max_peak='8 n m')\n"
        "@pytest.mark.parametrize(('n', 'name', 'deep'), [(1, 'm', True)])\n"
        "def test_it(benchmark, n, name, deep): open('ran', 'w').close()\n",
    )
    done = pytester.runpytest_subprocess(*QUICK)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "or a numeric parameter of the test (n), at character 5, 'm'" in done.stderr.str()
    assert not (pytester.path / "ran").exists()
