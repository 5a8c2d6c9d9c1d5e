"""``pytest --bench-rev``, and which code a worker runs: its revision's, or it is refused."""

from __future__ import annotations

import os
import signal
import time
import uuid
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from gradmeter.bench.plugin import revisions
from gradmeter.bench.results import run_file

from ..command import GRADMETER, PYTEST, finished, process
from ..misbehaviour import processes_with, within
from ..repositories import LEAST, OUT, Result, clean, compare, git, repository, write

CODE = "import numpy as np\ndef call(n): return np.ones({} * n)\n"
TEST = "import pkg\ndef test_it(benchmark): benchmark(pkg.call, 10)\n"
LIGHT = ("-p", "no:hypothesispytest")
QUICK = (*LIGHT, "--bench-sets=1", "--benchmark-max-time=0.001", "--benchmark-min-rounds=1")


def pytest_in(folder: Path, *arguments: str) -> CompletedProcess[str]:
    """Run pytest in a folder, as a user does."""
    return finished(process(PYTEST, *QUICK, *arguments, cwd=folder))


def project(folder: Path, **more: str) -> Path:
    """A repository whose last commit allocates twice as much."""
    base = {"src/pkg/__init__.py": CODE.format(1), "benchmarks/test_it.py": TEST, **more}
    return repository(folder, base, {"src/pkg/__init__.py": CODE.format(2)})


STRICT = """
[pytest]
addopts = -n auto --cov=pkg --benchmark-only --benchmark-autosave --bench-memory --strict-markers
    --strict-config -p no:cacheprovider
filterwarnings = error
markers = slow: a marker
cache_dir = .cache
"""


def test_from_pytest_with_a_strict_ini_file_and_other_plugins(tmp_path):
    slow = (
        "import pytest, warnings\n"
        + TEST.replace("def", "@pytest.mark.slow\ndef")
        + ("def test_warns(benchmark): benchmark(warnings.warn, 'x')\n")
    )
    folder = project(tmp_path, **{"pytest.ini": STRICT, "benchmarks/test_it.py": slow})
    refused = pytest_in(folder, "--bench-rev=main~1", "benchmarks")
    assert refused.returncode == 4
    assert "switch pytest-xdist off, with -n0" in refused.stderr
    gate = "--bench-fail-on=peak>0"
    done = pytest_in(folder, "--bench-rev=main~1", "-n0", gate, "benchmarks")
    assert done.returncode == 1, done.stdout + done.stderr
    text = " ".join(done.stdout.split())
    assert "test_it" in text
    assert "+80 B" in text
    assert "gate failed: peak>0" in text
    assert "UserWarning: x" in text  # an error, as the ini file has it
    run = run_file.load(folder / "reports/latest/run.json")
    assert [case.failure is None for case in run.cases] == [True, True, False, False]
    clean(folder)


def test_from_pytest_a_selection_that_matches_nothing_is_exit_code_4(tmp_path):
    folder = project(tmp_path)
    done = pytest_in(folder, "--bench-rev=main~1", "-k", "nothing")
    assert done.returncode == 4
    assert "no selected test takes the fixture benchmark" in done.stdout + done.stderr
    done = pytest_in(folder, "--bench-rev=main~1", "--bench-tests=both")
    assert done.returncode == 4
    assert "--bench-tests is head or own" in done.stderr


def test_a_gate_that_names_no_test_is_refused(tmp_path):
    done = pytest_in(project(tmp_path), "--bench-rev=main~1", "--bench-fail-on=peak[nope]>0")
    assert done.returncode == 4
    assert "--bench-fail-on 'peak[nope]>0' matches no case" in done.stdout + done.stderr


def test_a_new_benchmark_runs_over_the_old_code_and_own_tests_run_at_their_own(tmp_path):
    folder = project(tmp_path)
    write(folder, {
        "benchmarks/test_it.py": None,
        "benchmarks/helpers.py": "N = 3\n",
        "benchmarks/test_new.py": (
            "import pkg, helpers\ndef test_new(benchmark): benchmark(pkg.call, helpers.N)\n"
        ),
    })  # fmt: skip
    said = compare(folder, "--rev", "main~1", "--", "benchmarks")
    assert said.returncode == 0, said.stderr
    result = Result(folder)
    assert set(result.names) == {"test_new"}
    assert result.figures("test_new", "held") == [24, 48]
    own = compare(folder, "--rev", "main~1", "--bench-tests", "own", "--", "benchmarks")
    assert own.returncode == 2
    assert "not at every revision, but at main~1: benchmarks/test_it.py::test_it" in own.stderr


INSTALLED = "def call(n): return None\n"


