"""Every option of the pytest door: from the command line, from the ini file, and both."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gradmeter.bench.results import baseline, run_file

from ..run_files import run
from ..suite_files import LIGHT

# A conftest that says what the session was asked, without running anything.
TELL = """
    from gradmeter.bench.plugin.hooks import KEY

    def pytest_report_header(config):
        state = config.stash[KEY]
        s = state.settings
        lines = [
            f"memory: {' '.join(s.memory)}",
            f"out: {s.out.relative_to(config.rootpath)}",
            f"collector: {s.collector}",
            f"sets: {s.sets}",
            f"exact: {s.exact}",
            f"sort: {s.sort} {s.top}",
            f"against: {s.against and s.against.relative_to(config.rootpath)}",
            f"fail_on: {' '.join(s.fail_on)}",
        ]
        return lines
"""
# The option, a value, what the session then says; and another value and what it says.
OPTIONS = [
    ("memory", "true", "memory: arrays", "false", "memory: "),
    ("memory", "python", "memory: arrays python", "heap,arrays", "memory: arrays heap"),
    ("memory", "heap,python", "memory: arrays python heap", "arrays", "memory: arrays"),
    ("out", "here", "out: here", "there/below", "out: there/below"),
    ("collector", "off", "collector: off", "on", "collector: on"),
    ("sets", "9", "sets: 9", "2", "sets: 2"),
    ("exact", "true", "exact: True", "false", "exact: False"),
    ("sort", "held", "sort: held None", "name", "sort: name None"),
    ("top", "9", "sort: None 9", "0", "sort: None 0"),
    ("against", "a.json", "against: a.json", "b.json", "against: b.json"),
    ("fail_on", "peak<=1MB", "fail_on: peak<=1MB", "cycle<=0", "fail_on: cycle<=0"),
]
DEFAULTS = {
    "memory": "memory: ",
    "out": "out: reports/latest",
    "collector": "collector: on",
    "sets": "sets: 4",
    "exact": "exact: False",
    "sort": "sort: None None",
    "top": "sort: None None",
    "against": "against: None",
    "fail_on": "fail_on: ",
}
NAMES = pytest.mark.parametrize(
    ("name", "value", "says", "other", "says_other"),
    OPTIONS,
    ids=[f"{o[0]}-{o[1]}" for o in OPTIONS],
)


@pytest.fixture
def told(pytester):
    """What a session says of its settings: a function of its arguments, with an ini file."""
    pytester.makeconftest(TELL)

    def run_it(*arguments, ini: str = "") -> list[str]:
        pytester.makeini(f"[pytest]\n{ini}")
        done = pytester.runpytest_inprocess(*LIGHT, "--collect-only", *arguments)
        assert done.ret == pytest.ExitCode.NO_TESTS_COLLECTED, done.stderr.str()
        return done.outlines

    return run_it


def on_command_line(name: str, value: str) -> str:
    option = f"--bench-{name.replace('_', '-')}"
    if name in ("memory", "exact"):
        plain = {"true": option, "false": f"--no-bench-{name}"}
        return plain.get(value, f"{option}={value}")
    return f"{option}={value}"


@NAMES
def test_an_option_means_the_same_on_the_command_line_and_in_the_ini_file(
    told, name, value, says, other, says_other
):
    assert DEFAULTS[name] in told()
    assert says in told(on_command_line(name, value))
    assert says in told(ini=f"bench_{name} = {value}")
    assert says in told("-o", f"bench_{name}={value}")


@NAMES
def test_the_command_line_wins(told, name, value, says, other, says_other):
    found = told(on_command_line(name, other), ini=f"bench_{name} = {value}")
    assert says_other in found
    assert says not in found


def test_a_path_after_the_option_is_no_layer(told, pytester):
    pytester.mkdir("python")
    assert "memory: arrays" in told("--bench-memory", "python")


def test_an_unknown_layer_is_refused(pytester):
    pytester.makeini("[pytest]\nbench_memory = arrays, rss")
    done = pytester.runpytest_inprocess(*LIGHT, "--collect-only")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "'rss' is no layer of memory; there are arrays, python, heap" in done.stderr.str()
    pytester.makeini("[pytest]")
    done = pytester.runpytest_inprocess(*LIGHT, "--bench-memory=rss", "--collect-only")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "--bench-memory" in done.stderr.str()


def test_several_gates_stand_on_a_line_each(told):
    assert "fail_on: peak<=1MB cycle<=0" in told(ini="bench_fail_on =\n    peak<=1MB\n    cycle<=0")
    assert "fail_on: peak<=1MB cycle<=0" in told(
        "--bench-fail-on=peak<=1MB", "--bench-fail-on=cycle<=0"
    )


def test_a_baseline_is_beside_the_ini_file_or_where_the_command_was_typed(told, pytester):
    pytester.mkdir("below")
    found = told("--rootdir", ".", ini="bench_against = a.json")
    assert "against: a.json" in found
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir("below")
        found = told("--bench-against=a.json", "-c", "../tox.ini", "..")
        assert "against: below/a.json" in found
        found = told("-c", "../tox.ini", "..", ini="bench_against = a.json")
        assert "against: a.json" in found


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("memory", "perhaps", "perhaps"),
        ("collector", "sometimes", "'sometimes' is neither on nor off"),
        ("sort", "size", "'size' is none of peak, held, time, name"),
        ("top", "all", "all is not a number"),
        ("sets", "0", "0 is not a positive number"),
        ("sets", "many", "many is not a positive number"),
        ("sets", "-1", "-1 is not a positive number"),
        ("fail_on", "peak>", "'peak>' does not parse at the end"),
        ("fail_on", "peak>0", "--bench-against FILE"),
        ("fail_on", "slower", "--bench-sets 8"),
        ("against", "pytest.ini", "cannot be read as a baseline"),
    ],
)
@pytest.mark.parametrize("door", ["command line", "ini file"])
def test_a_value_that_makes_no_sense_is_refused_in_a_sentence(pytester, name, value, says, door):
    given = name == "memory" or door == "ini file"
    pytester.makefile(".ini", pytest=f"[pytest]\n{f'bench_{name} = {value}' if given else ''}\n")
    arguments = [] if given else [on_command_line(name, value)]
    done = pytester.runpytest_inprocess(*LIGHT, "--collect-only", *arguments)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    said = done.stderr.str()
    assert says in said
    assert "Traceback" not in said + done.stdout.str()
    assert "INTERNALERROR" not in said + done.stdout.str()
    if name in ("collector", "sets"):
        assert (f"bench_{name} =" if given else f"--bench-{name}") in said


def test_a_toml_file_says_it_too(pytester):
    pytester.makeconftest(TELL)
    pytester.makepyprojecttoml(
        '[tool.pytest.ini_options]\nbench_memory = true\nbench_fail_on = ["peak<=1MB", "held<=1MB"]'
    )
    found = pytester.runpytest_inprocess(*LIGHT, "--collect-only").outlines
    assert "memory: arrays" in found
    assert "fail_on: peak<=1MB held<=1MB" in found


@pytest.mark.usefixtures("_preloaded_pytest")
def test_the_ini_file_alone_measures_and_gates(pytester):
    pytester.makepyfile("import numpy as np\ndef test_ones(benchmark): benchmark(np.ones, 1000)")
    pytester.makeini(
        "[pytest]\nbench_memory = true\nbench_out = here\nbench_fail_on =\n    peak<=7999B\n"
        "addopts = --benchmark-disable"
    )
    done = pytester.runpytest_subprocess(*LIGHT)
    assert done.ret == 1
    done.assert_outcomes(passed=1)
    assert "gate failed: peak<=7999B" in done.stdout.str()
    (found,) = run_file.load(pytester.path / "here/run.json").cases
    assert found.memory.held == 8000
    baseline.write_baseline(run(found), pytester.path / "base.json")
    done = pytester.runpytest_subprocess(
        *LIGHT, "-o", "bench_fail_on=", "-o", "bench_against=base.json"
    )
    assert done.ret == 0
    assert "passed: peak>0 held>0 cycle>0; 1 case compared" in done.stdout.str()


def test_strict_markers_and_strict_config_know_ours(pytester):
    pytester.makepyfile(
        "import pytest\n@pytest.mark.bench_memory(max_peak='1MB')\ndef test_nothing(): pass"
    )
    pytester.makeini("[pytest]\nbench_memory = false")
    done = pytester.runpytest_inprocess(*LIGHT, "--strict-markers", "--strict-config")
    done.assert_outcomes(passed=1)
    assert (
        "bench_memory(max_peak, max_held, max_cycle, max_growth, max_allocations)"
        in pytester.runpytest_inprocess(*LIGHT, "--markers").stdout.str().replace("\n", " ")
    )


UNSET = """
    import sys

    def pytest_sessionfinish(session):
        from pytest_benchmark.fixture import BenchmarkFixture
        ours = sorted(n for n in sys.modules if n.partition('.')[0] == 'gradmeter')
        heavy = [n for n in ('numpy', 'rich', 'psutil', 'msgspec') if n in sys.modules]
        print('loaded:', ours, heavy)
        plugins = [str(name) for name, _ in session.config.pluginmanager.list_name_plugin()]
        print('plugins:', [n for n in plugins if 'gradmeter' in n])
        print('touched:', BenchmarkFixture.__subclasses__())
