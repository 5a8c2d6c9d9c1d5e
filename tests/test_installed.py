"""The distributions, and gradmeter installed: one name beside everybody's `bench` and `engine`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import textwrap
import venv
import zipfile
from email import message_from_string
from importlib.metadata import version
from itertools import product
from pathlib import Path

import pytest

import gradmeter

from .thorough import THOROUGH, repeated

TOP = Path(gradmeter.__file__).parent.parent
THEIRS = """
from bench import value as of_bench
from engine import value as of_engine

def test_their_modules_are_theirs(benchmark):
    assert (of_bench, of_engine) == ("their bench", "their engine")
    assert benchmark(sum, [1, 2]) == 3
"""


BUILD = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"


@pytest.fixture(scope="session")
def sources(tmp_path_factory) -> Path:
    """The source distribution, unpacked; built from a copy: a build leaves files where it runs."""
    folder = tmp_path_factory.mktemp("sdist")
    copy = folder / "copy"
    copy.mkdir()
    for name in ("gradmeter", "engine", "bench", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(TOP / name, copy / name, symlinks=True, ignore=ignored)
    for path in TOP.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, copy)
    command = [sys.executable, "-c", BUILD, folder]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        # Python 3.11.2 knows no filters, and 3.12 warns of an archive without.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(folder, **safe)
    return next(path for path in folder.glob("gradmeter-*") if path.is_dir())


@pytest.fixture(scope="session")
def wheel(sources, tmp_path_factory) -> Path:
    """The wheel, built from the source distribution, as an index's users get it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder]
    subprocess.run([sys.executable, "-m", *command, sources], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def python(wheel, tmp_path_factory) -> Path:
    """A fresh environment with the wheel; what gradmeter depends on is lent by this one."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True, with_pip=False)
    packages = next(folder.glob("lib/python*/site-packages"))
    command = ["pip", "install", "--quiet", "--no-deps", "--target", packages, wheel]
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
    lent = Path(pytest.__file__).parent.parent
    (packages / "lent.pth").write_text(f"{lent}\n")
    return folder / "bin" / "python"


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command to its end, with its output in what is shown if it fails."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=120
    )
    print(done.stdout, done.stderr)
    return done


def written(folder: Path, **files: str) -> None:
    """Write modules, named with __ for a slash."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/').replace('/init/', '__init__')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def test_the_wheel_holds_gradmeter_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gradmeter"}
    ours = {
        f"gradmeter/{path.relative_to(TOP)}"
        for part in ("engine", "bench")
        for path in (TOP / part).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert ours <= set(names)


def test_both_distributions_have_the_licence_and_say_the_same_of_the_project(sources, wheel):
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        licence = archive.read(f"{info}/licenses/LICENSE")
        metadata = archive.read(f"{info}/METADATA").decode()
    assert licence == (sources / "LICENSE").read_bytes() == (TOP / "LICENSE").read_bytes()
    assert (sources / "PKG-INFO").read_text() == metadata
    fields = message_from_string(metadata)
    assert fields["Version"] == version("gradmeter")
    assert fields["License-Expression"] == "MIT"
    assert f"Programming Language :: Python :: 3.{sys.version_info.minor}" in fields.get_all(
        "Classifier"
    )
    assert fields["Description-Content-Type"] == "text/markdown"


def test_the_tests_of_the_engine_run_from_the_source_distribution(sources, python):
    names = ["variable", "operators", "recording", *repeated([], ["compile_interruptions"])]
    paths = [f"tests/engine/test_{name}.py" for name in names]
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:benchmark")
    done = run(python, "-m", "pytest", *quiet, *paths, cwd=sources)
    assert done.returncode == 0
    assert " passed" in done.stdout


CONSUMER = """
import gradmeter, numpy
from gradmeter.engine import Variable

reveal_type(Variable(numpy.ones(3)) * 2)
reveal_type(gradmeter.measure)
Variable("three")
"""


@pytest.mark.skipif(not THOROUGH, reason="mypy takes ten seconds: make test-thorough")
def test_a_project_that_uses_gradmeter_is_checked_against_its_types(python, tmp_path):
    (tmp_path / "consumer.py").write_text(CONSUMER)
    command = ("-m", "mypy", "--python-executable", python, "--strict", "consumer.py")
    done = run(sys.executable, *command, cwd=tmp_path)
    assert done.returncode == 1
    assert 'Revealed type is "gradmeter.engine.variable.Variable"' in done.stdout
    assert "-> gradmeter.bench.interactive.calls.Measurement" in done.stdout
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [line.partition(": ")[0] for line in errors] == ["consumer.py:7"]


def test_what_is_imported_is_the_wheels(python, tmp_path):
    code = "import gradmeter, gradmeter.bench.cli as c; print(gradmeter.__file__, c.__file__)"
    done = run(python, "-c", code, cwd=tmp_path)
    assert done.returncode == 0
    assert all(Path(word).is_relative_to(python.parent.parent) for word in done.stdout.split())


LAYOUTS = {
    "packages": ("bench/__init__.py", "engine/__init__.py"),
    "namespaces": ("bench/value.py", "engine/value.py"),
    "modules": ("bench.py", "engine.py"),
    "src": ("src/bench/__init__.py", "src/engine/__init__.py"),
    "src namespaces": ("src/bench/value.py", "src/engine/value.py"),
}
STARTS = {
    "pytest": ("-c", "import pytest, sys; sys.exit(pytest.console_main())"),
    "python -m pytest": ("-m", "pytest"),
    "xdist": ("-m", "pytest", "-n", "2"),
    "memory": ("-m", "pytest", "--bench-memory"),
    "blocked": ("-m", "pytest", "-p", "no:gradmeter"),
}


def project(folder: Path, layout: str) -> None:
    """Somebody's project, with modules of their own called as ours are."""
    test = THEIRS
    for name, whose in zip(LAYOUTS[layout], ("their bench", "their engine"), strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"value = {whose!r}\n")
        if path.stem == "value":
            module = path.parent.name
            test = test.replace(f"from {module} import", f"from {module}.value import")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_theirs.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = . src\n")


FIRST, *OTHERS = LAYOUTS


@pytest.mark.parametrize(
    ("layout", "start"),
    repeated(
        # The first layout in every way, and each other one in another way.
        [*product([FIRST], STARTS), *zip(OTHERS, [*STARTS][:4], strict=True)],
        [*product(OTHERS, STARTS)],
    ),
)
def test_a_project_with_modules_called_bench_and_engine_gets_its_own(
    python, tmp_path, layout, start
):
    project(tmp_path, layout)
    options = ("--benchmark-max-time=0.01", "--benchmark-min-rounds=1", "-p", "no:hypothesispytest")
    done = run(python, *STARTS[start], *options, cwd=tmp_path)
    assert done.returncode == 0
    assert "1 passed" in done.stdout
    assert ("exact memory of the calls" in done.stdout) == (start == "memory")


def test_a_traced_script_finds_its_own_modules_and_not_ours(python, tmp_path):
    written(
        tmp_path,
        bench="value = 'their bench'",
        script="""
        import bench
        print(bench.value)
        try:
            import engine
        except ModuleNotFoundError as error:
            print(error)
        """,
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run(python, "-m", "gradmeter", "trace", tmp_path / "script.py", cwd=elsewhere)
    assert "their bench" in done.stdout
    assert "No module named 'engine'" in done.stdout


def test_a_worker_finds_no_bench_and_no_engine_of_ours(python, tmp_path):
    adapter = """
    from importlib.util import find_spec
    from gradmeter import Adapter, Engine
    import numpy as np

    class Mine(Adapter):
        def __init__(self):
            names = [name for name in ("bench", "engine") if find_spec(name) is not None]
            if names:
                raise ImportError(f"found {names}")
        def variable(self, array): return array
        def forward(self, function, inputs, back): return 0 * inputs["x"]
        def backward(self, result): pass
        def value(self, result): return result
        def gradient(self, variable): return np.zeros_like(variable)

    ENGINE = Engine(name="mine", meaning="looks around", make=Mine)
    """
    (tmp_path / "adapter.py").write_text(textwrap.dedent(adapter))
    tiny = ("--size", "16", "--budget", "0", "--sets", "1", "--min-rounds", "1")
    done = run(
        python, "-m", "gradmeter", "run", "--engine", "adapter.py", "--workload", "step17_loop",
        "--variant", "mine", *tiny, cwd=tmp_path,
    )  # fmt: skip
    assert "found" not in done.stdout + done.stderr
    assert done.returncode == 0


def test_importing_gradmeter_alone_imports_no_numpy_and_names_what_is_public(python, tmp_path):
    code = """
    import gradmeter, sys
    heavy = {"numpy", "rich", "msgspec", "pytest"} & set(sys.modules)
    ours = [name for name in sys.modules if name.startswith("gradmeter.")]
    print(heavy, ours)
    for name in gradmeter.__all__:
        value = getattr(gradmeter, name)
        assert value.__doc__ or name == "Measure", name  # which is an alias
    assert set(gradmeter.__all__) <= set(dir(gradmeter))
    """
    done = run(python, "-c", textwrap.dedent(code), cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.split("\n")[0] == "set() []"