@pytest.mark.parametrize(
    ("conftest", "says"),
    [
        # An editable install whose finder comes first, and an import before the checkout's.
        ("import sys\nsys.path.insert(0, {src!r})\nimport pkg\n", "an editable install"),
        ("import sys\nsys.path.insert(0, {src!r})\n", "an editable install"),
        ("import sys\nsys.path.insert(0, {site!r})\nimport pkg\n", "an installed package"),
    ],
)
def test_what_wins_over_the_checkout_is_refused_and_named(tmp_path, conftest, says):
    site = tmp_path / "site-packages"
    write(site, {"pkg/__init__.py": INSTALLED})
    folder = tmp_path / "top"
    text = conftest.format(src=str(folder / "src"), site=str(site))
    project(folder, **{"benchmarks/conftest.py": text})
    said = compare(folder, "--rev", "main~1", "--", "benchmarks")
    assert said.returncode == 2, said.stdout
    words = " ".join(said.stderr.split())
    assert "pkg was imported from" in words
    assert says in words
    assert "--bench-path" in words


def test_code_in_a_folder_that_nothing_names_is_not_compared_with_itself(tmp_path):
    folder = repository(
        tmp_path,
        {"odd/pkg/__init__.py": CODE.format(1), "benchmarks/test_it.py": TEST},
        {"odd/pkg/__init__.py": CODE.format(2)},
    )
    said = compare(
        folder, "--rev", "main~1", "--", "benchmarks", env={"PYTHONPATH": f"{folder}/odd"}
    )
    assert said.returncode == 2
    assert f"imported from {folder}/odd/pkg/__init__.py" in " ".join(said.stderr.split())
    said = compare(folder, "--rev", "main~1", "--bench-path", "odd", "--", "benchmarks")
    assert said.returncode == 0, said.stderr
    assert Result(folder).figures("test_it", "held") == [80, 160]


def test_tests_that_import_nothing_of_the_project_are_said(tmp_path):
    test = "def test_it(benchmark): benchmark(int)\n"
    other = {"benchmarks/test_it.py": test.replace("int", "str")}
    folder = repository(tmp_path, {"pkg/__init__.py": "", "benchmarks/test_it.py": test}, other)
    said = compare(folder, "--rev", "main~1", "--", "benchmarks")
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-1] == (
        "nothing was compared: the same code ran on every side (1 call)"
    )
    words = " ".join(said.stdout.split())
    assert (
        "no test imports a module of the project (its packages: pkg, in .), and all ran "
        "working-tree's tests: --bench-tests own compares each side's" in words
    )
    assert "1 call of the same code" in said.stdout.splitlines()
    report = (folder / OUT / "report.md").read_text()
    heading = "## Nothing was compared: the same code ran on every side (1 call)"
    assert heading in report.splitlines()
    assert "changed" not in report.partition(heading)[2].partition("##")[0]
    # Where each side has its own tests, these are what is compared.
    said = compare(folder, "--rev", "main~1", "--bench-tests", "own", "--", "benchmarks")
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-1].startswith("time: 1 ")
    assert "so only the tests themselves are compared" in " ".join(said.stdout.split())


def test_a_process_with_threads_runs_each_test_itself(tmp_path):
    start = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
    conftest = f"import threading\n{start}\n"
    folder = project(tmp_path, **{"benchmarks/conftest.py": conftest})
    said = compare(folder, "--rev", "main~1", "--", "benchmarks")
    assert said.returncode == 0, said.stderr
    result = Result(folder)
    assert result.figures("test_it", "held") == [80, 160]
    assert all(case.times for case in result.cases("test_it"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_in_the_middle_leaves_nothing(tmp_path, monkeypatch, number):
    mark = uuid.uuid4().hex
    monkeypatch.setenv("MARKER", mark)
    folder = project(tmp_path / "top")
    with process(
        GRADMETER, "compare", *LEAST, "--sets", "60", "--most-sets", "60", "--out", OUT,
        "--rev", "main~1", "--", "pytest", *LIGHT, "benchmarks", cwd=folder, stdout=None,
    ) as command:  # fmt: skip
        assert "gradmeter" in command.stderr.readline()
        time.sleep(1)
        command.send_signal(number)
        command.stderr.read()
    assert command.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert within(lambda: all(p.pid == os.getpid() for p in processes_with(mark)))
    if number == signal.SIGKILL:  # what it could not remove, the next run does
        again = compare(folder, "--rev", "main", "--", "-k", "nothing")
        assert again.returncode == 2
    clean(folder)
    assert git(folder, "stash", "list") == ""


def test_the_suite_gets_its_own_words_of_the_command_line(pytester):
    config = pytester.parseconfig(
        "bench", "--bench-exact", "--bench-rev", "main", "-k", "x", "--bench-sets=3", "-q",
        "--no-bench-memory", "--bench-all", "--benchmark-max-time=0.1", "--bench-path", "src",
    )  # fmt: skip
    words = revisions._of_the_suite(config)
    assert [word for word in words if not word.startswith("--basetemp")] == [
        "bench", "-k", "x", "-q", "--benchmark-max-time=0.1",
    ]  # fmt: skip


@pytest.mark.usefixtures("_preloaded_pytest")
def test_a_gate_on_instructions_that_no_call_has_is_refused(pytester):
    result = pytester.runpytest_subprocess(
        *LIGHT, "--bench-rev=main", "--bench-fail-on=instructions>0.5%"
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--bench-fail-on 'instructions>0.5%' could never fail*"])