"""


def test_unset_it_loads_a_few_small_files_and_touches_nothing(pytester):
    pytester.makeconftest(UNSET)
    pytester.makepyfile(
        "from pytest_benchmark.fixture import BenchmarkFixture\n"
        "def test_sum(benchmark):\n"
        "    assert type(benchmark) is BenchmarkFixture\n"
        "    assert set(vars(BenchmarkFixture)) >= {'__call__', 'pedantic'}\n"
        "    assert benchmark(sum, [1]) == 1\n"
        "    assert benchmark.extra_info == {}"
    )
    done = pytester.runpytest_subprocess(*LIGHT, "-s", "--benchmark-max-time=0.01")
    done.assert_outcomes(passed=1)
    text = done.stdout.str()
    ours = (
        ["gradmeter", "gradmeter.bench"]
        + [
            f"gradmeter.bench.{name}"
            for name in ("errors", "plugin", "plugin.cases", "plugin.hooks", "plugin.options")
        ]
        + [
            f"gradmeter.bench.{name}"
            for name in ("plugin.settings", "plugin.state", "suggestions", "text")
        ]
    )
    assert f"loaded: {ours} []" in text
    assert "plugins: ['gradmeter']" in text
    assert "touched: []" in text


def test_importing_the_plugin_imports_no_numpy():
    code = (
        "import sys, gradmeter.bench.plugin.hooks; "
        "print([n for n in ('numpy', 'rich') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
