"""Engines that are not ours at git revisions, in the layouts that their repositories have."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.checkouts import Wanted
from gradmeter.bench.cases.engine_packages import importable, sources
from gradmeter.bench.cases.engine_revisions import engine_revisions
from gradmeter.bench.engines.loading import load_file
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.runs.launcher import Process

from .. import throwaway
from ..command import PATIENCE, gradmeter
from ..misbehaviour import spec

# An engine whose results tell its revision: they are multiplied by FACTOR.
PACKAGE = "FACTOR = 1\n" + throwaway.PACKAGE.replace(
    "(x.data * x.data, lambda g: x.add_gradient(2 * g",
    "(FACTOR * x.data * x.data, lambda g: x.add_gradient(2 * FACTOR * g",
)
ADAPTER = throwaway.adapter_of("PACKAGE")
LATE = ADAPTER.replace("from PACKAGE import Tensor, square\n", "").replace(
    "    operations = SimpleNamespace(square=square)\n",
    """    def __init__(self):
        global Tensor
        from PACKAGE import Tensor, square
        self.operations = SimpleNamespace(square=square)
""",
)
SRC = '[tool.setuptools.packages.find]\nwhere = ["src"]\n'
FACTORS = {"v1": 3.0, "working-tree": 5.0}


def git(folder, *arguments):
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def repository(folder: Path, files: dict[str, str], later: dict[str, str] | None = None) -> Path:
    """A repository with a commit v1, and what was written later and not committed."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, {".gitignore": "__pycache__\nreports\n", **files})
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    git(folder, "tag", "v1")
    write(folder, later or {})
    return folder


def state(folder: Path) -> list[object]:
    """What must not change: files, references, worktrees."""
    files = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    files = {p: text for p, text in files.items() if ".git" not in p.parts}
    commands = (["status", "--porcelain"], ["worktree", "list"], ["for-each-ref"])
    return [files, sorted(p.name for p in (folder / ".git").iterdir()), *(
        git(folder, *command) for command in commands
    )]  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A repository's layout: where its files are; PACKAGE stands for the package's name."""

    package: str
    adapter: str
    files: dict[str, str]
    text: str = ADAPTER
    at_v1: str = ""
    roots: tuple[str, ...] = ()
    here: str = "repo"
    path: str = ""  # put on the import path, as an editable install does


SHAPES = {
    "flat": Shape(
        "PACKAGE/__init__.py", "repo/adapter.py", {"json.py": "raise ImportError('the wrong one')"}
    ),
    "src, with a module beside the adapter": Shape(
        "src/PACKAGE/__init__.py",
        "repo/benchmarks/adapter.py",
        {"pyproject.toml": SRC, "benchmarks/beside.py": "from PACKAGE import Tensor, square"},
        ADAPTER.replace("from PACKAGE", "from beside"),
    ),
    "src, installed as editable": Shape(
        "src/PACKAGE/__init__.py", "repo/adapter.py", {"pyproject.toml": SRC}, path="repo/src"
    ),
    "imported late": Shape(
        "src/PACKAGE/__init__.py", "outside/adapter.py", {"pyproject.toml": SRC}, LATE
    ),
    "subfolder, from anywhere": Shape(
        "python/PACKAGE/__init__.py",
        "outside/adapter.py",
        {"python/pyproject.toml": ""},
        here="outside",
        path="repo/python",
    ),
    "a folder that is named": Shape(
        "lib/py/PACKAGE.py", "outside/adapter.py", {}, roots=("lib/py",)
    ),
    "moved": Shape(
        "src/PACKAGE/__init__.py", "outside/adapter.py", {}, at_v1="PACKAGE/__init__.py"
    ),
    "one module": Shape("PACKAGE.py", "outside/adapter.py", {}),
    "namespace": Shape(
        "src/PACKAGE/tape.py",
        "outside/adapter.py",
        {"pyproject.toml": SRC},
        ADAPTER.replace("from PACKAGE", "from PACKAGE.tape"),
        path="repo/src",
    ),
    "part of a namespace": Shape(
        "src/PACKAGE/tape.py",
        "outside/adapter.py",
        {"pyproject.toml": SRC},
        ADAPTER.replace("from PACKAGE", "from PACKAGE.tape").replace(
            "make=Mine", 'make=Mine, packages=("PACKAGE.tape",)'
        ),
        path="repo/src",
    ),
    "adapter in the package": Shape(
        "src/PACKAGE/tape.py",
        "repo/src/PACKAGE/adapter.py",
        {"pyproject.toml": SRC, "src/PACKAGE/__init__.py": "from PACKAGE.tape import FACTOR"},
        ADAPTER.replace("from PACKAGE", "from .tape"),
    ),
    "of two packages": Shape(
        "src/PACKAGE_core.py",
        "outside/adapter.py",
        {"pyproject.toml": SRC, "src/PACKAGE/__init__.py": "from PACKAGE_core import *"},
        ADAPTER.replace("make=Mine", 'make=Mine, packages=("PACKAGE",)'),
        path="repo/src",
    ),
}


def results(tmp_path: Path, engine, revisions) -> dict[str, float]:
    """What a worker's engine multiplies by, of one square, at each revision."""
    found = {}
    for revision in revisions:
        fields = {
            "engine": "mine",
            "adapter": engine.file,
            "origins": tuple(map(str, revision.origins)),
            "interpreter": revision.interpreter or sys.executable,
            "packages": tuple((name, str(at)) for name, at in revision.packages.items()),
            "proven": engine.packages,
        }
        with closing(Process(spec(**fields), PATIENCE)) as worker:
            worker.ready()
            path = tmp_path / "results.npz"
            worker.ask("check", path=str(path))
        x = np.load(path)["gradient of x"]
        found[revision.label] = x
    return found


