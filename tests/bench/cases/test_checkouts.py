"""A project is checked out at its revisions, with the head's tests, and stays as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gradmeter.bench.cases.checkouts import Side, Wanted, arguments, sides
from gradmeter.bench.cases.environments import BuildError
from gradmeter.bench.cases.head_tests import lay_tests_over, of_tests
from gradmeter.bench.cases.large_files import pointers
from gradmeter.bench.cases.layouts import layout
from gradmeter.bench.errors import UsageError

from ..repositories import clean, git, repository, write

CODE = {"src/pkg/__init__.py": "value = 1\n", "pyproject.toml": '[project]\nname = "pkg"\n'}
AGAINST_MAIN = Wanted(revisions=("main", None))


def test_the_working_tree_is_taken_as_it_is_with_new_files_and_without_ignored_ones(tmp_path):
    top = repository(tmp_path, {**CODE, ".gitignore": "*.log\n", "old.py": ""})
    write(top, {"src/pkg/__init__.py": "value = 2\n", "new.py": "", "x.log": "", "old.py": None})
    with sides(AGAINST_MAIN, top) as (base, head):
        assert (base.top / "src/pkg/__init__.py").read_text() == "value = 1\n"
        assert (head.top / "src/pkg/__init__.py").read_text() == "value = 2\n"
        present = {path.name for path in head.top.iterdir()}
        assert present == {"src", "pyproject.toml", ".gitignore", "new.py"}
        assert "with uncommitted changes" in head.meaning
        assert (base.baseline, head.baseline) == (True, False)
        assert base.imports == ((base.top / "src"),)
    assert not base.top.exists()
    assert len(git(top, "worktree", "list").splitlines()) == 1


def test_a_project_in_a_subfolder_is_found_from_where_pytest_starts(tmp_path):
    top = repository(tmp_path, {f"python/{name}": text for name, text in CODE.items()})
    start = top / "python" / "benchmarks"
    write(start, {"test_new.py": ""})
    with sides(AGAINST_MAIN, start) as (base, head):
        assert base.project == base.top / "python"
        assert base.layout.names == {"pkg"}
        assert base.folder.is_dir()  # which the base does not have
        assert (head.folder / "test_new.py").is_file()


def test_submodules_are_filled_from_the_working_tree(tmp_path):
    inner = repository(tmp_path / "inner", {"a.py": "1"}, {"a.py": "2"})
    top = repository(tmp_path / "top", CODE)
    git(top, "submodule", "--quiet", "add", str(inner), "vendor/inner")
    git(top, "commit", "--quiet", "--message", "new")
    git(top / "vendor/inner", "checkout", "--quiet", "HEAD~1")
    git(top, "commit", "--quiet", "--all", "--message", "old")
    write(top, {"vendor/inner/a.py": "edited"})
    with sides(Wanted(revisions=("main~1", "main", None)), top) as found:
        texts = [(side.top / "vendor/inner/a.py").read_text() for side in found]
    assert texts == ["2", "1", "edited"]
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(top), str(clone))  # without its submodules
    with sides(AGAINST_MAIN, clone) as found:
        assert [side.missing for side in found] == [("vendor/inner",)] * 2


def test_a_shallow_clone_says_how_to_fetch(tmp_path):
    top = repository(tmp_path / "top", CODE, {"a.py": ""})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{top}", "clone")
    with (
        pytest.raises(UsageError, match="in a shallow clone, fetch it first"),
        sides(Wanted(revisions=("main~1", None)), tmp_path / "clone"),
    ):
        pass


def test_large_files_that_cannot_be_fetched_are_left_as_pointers(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    top = repository(tmp_path, {**CODE, "data/a.bin": pointer, "b.bin": "version 1"})
    write(top, {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", "attributes")
    for name, value in (("smudge", "no-lfs smudge"), ("process", "no-lfs"), ("required", "true")):
        git(top, "config", f"filter.lfs.{name}", value)
    with sides(AGAINST_MAIN, top) as found:
        assert [pointers(each.top) for each in found] == [["data/a.bin"]] * 2


def side(top: Path, files: dict[str, str]) -> Side:
    """A checkout with these files, whose project is at its top."""
    write(top, files)
    return Side(top.name, "", repository=top, top=top, folder=top, project=top, layout=layout(top))


def laid(tmp_path: Path, head: dict[str, str], base: dict[str, str], *tests: str) -> dict[str, str]:
    """The files of a base after the head's tests were laid over it."""
    first, other = side(tmp_path / "head", head), side(tmp_path / "base", base)
    lay_tests_over([str(first.top / test) for test in tests], first, other)
    files = [path for path in other.top.rglob("*") if path.is_file()]
    return {path.relative_to(other.top).as_posix(): path.read_text() for path in files}


