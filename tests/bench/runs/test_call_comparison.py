"""Base against head of a pytest-benchmark suite: what is planted is found, and nothing else."""

from __future__ import annotations

import json

import pytest

from gradmeter.bench.report import line_words

from ..repositories import OUT, Result, clean, compare, repository

BASE = """
import numpy as np
def slower(a): return a * 2
def copied(a): return a + 1
class Node: pass
def cyclic(a):
    node = Node(); node.a = a + 1
    return node
def faster(n):
    total = 0
    for i in range(n): total += i
    return total
def kept(a): return a - 1
"""
HEAD = """
import numpy as np
def slower(a):
    for _ in range(3): b = a * 2
    return b
def copied(a): return a.copy() + 1
class Node: pass
def cyclic(a):
    node = Node(); node.a = a + 1; node.itself = node
    return node
def faster(n): return n * (n - 1) // 2
def kept(a): return a - 1
"""
SUITE = """
import numpy as np
from pkg import changed
A = np.ones(20_000)
def test_slower(benchmark): benchmark(changed.slower, A)
def test_copied(benchmark): benchmark(changed.copied, A)
def test_cyclic(benchmark): benchmark(changed.cyclic, A)
def test_faster(benchmark): benchmark(changed.faster, 5000)
def test_kept(benchmark): benchmark(changed.kept, A)
"""
SETS = ("--sets", 8, "--most-sets", 8, "--effect", "10%")
BYTES = 160_000


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    """A comparison with planted changes: its result, and what was said."""
    folder = repository(
        tmp_path_factory.mktemp("planted"),
        {"src/pkg/__init__.py": "", "src/pkg/changed.py": BASE, "benchmarks/test_it.py": SUITE},
        {"src/pkg/changed.py": HEAD},
    )
    gates = ("--fail-on", "slower[test_slower]", "--fail-on", "peak[test_c*]>0")
    suite = "benchmarks/test_it.py"  # a file, which is not taken for one of a run
    said = compare(folder, "--rev", "main~1", *SETS, "--json", *gates, "--", suite)
    assert said.returncode == 1, said.stderr
    return Result(folder), json.loads(said.stdout), folder


def test_a_slower_call_and_a_faster_one_are_found_and_an_unchanged_one_is_not(planted):
    _, document, _ = planted
    words = {
        c["workload"].partition("::")[2]: c["time"]["verdict"] for c in document["comparisons"]
    }
    assert words["test_slower"] == "slower"
    assert words["test_faster"] == "faster"
    assert words["test_kept"] in ("same", "inconclusive")


def test_a_copy_more_and_a_cycle_are_found_to_the_byte_and_nothing_else(planted):
    result, _, _ = planted
    assert result.figures("test_copied", "peak") == [BYTES + 8, 2 * BYTES + 8]
    assert result.figures("test_slower", "peak") == [BYTES + 8, 2 * BYTES + 8]
    assert result.figures("test_cyclic", "cycle") == [0, BYTES]
    changed = {
        name
        for name in result.names
        for figure in ("peak", "held", "cycle")
        if len(set(result.figures(name, figure))) > 1
    }
    assert changed == {"test_slower", "test_copied", "test_cyclic"}


def test_a_copy_more_is_said_with_its_line_and_what_is_equal_has_no_lines(planted):
    result, _, _ = planted
    sides = [c.lines for c in result.run.cases if c.workload.endswith("::test_copied")]
    assert line_words.difference_text(*sides, "peak") == (
        "+320.0 kB at pkg/changed.py:6 `def copied(a): return a.copy() + 1`, "
        "-160.0 kB at pkg/changed.py:4 `def copied(a): return a + 1`"
    )
    measured = {c.workload for c in result.run.cases if c.lines is not None}
    names = {name.partition("::")[2] for name in measured}
    assert names == {"test_slower", "test_copied"}


def test_gates_name_tests_in_brackets(planted):
    _, document, _ = planted
    failed = {(gate["gate"], gate["where"].partition("::")[2]) for gate in document["failed_gates"]}
    assert failed == {
        ("slower[test_slower]", "test_slower working-tree"),
        ("peak[test_c*]>0", "test_copied working-tree"),
    }


def test_the_repository_is_as_it_was(planted):
    clean(planted[2])