@pytest.mark.parametrize("name", SHAPES)
def test_a_worker_imports_each_revision_of_the_packages(tmp_path, monkeypatch, name):
    shape = SHAPES[name]
    package = f"tape_{list(SHAPES).index(name)}"

    def named(text: str) -> str:
        return text.replace("PACKAGE", package)

    def at(revision: str, path: str) -> dict[str, str]:
        return {named(path): PACKAGE.replace("= 1", f"= {FACTORS[revision]}")}

    (tmp_path / "outside").mkdir()
    repo = tmp_path / "repo"
    repository(
        repo,
        {named(file): named(text) for file, text in shape.files.items()}
        | at("v1", shape.at_v1 or shape.package),
    )
    if shape.at_v1:
        git(repo, "rm", "-rq", named(shape.at_v1))
    write(repo, at("working-tree", shape.package))
    write(tmp_path, {named(shape.adapter): named(shape.text)})
    before = state(repo)
    here = tmp_path / shape.here
    monkeypatch.chdir(here)
    if shape.path:
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / shape.path))
        monkeypatch.syspath_prepend(str(tmp_path / shape.path))
    adapter = tmp_path / named(shape.adapter)
    with importable([adapter], here, shape.roots):
        engine = load_file(adapter)
    with engine_revisions([engine], Wanted(("v1", None), shape.roots), here) as (revisions, known):
        found = results(tmp_path, known["mine"], revisions)
    # Three squares of x: 8 f^7 x^7.
    ratio = (FACTORS["working-tree"] / FACTORS["v1"]) ** 7
    np.testing.assert_allclose(found["working-tree"], ratio * found["v1"])
    assert state(repo) == before


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """An engine in a src layout, and an adapter of it outside of the repository."""
    folder = tmp_path_factory.mktemp("tiny")
    files = {"src/tinytape/__init__.py": PACKAGE, "pyproject.toml": SRC}
    repository(folder / "repo", files)
    return folder


def adapter(folder: Path, text: str) -> Path:
    path = folder / "adapter.py"
    path.write_text(text.replace("PACKAGE", "tinytape"))
    return path