def test_a_folder_of_tests_is_taken_whole_and_code_is_not(tmp_path):
    found = laid(
        tmp_path,
        {"pkg/a.py": "head", "benchmarks/deep/test_a.py": "head", "benchmarks/data.csv": "head"},
        {"pkg/a.py": "base", "benchmarks/test_gone.py": "base"},
        "benchmarks/deep/test_a.py",
    )
    assert found == {
        "pkg/a.py": "base", "benchmarks/deep/test_a.py": "head", "benchmarks/data.csv": "head",
    }  # fmt: skip


def test_of_a_folder_that_may_be_code_only_the_test_is_taken(tmp_path):
    found = laid(
        tmp_path,
        {"lib/pkg/a.py": "head", "lib/test_a.py": "head", "lib/conftest.py": "head"},
        {"lib/pkg/a.py": "base"},
        "lib/test_a.py",
    )
    assert found == {"lib/pkg/a.py": "base", "lib/test_a.py": "head", "lib/conftest.py": "head"}


def test_tests_inside_of_the_package_are_taken_and_the_package_is_not(tmp_path):
    found = laid(
        tmp_path,
        {"src/pkg/a.py": "head", "src/pkg/tests/test_a.py": "head", "src/pkg/tests/b.py": "head"},
        {"src/pkg/a.py": "base"},
        "src/pkg/tests/test_a.py",
    )
    assert found["src/pkg/a.py"] == "base"
    assert found["src/pkg/tests/b.py"] == "head"


def test_what_says_how_tests_are_collected_is_the_heads(tmp_path):
    found = laid(
        tmp_path,
        {"pyproject.toml": "# head", "tests/test_a.py": "", "conftest.py": "# head"},
        {"pyproject.toml": "# base", "pytest.ini": "[pytest]\n", "setup.py": "# base"},
        "tests/test_a.py",
    )
    assert found == {
        "pyproject.toml": "# head", "conftest.py": "# head", "setup.py": "# base",
        "tests/test_a.py": "",
    }  # fmt: skip


def test_helpers_of_tests_are_those_in_folders_of_tests(tmp_path):
    head = side(tmp_path, {"pkg/a.py": "", "tests/helpers.py": ""})
    assert of_tests(str(tmp_path / "tests" / "helpers.py"), head)
    assert not of_tests(str(tmp_path / "pkg" / "a.py"), head)
    assert not of_tests("/elsewhere/tests/a.py", head)


def test_arguments_name_files_of_any_checkout(tmp_path):
    top = repository(tmp_path / "top", CODE)
    given = [f"{top}/benchmarks/a.py::test_a[{top}]", "-k", "x", f"--rootdir={top}", "/elsewhere"]
    assert arguments(given, top) == [
        f"benchmarks/a.py::test_a[{top}]", "-k", "x", "--rootdir=.", "/elsewhere",
    ]  # fmt: skip


@pytest.fixture
def quick_environments(monkeypatch):
    """Environments that are folders, so that only what is built in them takes time."""
    from gradmeter.bench.cases import environments

    def make(environment, interpreter=None):
        (environment.folder / "bin").mkdir(parents=True)

    def run_in(environment, command, folder):
        done = subprocess.run(["/bin/sh", "-c", command], cwd=folder, capture_output=True)
        if done.returncode:
            raise BuildError("it failed", done.stdout.decode().splitlines())

    monkeypatch.setattr(environments, "make", make)
    monkeypatch.setattr(environments, "run_in", run_in)


def test_a_commit_is_built_once_and_may_be_compared_with_itself(tmp_path, quick_environments):
    top, log = repository(tmp_path / "top", CODE), tmp_path / "log"
    wanted = Wanted(revisions=("main", "main", None), build=f"echo built >> {log}")
    for _ in range(2):
        with sides(wanted, top) as found:
            assert len({side.interpreter for side in found}) == 2
            assert all(side.imports == () for side in found)
    assert log.read_text().count("built") == 3  # the working tree each time
    clean(top)


def test_a_revision_that_does_not_build_costs_its_own_comparison(tmp_path, quick_environments):
    top = repository(tmp_path, {**CODE, "ok": ""}, {"ok": None}, {"ok": ""})
    build = "test -e ok || { echo first; echo last; exit 1; }"
    with sides(Wanted(revisions=("main~2", "main~1", "main"), build=build), top) as found:
        assert [bool(side.problem) for side in found] == [False, True, False]
        assert str(found[1].problem) == "main~1 cannot be built: it failed\n    first\n    last"
    for revisions in (("main~1", "main"), ("main", "main~1")):  # nothing is left to compare
        with (
            pytest.raises(BuildError, match="main~1 cannot be built"),
            sides(Wanted(revisions=revisions, build=build), top),
        ):
            pass
