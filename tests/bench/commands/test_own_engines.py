"""Engines of anybody: from a file or an installed package; what is wrong with one is said."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from itertools import product

import pytest

from gradmeter.bench.results import run_file

from ...thorough import repeated
from ..command import TINY, gradmeter
from ..suite_files import LIGHT
from ..throwaway import ADAPTER, adapter, wheel

pytestmark = pytest.mark.usefixtures("_preloaded_pytest")

BOTH = ("--variant", "engine", "--variant", "mine")


# Where nothing is said of time, it is not measured.
UNTIMED = ("--size", "16", "--exact", "--sets", "0")


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
    ("old", "new", "said"),
    [
        ("def gradient", "def grad", "the adapter defines no gradient()"),
        ("x.data * x.data", "x.dta * x.data", "no attribute 'dta', at adapter.py:{}"),
        ("2 * g * x.data", "np.ones(3) @ x.data", "different from 3), at adapter.py:{}"),
    ],
)
def test_what_an_engine_raises_is_told_with_its_line(tmp_path, old, new, said):
    text = ADAPTER.replace(old, new)
    [line] = [n for n, each in enumerate(text.splitlines(), 1) if new in each]
    adapter(tmp_path, text)
    options = (*UNTIMED, "--engine", "adapter.py", "--out", "out")
    done = gradmeter("run", *options, *BOTH, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    failure = run_file.load(tmp_path / "out/run.json").case("squares-3", 16, "mine").failure
    assert said.format(line) in failure.message


@pytest.mark.parametrize("named", [(), ("--variant", "mine")])
@pytest.mark.parametrize("command", ["trace", "lines"])
def test_an_engine_of_a_file_is_measured_line_by_line(tmp_path, command, named):
    adapter(tmp_path)
    size = ("--size", "1000")
    done = gradmeter(command, "squares-3", "--engine", "adapter.py", *named, *size, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "peak" in done.stdout
    assert "x.data * x.data" in done.stdout


@pytest.mark.parametrize("command", ["run", "compare", "trace", "lines", "law"])
def test_an_engine_that_is_not_installed_is_one_sentence_with_the_command(tmp_path, command):
    missing = ADAPTER.replace("make=Mine)", 'make=Mine, distributions=("no-such-engine",))')
    adapter(tmp_path, missing)
    what = ("engine", "mine") if command == "compare" else ("squares-3", "--variant", "mine")
    done = gradmeter(command, *what, "--engine", "adapter.py", cwd=tmp_path)
    assert done.returncode == 2
    why = "gradmeter: mine: mine is not installed; pip install no-such-engine"
    assert done.stderr.splitlines() == [why]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module", "ModuleNotFoundError"),
        ("1 +", "SyntaxError"),
        ("raise KeyError(3)", "KeyError"),
        ("import sys; sys.exit()", "does not load: SystemExit"),
        ("import sys; sys.exit(0)", "does not load: SystemExit"),
        ("import sys; sys.exit('no')", "does not load: SystemExit: no"),
        ("raise KeyboardInterrupt", "does not load: KeyboardInterrupt"),
        ("raise GeneratorExit", "does not load: GeneratorExit"),
        ("raise BaseException('x')", "does not load: BaseException: x"),
        ("def __getattr__(name): raise SystemExit", "does not load: SystemExit"),
        ("class E(Exception):\n def __str__(self): raise E\nraise E", "does not load: E: (its"),
        ("", "its ENGINE is not there"),
        ("ENGINE = 3", "its ENGINE is a int"),
        (ADAPTER.replace('"mine"', '"engine"'), "there is an engine 'engine' already"),
        (ADAPTER.replace('"mine"', '"my engine"'), "letters, digits"),
        (ADAPTER.replace('"mine"', '"a:b"'), "letters, digits"),
        (ADAPTER.replace('"mine"', "None"), "letters, digits"),
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


EXITS = ("sys.exit(0)", "raise KeyboardInterrupt", "sys.exit('tired')")
DOORS = ("list", "compare", "pytest", "entry point")


@pytest.mark.parametrize(
    ("how", "command"),
    repeated(
        [*product(EXITS, ["run"]), *zip((*EXITS, EXITS[0]), DOORS, strict=True)],
        [*product(EXITS, DOORS)],
    ),
)
def test_an_adapter_that_exits_when_imported_is_refused_by_every_door(tmp_path, how, command):
    text = f"import sys\n{how}\n{ADAPTER}"
    path = adapter(tmp_path, text)
    if command == "pytest":
        arguments = [sys.executable, "-m", "pytest", *LIGHT, "-q", "--bench-engine", path, tmp_path]
        done = subprocess.run([*map(str, arguments)], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
    elif command == "entry point":
        (tmp_path / "my_adapter.py").write_text(text)
        info = tmp_path / "my_engine-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-engine\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text("[gradmeter.engines]\nmine = my_adapter:ENGINE\n")
        environment = {"PYTHONPATH": str(tmp_path)}
        assert gradmeter("list", env=environment).returncode == 0
        done = gradmeter("run", *TINY, "--variant", "mine", env=environment, cwd=tmp_path)
        assert done.returncode == 2
    else:
        done = gradmeter(command, "--engine", path, cwd=tmp_path)
        assert done.returncode == 2
    assert ("SystemExit" if "exit" in how else "KeyboardInterrupt") in done.stderr + done.stdout
    assert "does not load" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "raised", ["SystemExit", "SystemExit(0)", "KeyboardInterrupt", "Exception"]
)
def test_an_adapter_that_exits_when_made_costs_its_own_cases(tmp_path, raised):
    text = ADAPTER.replace("class Mine(Adapter):", f"class Mine(Adapter):\n    def __init__(self): "
                           f"raise {raised}")  # fmt: skip
    done = gradmeter("run", *UNTIMED, *BOTH, "--engine", adapter(tmp_path, text), "--out", tmp_path)
    assert done.returncode == 3
    run = run_file.load(tmp_path / "run.json")
    failure = run.case("squares-3", 16, "mine").failure
    assert (failure.stage, failure.kind) == ("start", "raised")
    assert raised.partition("(")[0] in failure.message
    assert run.case("squares-3", 16, "engine").failure is None


def test_ctrl_c_while_an_adapter_is_imported_is_no_fault_of_the_adapter(tmp_path):
    text = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    done = gradmeter("list", "--engine", adapter(tmp_path, text))
    assert done.returncode == 130
    assert "does not load" not in done.stderr


def variants_of(path) -> list[str]:
    return [case.variant for case in run_file.load(path / "run.json").cases]


def test_an_engine_that_is_named_and_no_variant_is_what_is_measured(tmp_path):
    path = adapter(tmp_path)
    done = gradmeter("run", *UNTIMED, "--engine", path, "--out", tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert variants_of(tmp_path / "one") == ["mine"]
    (tmp_path / "b").mkdir()
    other = adapter(tmp_path / "b", ADAPTER.replace('"mine"', '"other"'))
    both = ("--engine", path, "--engine", other, "--out", tmp_path / "two")
    assert gradmeter("run", *UNTIMED, *both).returncode == 0
    assert variants_of(tmp_path / "two") == ["mine", "other"]
    assert gradmeter("run", *UNTIMED, *both, "--baseline", "engine").returncode == 0
    assert variants_of(tmp_path / "two") == ["engine", "mine", "other"]
    quick = ("--sets", "1", "--seconds", "0", *TINY[:4], *TINY[6:])
    assert gradmeter("compare", *quick, *both).returncode == 0
    assert variants_of(tmp_path / "two") == ["mine", "other"]
    assert gradmeter("compare", "--engine", path).returncode == 2


IMPORTING = """
import json, queue, random
import numpy as np
from dataclasses import dataclass
import my_engine, my_shapes.tensors, beside_me
import gradmeter.engine
assert json.dumps([]) == "[]" and np.ones(1) and random.random() < 1
@dataclass
class Value:
    data: "np.ndarray"