ELSEWHERE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("tinytape", TINYTAPE)
sys.modules["tinytape"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["tinytape"])
"""


@pytest.mark.parametrize(
    ("error", "text", "says"),
    [
        (
            UsageError,
            ELSEWHERE + ADAPTER,
            "tinytape was imported from .*not from the revision's checkout",
        ),
        (
            UsageError,
            PACKAGE + ADAPTER.replace("from PACKAGE import Tensor, square", "").replace(
                "make=Mine", 'make=Mine, packages=("tinytape",)'
            ),
            "tinytape belongs to the engine and its adapter never imports it",
        ),
        (
            WorkerError,
            LATE.replace("PACKAGE import", "PACKAGE._core import"),
            "a checkout has only what is",
        ),
    ],
    ids=["loaded by its path", "never imported", "not in the checkout"],
)  # fmt: skip
def test_a_worker_refuses_to_measure_what_is_not_in_the_checkout(tiny, tmp_path, error, text, says):
    file = str(tiny / "repo/src/tinytape/__init__.py")
    engine = load_file(adapter(tmp_path, text.replace("TINYTAPE", repr(file))))
    here = tiny / "repo"
    with (
        engine_revisions([engine], Wanted(("v1",)), here) as (revisions, known),
        pytest.raises(error, match=says),
    ):
        results(tmp_path, known["mine"], revisions)


def test_a_package_from_elsewhere_is_exit_code_2_since_nothing_is_compared(tiny, tmp_path):
    file = str(tiny / "repo/src/tinytape/__init__.py")
    path = adapter(tmp_path, (ELSEWHERE + ADAPTER).replace("TINYTAPE", repr(file)))
    done = gradmeter(
        "compare", "--rev", "v1", "--engine", path, "--size", "16", "--sets", "1", "--seconds", "0",
        "--out", tmp_path / "out", cwd=tiny / "repo",
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "a revision would be compared with itself" in " ".join(done.stderr.split())


def test_packages_that_are_told_by_nothing_are_refused_by_name(tiny, tmp_path):
    here, mine = tiny / "repo", load_file(adapter(tmp_path, LATE))
    alien = repository(tmp_path / "alien", {"alientape.py": PACKAGE})
    other = replace(mine, name="other", packages=("alientape",))
    for problem, name, says in [
        ([engines.get("autograd")], "v1", "autograd imports none that lies in a git repository"),
        ([mine, replace(mine, name="b", packages=("numpy",))], "v1", "b: its package numpy lies"),
        ([mine, engines.get("engine")], "v1", "engine is gradmeter's own"),
        ([replace(mine, packages="tinytape")], "v1", "mine: its packages are 'tinytape'"),
        ([mine], "v0", "no revision 'v0'"),
        ([replace(mine, packages=("tinytape", "alientape"))], "v1", "in several repositories"),
        ([mine, other], "v1", "mine lies in .*repo and other in .*alien"),
    ]:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(alien))
            with (
                pytest.raises(UsageError, match=says),
                engine_revisions(problem, Wanted((name,)), here),
            ):
                pass
    assert len(git(here, "worktree", "list").splitlines()) == 1


def test_a_revision_that_lacks_a_package_is_refused(tiny, tmp_path):
    repo = repository(tmp_path / "repo", {"old/__init__.py": ""}, {"new/__init__.py": ""})
    mine = replace(load_file(adapter(tmp_path, LATE)), packages=("new",))
    says = "there is no package new in repo at v1"
    with (
        pytest.raises(UsageError, match=says),
        engine_revisions([mine], Wanted(("v1", None)), repo),
    ):
        pass


def test_the_current_folder_wins_over_a_clone_that_is_installed(tiny, tmp_path, monkeypatch):
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(tiny / "repo"), str(clone))
    monkeypatch.syspath_prepend(str(tiny / "repo" / "src"))
    engine = load_file(adapter(tmp_path, LATE))
    assert sources(engine, clone).top == clone
    assert sources(engine, tmp_path).top == tiny / "repo"


def test_an_engine_that_is_known_here_is_found_in_its_own_repository(tmp_path):
    repo = repository(tmp_path / "repo", {"autograd/__init__.py": ""})
    assert dict(sources(engines.get("autograd"), repo).packages) == {"autograd": repo}


def test_an_engine_in_a_submodule_has_the_revisions_of_the_submodule(tiny, tmp_path, monkeypatch):
    outer = repository(tmp_path / "outer", {"readme": ""})
    allowed = ("-c", "protocol.file.allow=always")
    git(outer, *allowed, "submodule", "--quiet", "add", str(tiny / "repo"), "inner")
    monkeypatch.syspath_prepend(str(outer / "inner" / "src"))
    engine = load_file(adapter(tmp_path, LATE))
    with engine_revisions([engine], Wanted(("v1", None)), outer) as (revisions, _):
        assert {r.label for r in revisions} == {"v1", "working-tree"}
        assert all(r.packages["tinytape"] == r.path / "src" for r in revisions)
    assert len(git(outer / "inner", "worktree", "list").splitlines()) == 1


BUILD = """python -c "
import pathlib, shutil, sysconfig
target = pathlib.Path(sysconfig.get_path('purelib'))
shutil.copytree('src/tinytape', target / 'tinytape')
(target / 'tinytape/_generated.py').write_text('')
"
"""


def test_a_revision_that_is_built_is_imported_from_its_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = "src/tinytape/__init__.py"
    generated = PACKAGE + "from tinytape import _generated\n"
    repo = repository(
        tmp_path / "repo",
        {file: generated, "pyproject.toml": SRC},
        {file: generated.replace("= 1", "= 2")},
    )
    engine = load_file(adapter(tmp_path, LATE))
    wanted = Wanted(("v1", "v1"), build=BUILD)
    with engine_revisions([engine], wanted, repo) as (revisions, known):
        found = results(tmp_path, known["mine"], revisions)
    workload = workloads.get("squares-3")
    exact = workload.exact(**workloads.arrays(workload, 16, 0))["x"]
    assert [*found] == ["v1", "v1#2"]
    for gradient in found.values():
        np.testing.assert_allclose(gradient, exact)


WORK = "    copy = x.data.copy()\n    sum(range(5_000))\n    return Tensor(x.data * copy, "


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Three revisions: v1, slow (a copy and much work more in each square), broken."""
    folder = tmp_path_factory.mktemp("planted")
    repo = repository(
        folder / "repo",
        {
            "src/tinytape/__init__.py": PACKAGE,
            "pyproject.toml": SRC,
            "benchmarks/adapter.py": ADAPTER.replace("PACKAGE", "tinytape"),
        },
    )
    slow = PACKAGE.replace("    return Tensor(FACTOR * x.data * x.data, ", WORK)
    slow = slow.replace("FACTOR * g * x.data", "g * copy")
    for name, text in {"broken": "raise RuntimeError('broken')\n", "slow": slow}.items():
        write(repo, {"src/tinytape/__init__.py": text})
        git(repo, "commit", "-qam", name)
        git(repo, "tag", name)
    return repo