def test_the_report_shows_what_changed_unfolded(planted):
    text = (planted[2] / OUT / "report.md").read_text()
    unfolded = text.partition("<details>")[0].replace("&#95;", "_")
    assert "| slower |" in unfolded
    assert all(f"test_{name} " in unfolded for name in ("slower", "copied", "cyclic", "faster"))
    rows = [line for line in unfolded.split("\n") if line.startswith("|")]
    assert not any("test_kept" in row for row in rows)
    assert "the same memory" not in unfolded
    assert "oise floor" not in text  # which variants have, and calls do not


# What a test imports, directly or not, and what it does not.
IMPORTS = """
from pkg import used
def test_unchanged(benchmark): benchmark(used.call)
def test_lazy(benchmark):
    def call():
        from pkg import lazy
        return lazy.call()
    benchmark(call)
def test_once(benchmark):
    def call():
        from pkg import once
        return once.call()
    benchmark.pedantic(call)
"""
CALL = "def call(): return {}\n"


def test_the_same_code_is_recognised_and_any_module_that_a_test_imports_counts(tmp_path):
    one = {f"pkg/{name}.py": CALL.format(1) for name in ("__init__", "used", "lazy", "once")}
    folder = repository(
        tmp_path,
        {
            **one,
            "pkg/other.py": "1",
            "benchmarks/conftest.py": "",
            "benchmarks/test_it.py": IMPORTS,
        },
        {"pkg/lazy.py": CALL.format(2), "pkg/once.py": CALL.format(2), "pkg/other.py": "2"},
        {"benchmarks/conftest.py": "import collections\n"},
    )
    said = compare(folder, "--rev", "main~2", "--", "benchmarks")
    assert said.returncode == 0, said.stderr
    result = Result(folder)
    same = {name for name, each in result.names.items() if each.same_code}
    assert same == {"test_unchanged"}  # the head's conftest.py is run at both
    assert "1 same code" in said.stdout
    own = compare(folder, "--rev", "main~1", "--bench-tests", "own", "--", "benchmarks")
    assert own.returncode == 0, own.stderr
    assert not any(each.same_code for each in Result(folder).names.values())
    whole = compare(folder, "--rev", "main", "--bench-all", "--", "benchmarks")
    assert "same code" not in whole.stdout.partition("ratio: of")[0]


def test_what_is_refused_is_one_sentence_and_exit_code_2(tmp_path):
    test = "def test_it(benchmark): benchmark(int)\n"
    folder = repository(tmp_path, {"pkg/__init__.py": "", "benchmarks/test_it.py": test})
    for arguments, words in (
        (["--rev", "main", "--", "-k", "nothing"], "no selected test takes the fixture benchmark"),
        (["--rev", "main", "--", "nowhere"], "file or directory not found: nowhere"),
        (["--rev", "main", "--", "--nope"], "unrecognized arguments: --nope"),
        (["--rev", "nope", "--", "benchmarks"], "git fetch origin REVISION"),
        (["--", "benchmarks"], "name them with --rev main"),
        (["--rev", "main", "--bench-tests", "both", "--", "benchmarks"], "head or own"),
        (["--rev", "main", "--python", "3", "--", "benchmarks"], "exclude each other"),
        (["--python", "3", "--", "benchmarks"], "takes two values"),
        (["--with", "a==1", "--with", "-r b.txt", "--", "benchmarks"], "write them as after pip"),
        (["--with", "a==1", "--with", "'b", "--", "benchmarks"], "has no end"),
        (["--rev", "main", "--size", 16, "--", "benchmarks"], "--size chooses what gradmeter"),
        (["--rev", "main", "--", "-p", "no:benchmark"], "pytest-benchmark is not active"),
    ):
        said = compare(folder, *arguments)
        assert said.returncode == 2, (arguments, said.stdout + said.stderr)
        assert words in " ".join(said.stderr.split()), arguments
        assert "Traceback" not in said.stderr
    clean(folder)


DATA = """
import random
import numpy as np, pathlib, pkg
HERE = pathlib.Path(__file__).parent
def test_reads(benchmark): benchmark((HERE / "data.txt").read_text)
def test_draws(benchmark): benchmark(np.ones, random.randrange(10**9) % 1000 + 1)
def test_draws_from_numpy(benchmark): benchmark(np.ones, np.random.randint(1000) + 1)
"""