""" + ADAPTER.replace("    def variable(self", "    def __init__(self):\n        import late\n"
                      "    def variable(self")  # fmt: skip


def test_an_adapter_imports_what_lies_beside_it_and_shadows_nothing(tmp_path):
    folder, here = tmp_path / "their", tmp_path / "here"
    for package in (folder / "my_engine", folder / "my_shapes", here):
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    (folder / "my_shapes" / "tensors.py").touch()
    (here / "beside_me.py").touch()
    (folder / "late.py").touch()
    for name in ("json", "numpy", "random", "queue", "engine", "bench", "gradmeter", "msgspec"):
        for place in (folder, here):
            (place / f"{name}.py").write_text("raise ImportError('the wrong one')\n")
    path = adapter(folder, IMPORTING)
    out = tmp_path / "out"
    done = gradmeter("run", *UNTIMED, *BOTH, "--engine", path, "--out", out, cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_file.load(out / "run.json").case("squares-3", 16, "mine").failure is None


def test_a_file_that_is_not_there_is_named(tmp_path):
    done = gradmeter("run", *TINY, *BOTH, "--engine", tmp_path / "no.py")
    assert done.returncode == 2
    assert "no.py" in done.stderr


@pytest.mark.parametrize(
    "entry", ["mine = my_adapter:NOTHING", "mine = no_module:ENGINE", "other = my_adapter:ENGINE"]
)
def test_a_broken_entry_point_costs_its_own_engine_only(tmp_path, entry):
    target = tmp_path / "packages"
    with zipfile.ZipFile(wheel(tmp_path, entry=entry)) as archive:
        archive.extractall(target)  # as pip does with such a wheel
    environment = {"PYTHONPATH": str(target)}
    listed = gradmeter("list", "engines", env=environment)
    assert listed.returncode == 0
    assert "gradmeter.engines" in listed.stdout
    name = entry.partition(" ")[0]
    asked = gradmeter("run", *TINY, "--variant", name, env=environment)
    assert asked.returncode == 2
    assert "gradmeter.engines" in asked.stderr
    assert "Traceback" not in asked.stderr
    ours = gradmeter("run", *UNTIMED, "--variant", "engine", "--out", tmp_path / "out",
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
    quick = (*LIGHT, "--benchmark-only", "--benchmark-max-time=0", "--benchmark-min-rounds=1")
    done = pytester.runpytest_subprocess(*quick, "--bench-sets=1", "--bench-engine=adapter.py")
    done.assert_outcomes(passed=2)
    pytester.makeini("[pytest]\nbench_engine = adapter.py\n")
    smoke = pytester.runpytest_subprocess(*LIGHT)
    smoke.assert_outcomes(passed=2)
    pytester.makeini("[pytest]\nbench_engine = gone.py\n")
    gone = pytester.runpytest_subprocess(*LIGHT)
    assert gone.ret == pytest.ExitCode.USAGE_ERROR
    assert "gone.py" in gone.stderr.str() + gone.stdout.str()


CANNOT = ADAPTER.replace("make=Mine", 'make=Mine, cannot={"squares": "it is tired of them"}')


def test_what_an_engine_is_known_not_to_do_is_said_and_no_failure(tmp_path):
    path = adapter(tmp_path, CANNOT)
    done = gradmeter("run", *UNTIMED, *BOTH, "--engine", path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it is tired of them" in done.stdout
    assert "it is tired of them" in (tmp_path / "out/report.md").read_text()
    checked = gradmeter("check", tmp_path / "out", "--fail-on", "peak<=1MB")
    assert checked.returncode == 0, checked.stdout
    assert "tired" in gradmeter("list", "engines", "-v", "--engine", path).stdout


OWN = ADAPTER.replace("make=Mine", 'make=Mine, memory="own"')


def test_unlike_figures_are_never_put_beside_each_other(tmp_path):
    path = adapter(tmp_path, OWN)
    out = tmp_path / "out"
    done = gradmeter(
        "run", "--size", "100000", *TINY[2:], *BOTH, "--engine", path, "--out", out, "--all"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = run_file.load(out / "run.json")
    ours, mine = (found.case("squares-3", 100_000, name) for name in ("engine", "mine"))
    assert ours.memory is not None
    assert mine.memory is None
    assert mine.cycles is None
    assert min(ours.heap[-1].peak, mine.heap[-1].peak) > 4 * 800_000
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


def test_the_page_shows_this_very_adapter(pytestconfig):
    page = (pytestconfig.rootpath / "docs/how-to/your-own-engine.md").read_text()
    # But for the empty lines that the formatter wants.
    shown, adapter = (list(filter(None, text.splitlines())) for text in (page, ADAPTER))
    at = shown.index(adapter[0])
    assert shown[at : at + len(adapter)] == adapter
    assert len(adapter) <= 24


def test_an_engine_that_lies_in_no_repository_has_no_revisions(tmp_path):
    done = gradmeter("compare", "mine", "--rev", "HEAD", "--engine", adapter(tmp_path))
    assert done.returncode == 2
    assert "mine imports none that lies in a git repository" in done.stderr
    assert "; move it into a package that its adapter imports, since" in done.stderr


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