def compared(repo: Path, *arguments: str, out: Path) -> subprocess.CompletedProcess[str]:
    quick = ("--size", "16", "--budget", "0", "--min-rounds", "1", "--seconds", "0")
    temporary = out / "temporary"
    temporary.mkdir()
    before = state(repo)
    done = gradmeter(
        "compare", "--engine", "benchmarks/adapter.py", *arguments, *quick, "--out", out / "out",
        cwd=repo, env={"TMPDIR": str(temporary), "PYTHONPATH": str(repo / "src")},
    )  # fmt: skip
    assert not list(temporary.glob("gradmeter-*"))
    assert state(repo) == before
    return done


def test_planted_work_and_a_planted_array_are_found_in_a_src_layout(planted, tmp_path):
    done = compared(planted, "--rev", "v1", "--rev", "slow", "--json", "--sets", "10",
                    "--fail-on", "peak>0", "--fail-on", "time>100%", out=tmp_path)  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    [row] = json.loads(done.stdout)["comparisons"]
    assert (row["baseline"], row["candidate"]) == ("mine@v1", "mine@slow")
    assert row["time"]["verdict"] == "slower"
    peak = row["memory"]["peak"]
    assert peak["after"] - peak["before"] == 3 * 16 * 8


def test_a_revision_that_raises_on_import_costs_its_side_only(planted, tmp_path):
    done = compared(planted, "--rev", "broken", "mine", "--sets", "1", out=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    words = " ".join(done.stdout.split())
    assert "does not load: RuntimeError: broken" in words
    assert "mine@working-tree" in words
