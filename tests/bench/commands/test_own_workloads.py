"""Workloads of anybody in every command: measured as ours, refused in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gradmeter.bench.results import run_file

from ..command import TINY, gradmeter
from ..own_workloads import FULL, README, full_file, workload_file
from ..throwaway import adapter

LEAST = (*TINY, "--seconds", "0")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with the workloads and an engine that has squares alone."""
    folder = tmp_path_factory.mktemp("here")
    full_file(folder / "theirs")
    adapter(folder)
    return folder


@pytest.fixture(scope="module")
def measured(here):
    """What a run of three workloads under three variants says, and its run file."""
    names = ("fourth", "fourths-2", "wave")
    chosen = [word for name in names for word in ("--workload", f"theirs/full.py:{name}")]
    variants = ("--variant", "engine", "--variant", "mine", "--variant", "engine:checkpoint=2")
    done = gradmeter(
        "run", *TINY, *chosen, *variants, "--engine", "adapter.py", "--out", "out", cwd=here
    )
    return done, run_file.load(here / "out/run.json")


def test_a_workload_of_a_file_is_measured_as_ours(measured):
    _, run = measured
    case = run.case("fourth", 16, "engine")
    assert case.checked == "the exact gradient"
    assert case.memory.peak == case.predicted.peak == 3 * 128
    assert case.deterministic
    assert case.times
    assert run.case("fourth", 16, "mine").checked == "the exact gradient and the other variants"
    chain = run.case("fourths-2", 16, "engine:checkpoint=2")
    assert chain.checked == "the other variants"
    assert chain.predicted is None
    assert run.case("fourths-2", 16, "mine").memory is not None


def test_what_an_engine_lacks_is_said_and_no_failure(measured):
    done, run = measured
    failure = run.case("fourth", 16, "engine:checkpoint=2").failure
    assert failure.kind == "cannot"
    assert "takes a chain" in failure.message
    assert "print" not in done.stdout
    assert "part of any command's output" not in done.stdout


def test_what_no_engine_has_is_a_failure(measured):
    done, run = measured
    assert done.returncode == 3, done.stderr
    failure = run.case("wave", 16, "mine").failure
    assert (failure.stage, failure.kind) == ("check", "raised")
    assert failure.message == "mine has no operation cos"
    assert "engine has no operation cos" in " ".join(done.stdout.split())


