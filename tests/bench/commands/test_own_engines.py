"""Engines of anybody: from a file or an installed package; what is wrong with one is said."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gradmeter.bench.results import run_file

from ..command import TINY, gradmeter
from ..throwaway import ADAPTER, adapter, wheel

BOTH = ("--variant", "engine", "--variant", "mine")


@pytest.fixture
def installed(tmp_path):
    """The environment of a Python that has the package."""
    target = tmp_path / "packages"
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet"]
    subprocess.run([*pip, "--target", str(target), str(wheel(tmp_path))], check=True)
    return {"PYTHONPATH": str(target)}


def test_an_engine_of_an_installed_package_is_measured_as_any(tmp_path, installed):
    done = gradmeter("run", *TINY, *BOTH, "--out", tmp_path / "out", env=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    found = run_file.load(tmp_path / "out/run.json")
    case = found.case("squares-3", 16, "mine")
    assert case.checked == "the exact gradient and the other variants"
    assert case.memory.peak >= 6 * 128
    assert len(case.allocations) == 3
    assert case.times
    assert found.grounds["mine"].engine == "1.5"
    assert "mine 1.5" in done.stdout
    listed = gradmeter("list", "engines", env=installed).stdout
    assert "squares, and" in listed
    assert "1.5" in listed


def test_an_engine_of_a_file_is_measured_as_any(tmp_path):
    path = adapter(tmp_path)
    done = gradmeter("run", *TINY, *BOTH, "--engine", path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    case = run_file.load(tmp_path / "out/run.json").case("squares-3", 16, "mine")
    assert case.memory.peak >= 6 * 128
    assert "mine" in gradmeter("list", "engines", "--engine", path).stdout
    assert gradmeter("show", tmp_path / "out").returncode == 0  # which does not need the engine


def test_an_engine_that_computes_something_else_gets_no_figures(tmp_path):
    path = adapter(tmp_path, ADAPTER.replace("2 * g", "3 * g"))
    done = gradmeter("run", *TINY, *BOTH, "--engine", path, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "differs from the exact gradient" in " ".join(done.stdout.split())
    case = run_file.load(tmp_path / "out/run.json").case("squares-3", 16, "mine")
    assert case.memory is None
    assert not case.times


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module", "ModuleNotFoundError"),
        ("1 +", "SyntaxError"),
        ("raise KeyError(3)", "KeyError"),
        ("", "its ENGINE is not there"),
        ("ENGINE = 3", "its ENGINE is a int"),
        (ADAPTER.replace('"mine"', '"engine"'), "there is an engine 'engine' already"),
        (ADAPTER.replace('"mine"', '"my engine"'), "letters, digits"),
        (ADAPTER.replace('"mine"', '"a:b"'), "letters, digits"),
    ],
)
def test_a_file_that_is_no_adapter_is_refused_with_the_reason(tmp_path, text, said):
    path = adapter(tmp_path, text)
    done = gradmeter("run", *TINY, *BOTH, "--engine", path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    done = gradmeter("run", *TINY, *BOTH, "--engine", tmp_path / "no.py")
    assert done.returncode == 2
    assert "no.py" in done.stderr


@pytest.mark.parametrize(
    "entry", ["mine = my_adapter:NOTHING", "mine = no_module:ENGINE", "other = my_adapter:ENGINE"]
)
def test_a_broken_entry_point_costs_its_own_engine_only(tmp_path, entry):
    target = tmp_path / "packages"
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet"]
    made = wheel(tmp_path, entry=entry)
    subprocess.run([*pip, "--target", str(target), str(made)], check=True)
    environment = {"PYTHONPATH": str(target)}
    listed = gradmeter("list", "engines", env=environment)
    assert listed.returncode == 0
    assert "gradmeter.engines" in listed.stdout
    name = entry.partition(" ")[0]
    asked = gradmeter("run", *TINY, "--variant", name, env=environment)
    assert asked.returncode == 2
    assert "gradmeter.engines" in asked.stderr
    assert "Traceback" not in asked.stderr
    ours = gradmeter("run", *TINY, "--variant", "engine", "--out", tmp_path / "out",
                     env=environment)  # fmt: skip
    assert ours.returncode == 0


def test_an_engine_of_a_file_answers_questions_of_a_suite(pytester):
    adapter(pytester.path)
    pytester.makepyfile(
        test_suite="""
        from gradmeter import cases

        @cases(["squares-3"], [16], ["engine", "mine"])
        def test_cost(measure, question):
            measure(question)
        """
    )
    quick = ("--benchmark-only", "--benchmark-max-time=0", "--benchmark-min-rounds=1")
    done = pytester.runpytest_subprocess(*quick, "--bench-sets=1", "--bench-engine=adapter.py")
    done.assert_outcomes(passed=2)
    pytester.makeini("[pytest]\nbench_engine = adapter.py\n")
    smoke = pytester.runpytest_subprocess()
    smoke.assert_outcomes(passed=2)
    pytester.makeini("[pytest]\nbench_engine = gone.py\n")
    gone = pytester.runpytest_subprocess()
    assert gone.ret == pytest.ExitCode.USAGE_ERROR
    assert "gone.py" in gone.stderr.str() + gone.stdout.str()


CANNOT = ADAPTER.replace("make=Mine", 'make=Mine, cannot={"squares": "it is tired of them"}')


def test_what_an_engine_is_known_not_to_do_is_said_and_no_failure(tmp_path):
    path = adapter(tmp_path, CANNOT)
    done = gradmeter("run", *TINY, *BOTH, "--engine", path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it is tired of them" in done.stdout
    assert "it is tired of them" in (tmp_path / "out/report.md").read_text()
    checked = gradmeter("check", tmp_path / "out", "--fail-on", "peak<=1MB")
    assert checked.returncode == 0, checked.stdout
    assert "tired" in gradmeter("list", "engines", "--engine", path).stdout


OWN = ADAPTER.replace("make=Mine", 'make=Mine, memory="own"')


def test_unlike_figures_are_never_put_beside_each_other(tmp_path):
    path = adapter(tmp_path, OWN)
    out = tmp_path / "out"
    done = gradmeter("run", "--size", "100000", *TINY[2:], *BOTH, "--engine", path, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    found = run_file.load(out / "run.json")
    ours, mine = (found.case("squares-3", 100_000, name) for name in ("engine", "mine"))
    assert ours.memory is not None
    assert mine.memory is None
    assert mine.cycles is None
    assert min(ours.heap[-1].peak, mine.heap[-1].peak) > 5 * 800_000
    text = " ".join(done.stdout.split())
    assert "heap peak" in text
    assert "mine on squares-3 x 100,000: heap peak" in text
    # Gates on exact bytes are about engines that have them; one that could never fail is refused.
    assert gradmeter("check", out, "--fail-on", "peak<=9MB").returncode == 0
    refused = gradmeter("check", out, "--fail-on", "peak[mine]<=9MB")
    assert refused.returncode == 2
    assert "could never fail" in refused.stderr
    compared = gradmeter("compare", "engine", "mine", "--engine", path, "--fail-on", "peak>0")
    assert compared.returncode == 2
    assert "could never fail" in compared.stderr


def test_an_engine_that_is_not_installed_is_named_with_the_command(tmp_path):
    text = ADAPTER.replace("make=Mine", 'make=Mine, distributions=("no-such-engine",)')
    path = adapter(tmp_path, text)
    done = gradmeter("run", *TINY, *BOTH, "--engine", path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "pip install no-such-engine" in done.stderr
    listed = gradmeter("list", "engines", "--engine", path)
    assert "pip install no-such-engine" in listed.stdout
    assert not (tmp_path / "out").exists()


def test_the_readme_shows_this_very_adapter(pytestconfig):
    readme = (pytestconfig.rootpath / "README.md").read_text()
    # But for the empty lines that the formatter wants.
    shown, adapter = (list(filter(None, text.splitlines())) for text in (readme, ADAPTER))
    at = shown.index(adapter[0], shown.index("## Beside other engines"))
    assert shown[at : at + len(adapter)] == adapter
    assert len(adapter) <= 24


def test_a_revision_is_of_our_engine_only(tmp_path):
    done = gradmeter("compare", "mine", "--rev", "HEAD", "--engine", adapter(tmp_path))
    assert done.returncode == 2
    assert (
        "--rev compares revisions of the package engine, and mine is another engine" in done.stderr
    )


def test_json_and_markdown_name_what_kind_of_bytes_was_compared(tmp_path):
    tiny = ("--sets", "1", "--seconds", "0", "--budget", "0", "--min-rounds", "1", "--size", "1000")
    arguments = ("compare", "engine", "mine", "--engine", adapter(tmp_path, OWN), *tiny,
                 "--out", tmp_path / "out")  # fmt: skip
    done = gradmeter(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    [found] = json.loads(done.stdout)["comparisons"]
    assert set(found["memory"]) == {"heap peak", "heap held"}
    text = gradmeter(*arguments, "--markdown").stdout
    assert "(heap)" in text
