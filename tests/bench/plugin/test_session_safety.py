"""A session ends as it would without gradmeter, whatever is missing or broken of gradmeter's."""

from __future__ import annotations

import pytest

from ..suite_files import LIGHT, QUICK, suite

TEST = "def test_it(benchmark): benchmark(sum, [1])\n"


@pytest.mark.parametrize("package", ["msgspec", "rich", "numpy", "psutil"])
@pytest.mark.parametrize("used", [True, False])
def test_a_package_that_is_missing_costs_our_section_only(pytester, package, used):
    pytester.makeconftest(f"import sys\nsys.modules[{package!r}] = None\n")
    pytester.makepyfile(TEST)
    done = pytester.runpytest_subprocess(*(QUICK if used else LIGHT[:2]), "--benchmark-max-time=0")
    done.assert_outcomes(passed=1)
    assert done.ret == 0
    said = done.stdout.str()
    assert "INTERNALERROR" not in said + done.stderr.str()
    assert said.count("gradmeter: ") == used
    assert (f"import of {package} halted" in said) == used


@pytest.mark.usefixtures("_preloaded_pytest")
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("gathered.Gathered.finish", "the figures cannot be reported: ZeroDivisionError: theirs"),
        ("gathered.save", "1 test without memory figures: ZeroDivisionError: theirs"),
        ("calls.measure_unseen", "no exact figures, memory pass: ZeroDivisionError: theirs"),
        ("calls.benchmark_fixture.extend", "is closed: ZeroDivisionError: theirs"),
        ("measured.terminal.show", "the figures cannot be shown: ZeroDivisionError: theirs"),
    ],
)
def test_an_error_of_ours_is_one_sentence(pytester, broken, said):
    pytester.makeconftest(
        "from gradmeter.bench.plugin import calls, gathered, measured\n"
        "def fail(*_, **__): raise ZeroDivisionError('theirs')\n"
        f"{broken} = fail\n"
    )
    pytester.makepyfile(TEST)
    done = pytester.runpytest_subprocess(*QUICK)
    done.assert_outcomes(passed=1)
    assert done.ret == 0
    text = " ".join(done.stdout.str().split())
    assert "INTERNALERROR" not in text
    assert text.count(said) == 1


@pytest.mark.usefixtures("_preloaded_pytest")
def test_gates_that_an_error_of_ours_leaves_unjudged_fail_the_session(pytester):
    pytester.makeconftest(
        "from gradmeter.bench.plugin import gathered\n"
        "def fail(*_, **__): raise ZeroDivisionError('theirs')\n"
        "gathered.Gathered.finish = fail\n"
    )
    pytester.makepyfile(TEST)
    done = pytester.runpytest_subprocess(*QUICK, "--bench-fail-on=peak<=1MB")
    assert done.ret == 1
    assert "1 passed, 1 gate failed in" in done.outlines[-1]


ONE, TWO = ["peak<=4B"], ["peak<=4B", "held<=4B", "cycle<=0"]


@pytest.mark.usefixtures("_preloaded_pytest")
@pytest.mark.parametrize(
    ("gates", "last", "more"),
    [
        (["peak<=9B"], "2 passed in", ()),
        (ONE, "2 passed, 1 gate failed in", ()),
        (TWO, "2 passed, 2 gates failed in", ()),
        (ONE, "2 passed, 1 gate failed in", ("-q",)),
        (["peak<=9B"], "2 passed in", ("-n", "2")),
        (TWO, "2 passed, 2 gates failed in", ("-n", "2")),
        (TWO, "2 passed, 2 gates failed in", ("--durations=0", "-vv", "-rA")),
    ],
)
def test_the_last_line_counts_the_gates_that_failed(pytester, gates, last, more):
    suite(
        pytester,
        "def test_one(benchmark): benchmark(array, 5)\n"
        "def test_two(benchmark): benchmark(array, 6)\n",
    )
    # Others read all that is counted, as Hypothesis's plugin does.
    pytester.makeconftest(
        "def pytest_terminal_summary(terminalreporter):\n"
        "    for reports in terminalreporter.stats.values():\n"
        "        assert all(report.__dict__.get('when') for report in reports)\n"
    )
    options = [f"--bench-fail-on={gate}" for gate in gates]
    done = pytester.runpytest_subprocess(*QUICK, *options, *more)
    assert done.ret == ("failed" in last)
    assert last in done.outlines[-1]