def test_a_data_file_that_changed_is_a_change_and_prose_is_none(tmp_path):
    folder = repository(
        tmp_path,
        {
            "pkg/__init__.py": "", "pkg/table.csv": "1", "README.md": "", "docs/index.md": "",
            "benchmarks/test_it.py": DATA, "benchmarks/data.txt": "1",
        },
        {"README.md": "more", "docs/index.md": "more"},
        {"benchmarks/data.txt": "2"},
        {"pkg/table.csv": "2"},
    )  # fmt: skip
    for base, head, tests, same in (
        ("main~2", "main~1", "own", False),
        # Prose has changed, and data of the tests, which the head's read at both.
        ("main~3", "main~1", "head", True),
        ("main~1", "main", "head", False),
    ):
        said = compare(
            folder, "--rev", base, "--rev", head, "--bench-tests", tests, "--", "benchmarks"
        )
        assert said.returncode == 0, said.stderr
        result = Result(folder)
        assert {each.same_code for each in result.names.values()} == {same}, (base, tests)
        for name in ("test_draws", "test_draws_from_numpy"):
            assert len(set(result.figures(name, "held"))) == 1  # the same data at both
    assert "pkg/table.csv" in " ".join(result.run.notes)


def test_a_gate_that_names_no_test_is_refused_before_anything_is_measured(tmp_path):
    test = "def test_it(benchmark): benchmark(int)\n"
    folder = repository(tmp_path, {"pkg/__init__.py": "", "benchmarks/test_it.py": test})
    said = compare(folder, "--rev", "main", "--fail-on", "peak[nope]>0", "--", "benchmarks")
    assert said.returncode == 2
    assert "--fail-on 'peak[nope]>0' matches no case" in " ".join(said.stderr.split())
    assert not (folder / OUT / "run.json").exists()


LEAKING = """
import pytest
def leak(): open(__file__)
def pytest_collection_modifyitems():
    leak()
    {ending}
"""


@pytest.mark.parametrize(
    ("files", "suite", "reason"),
    [
        ({"conftest.py": "raise ValueError('no data')"}, (), "ValueError: no data"),
        ({"conftest.py": "import pytest; pytest.exit('no GPU')"}, (), "Exit: no GPU"),
        ({"conftest.py": LEAKING.format(ending="1 / 0")}, (), "ZeroDivisionError: division by"),
        ({"conftest.py": LEAKING.format(ending="pytest.exit('no GPU')")}, (), "Exit: no GPU"),
        ({}, ("none",), "file or directory not found: none"),
        ({}, ("--none",), "unrecognized arguments: --none"),
        ({}, ("-W", "none::a.B"), "while parsing the following warning configuration: none::a.B"),
    ],
    ids=["conftest", "exit", "a hook", "exit in a hook", "path", "option", "warning"],
)
def test_a_suite_that_cannot_be_collected_is_explained_by_pytests_reason(
    tmp_path, monkeypatch, files, suite, reason
):
    """Where warnings are errors, too: those of a file left open come after the reason."""
    monkeypatch.setenv("PYTHONWARNINGS", "error::ResourceWarning")
    test = "def test_it(benchmark): benchmark(int)\n"
    found = {f"benchmarks/{name}": text for name, text in files.items()}
    folder = repository(tmp_path, {"pkg/__init__.py": "", "benchmarks/test_it.py": test, **found})
    done = compare(folder, "--rev", "main", "--", "benchmarks", *suite)
    assert (done.returncode, done.stdout) == (2, "")
    words = done.stderr.splitlines()[-1]
    assert words.startswith("gradmeter: the suite cannot be collected at working-tree: ")
    assert reason in words
    assert "Warning" not in words


@pytest.mark.parametrize("file", ["conftest.py", "test_it.py"])
def test_tests_of_the_head_that_need_what_the_base_lacks_name_the_option_for_own_tests(
    file, tmp_path
):
    test = "def test_it(benchmark): benchmark(int)\n"
    folder = repository(
        tmp_path,
        {"src/pkg/__init__.py": "", "benchmarks/conftest.py": "", "benchmarks/test_it.py": test},
        {"src/pkg/__init__.py": "new = 1\n"},
    )
    path = folder / "benchmarks" / file
    path.write_text(f"from pkg import new\n{path.read_text()}")
    said = compare(folder, "--rev", "main~1", "--", "benchmarks")
    assert said.returncode == 2
    message = " ".join(said.stderr.split())
    assert "cannot import name 'new'" in message
    assert "with --bench-tests own, each runs its own" in message
    own = compare(folder, "--rev", "main~1", "--bench-tests", "own", "--", "benchmarks")
    assert own.returncode == 0, own.stderr