def test_an_operation_of_one_engine_costs_the_others_their_case(tmp_path, here):
    text = (here / "adapter.py").read_text().replace(
        "SimpleNamespace(square=square)", "SimpleNamespace(square=square, cos=square)"
    )  # fmt: skip
    path = adapter(tmp_path, text)
    done = gradmeter(
        "compare", "mine", "engine", *LEAST, "--workload", "theirs/full.py:wave", "--json",
        "--engine", path, "--out", tmp_path / "out", cwd=here,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = run_file.load(tmp_path / "out/run.json")
    assert run.case("wave", 16, "mine").times
    failure = run.case("wave", 16, "engine").failure
    assert (failure.kind, failure.message) == ("cannot", "engine has no operation cos")
    assert json.loads(done.stdout)["comparisons"]


def test_a_run_knows_where_its_workloads_come_from(measured, here):
    done, run = measured
    assert {name: origin.where for name, origin in run.workloads.items()} == {
        name: f"theirs/full.py:{name}" for name in ("fourth", "fourths-2", "wave")
    }
    assert "fourth: the square of a square, from theirs/full.py:fourth" in done.stdout
    assert "from theirs/full.py:fourths-2" in (here / "out/report.md").read_text()


def test_a_baseline_and_gates_know_a_workload_by_its_name(measured, here):
    assert gradmeter("baseline", "out", "--out", "b.json", cwd=here).returncode == 0
    assert '"workload":"fourths-2"' in (here / "b.json").read_text()
    gate = ("--fail-on", "peak[fourth*]>0", "--fail-on", "peak[fourth]<=1kB")
    checked = gradmeter("check", "out", "--against", "b.json", *gate, cwd=here)
    assert checked.returncode == 3, checked.stdout  # for the wave, which has no figures
    assert "gate failed" not in checked.stdout
    failed = gradmeter("check", "out", "--fail-on", "peak[fourth]<=300", cwd=here)
    assert "gate failed: peak[fourth]<=300: fourth x 16 engine" in failed.stdout
    assert (
        gradmeter("show", here / "out", cwd=here / "theirs").returncode == 0
    )  # which loads no file


def test_a_run_goes_on_with_the_same_file_only(tmp_path):
    path = workload_file(tmp_path / "a")
    variants = ("--variant", "engine", "--sets", "0", "--size", "16", "--out", tmp_path / "out")
    again = ("run", *variants, "--resume", "--workload")
    first = gradmeter("run", *variants, "--workload", f"{path}:softplus_loss")
    assert first.returncode == 0, first.stderr
    moved = path.rename(tmp_path / "moved.py")
    assert gradmeter(*again, "moved.py:softplus_loss", cwd=tmp_path).returncode == 0
    before = (tmp_path / "out/run.json").read_bytes()
    moved.write_text(README.replace("1 +", "2 +"))
    refused = gradmeter(*again, f"{moved}:softplus_loss")
    assert refused.returncode == 2
    assert "another workload 'softplus_loss'" in refused.stderr
    assert (tmp_path / "out/run.json").read_bytes() == before


def test_trace_and_list_take_one(here):
    traced = gradmeter(
        "trace", "theirs/full.py:fourth", "--against", "theirs/full.py:fourths-2", "--size", "16",
        cwd=here,
    )  # fmt: skip
    assert traced.returncode == 0, traced.stderr
    assert "fourths-2 x 16" in traced.stdout
    lacking = gradmeter("trace", "theirs/full.py:wave", "--size", "16", cwd=here)
    assert lacking.returncode == 3
    assert "engine has no operation cos" in lacking.stderr
    wrong = gradmeter("trace", "squares-3", "--against", "theirs/full.py:no", cwd=here)
    assert wrong.returncode == 2
    assert "has no workload 'no'" in wrong.stderr
    listed = gradmeter("list", "workloads", "--workload", "theirs/full.py:fourth", cwd=here)
    assert "the square of a square" in listed.stdout
    whole = gradmeter("list", "--workloads", "theirs/full.py", cwd=here).stdout
    assert {"fourth", "wave", "squares-N"} <= {line.split(" ")[0] for line in whole.splitlines()}


def test_revisions_are_compared_on_one(tmp_path, pytestconfig):
    name = f"{workload_file(tmp_path)}:softplus_loss"
    done = gradmeter(
        "compare",
        "--rev",
        "HEAD",
        *LEAST,
        "--workload",
        name,
        "--out",
        tmp_path / "out",
        cwd=pytestconfig.rootpath,
    )
    assert done.returncode == 0, done.stderr
    run = run_file.load(tmp_path / "out/run.json")
    assert {case.variant for case in run.cases} == {"engine@HEAD", "engine@working-tree"}
    assert all(case.times for case in run.cases)


EXITS = ("import sys\nsys.exit()", "does not load: SystemExit (line 2)")
LIST = README.replace("return {", "return [{").replace("size)}", "size)}]"), "returns a list"


@pytest.mark.parametrize(
    ("command", "text", "expected"),
    [
        *((command, *EXITS) for command in ("run", "list", "compare", "trace", "selftest")),
        # list makes no inputs
        *((command, *LIST) for command in ("run", "compare", "trace", "selftest")),
    ],
)
def test_what_is_no_workload_is_refused_by_every_command(tmp_path, command, text, expected):
    path = workload_file(tmp_path, text)
    name = f"{path}:softplus_loss"
    words = ["trace", name] if command == "trace" else [command, "--workload", name]
    if command == "compare":
        words += ["engine", "engine:retain_grad=on"]
    done = gradmeter(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
    assert {entry.name for entry in tmp_path.iterdir()} <= {"own.py", "__pycache__"}


@pytest.fixture(scope="module")
def installed(here):
    """The environment of a Python with a package that has workloads, one of them broken."""
    info = here / "packages" / "their_package-1.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(
        "[gradmeter.workloads]\nfourth = their_workloads:fourth\n"
        "fourths = their_workloads:fourths\n"
        "other = their_workloads:wave\ngone = their_workloads:gone\n"
    )
    workload_file(here / "packages", FULL, "their_workloads.py")
    (here / "packages" / "sibling.py").write_text((here / "theirs" / "sibling.py").read_text())
    (here / "packages" / "late_sibling.py").touch()
    return {"PYTHONPATH": str(here / "packages")}


def test_workloads_of_an_installed_package_are_there_for_everybody(tmp_path, installed):
    names = ("--workload", "fourth", "--workload", "fourths-2")
    variants = ("--variant", "engine", "--variant", "engine:retain_grad=on")
    out = tmp_path / "out"
    done = gradmeter("run", *TINY, *names, *variants, "--out", out, env=installed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = run_file.load(out / "run.json")
    assert run.case("fourth", 16, "engine").checked == "the exact gradient"
    assert run.case("fourths-2", 16, "engine").times
    assert run.workloads["fourth"].where == "their_workloads:fourth (their-package 1.5)"
    assert "the square of a square" in done.stdout


def test_a_broken_entry_point_costs_its_own_workload_only(tmp_path, installed):
    listed = gradmeter("list", "workloads", env=installed, cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    text = " ".join(listed.stdout.split())
    assert "the square of a square" in text
    assert "gone: the entry point gone = their_workloads:gone of gradmeter.workloads" in text
    for name, expected in (("gone", "does not load"), ("other", "both names must be the same")):
        done = gradmeter("run", "--workload", name, env=installed, cwd=tmp_path)
        assert done.returncode == 2
        assert expected in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_page_shows_this_very_workload(pytestconfig):
    page = (pytestconfig.rootpath / "docs/how-to/your-own-workload.md").read_text()
    # But for the empty lines that the formatter wants.
    shown, text = (list(filter(None, text.splitlines())) for text in (page, README))
    at = shown.index(text[0])
    assert shown[at : at + len(text)] == text
    assert len(README.strip().splitlines()) <= 10


def test_other_interpreters_load_it_without_the_harness_parts_they_lack(tmp_path):
    path = workload_file(tmp_path)
    program = (
        "import sys\n"
        "for name in ('msgspec', 'typer', 'rich', 'psutil'): sys.modules[name] = None\n"
        "from gradmeter.bench import workloads\n"
        f"print(workloads.get({f'{path}:softplus_loss'!r}).name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "softplus_loss\n", done.stderr
