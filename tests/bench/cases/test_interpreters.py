"""Variants under other interpreters, and on more threads: what is measured, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from gradmeter.bench.cases.interpreters import grounds
from gradmeter.bench.cases.plan import plan
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import run_file

from ..command import TINY, gradmeter
from ..runs.test_launcher_environment import told


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """A Python of its own, with nothing installed."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def other(tmp_path_factory, bare) -> Path:
    """Another with this one's NumPy, and without gradmeter."""
    folder = tmp_path_factory.mktemp("other")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    ours = Path(sysconfig.get_paths()["purelib"])
    for found in ours.glob("numpy*"):
        (packages / found.name).symlink_to(found)
    return folder / "bin" / "python"


def test_a_variant_under_another_interpreter_is_measured_there(tmp_path, other):
    variant = f"engine:python={other}"
    out = tmp_path / "out"
    # What lies on our path was installed for us, and may not even load there.
    (tmp_path / "numpy.py").write_text("raise ImportError('ours')")
    done = gradmeter(
        "run", *TINY, "--variant", f"engine:python={sys.executable}", "--variant", variant,
        "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = run_file.load(out / "run.json")
    case = found.case("squares-3", 16, variant)
    assert case.predicted is not None
    assert case.memory.peak == case.predicted.peak
    assert found.grounds[variant].numpy
    under = [test for test in found.self_tests if f"under {other}" in test.name]
    assert under
    assert all(test.passed for test in under)


def test_an_interpreter_without_numpy_is_told_what_it_lacks(tmp_path, bare):
    done = gradmeter("run", *TINY, "--variant", f"engine:python={bare}", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert f"{bare} -m pip install numpy" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_interpreter_without_the_engine_is_told_what_it_lacks(other):
    groups, _ = plan(["squares-3"], [16], [f"autograd:python={other}"])
    with pytest.raises(UsageError, match=f"{other} -m pip install autograd"):
        grounds(groups)


@pytest.mark.parametrize("path", ["/no/such/python", "/dev/null", "/bin/true", "/bin/false", "."])
def test_what_is_no_interpreter_is_refused_in_a_sentence(tmp_path, path):
    done = gradmeter("run", *TINY, "--variant", f"engine:python={path}", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert f"python={path}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interpreter_that_is_too_old_is_refused(tmp_path):
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\necho \'{"python": "3.10.13", "versions": {"numpy": "1.26"}}\'\n')
    old.chmod(0o755)
    groups, _ = plan(["squares-3"], [16], [f"engine:python={old}"])
    with pytest.raises(UsageError, match=r"Python 3\.10\.13; a worker needs 3\.11"):
        grounds(groups)


CORES = sorted(os.sched_getaffinity(0))


@pytest.mark.parametrize("threads", range(1, len(CORES) + 1))
def test_a_worker_has_as_many_threads_and_cores_as_its_variant_says(tmp_path, threads):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC", "TF_NUM_INTRAOP_THREADS")
    seen = told(
        tmp_path,
        f"[os.environ[n] for n in {names}], len(os.sched_getaffinity(0)), os.sched_getaffinity(0)",
        core=CORES[-1],
        threads=threads,
    )
    assert seen[:2] == ([str(threads)] * len(names), threads)
    assert CORES[-1] in seen[2]


def test_threads_are_in_the_name_of_a_variant_and_in_what_it_ran_on():
    assert str(parse("engine:threads=2")) == "engine:threads=2"
    assert parse("engine:threads=1") == parse("engine")
    groups, _ = plan(["squares-3"], [16], ["engine", f"engine:threads={len(CORES)}"])
    assert [ground.threads for ground in grounds(groups).values()] == [1, len(CORES)]


@pytest.mark.parametrize("word", ["0", "-1", "two", "", "1.5", "9999999999"])
def test_threads_that_make_no_sense_are_refused(word):
    with pytest.raises(UsageError, match="threads is a whole number, 1 or more"):
        parse(f"engine:threads={word}")


def test_more_threads_than_cores_are_refused():
    groups, _ = plan(["squares-3"], [16], ["engine:threads=4096"])
    with pytest.raises(UsageError, match="4096 threads need as many cores"):
        grounds(groups)
