"""A worker's surroundings are those of the case: its core, its threads, its engine, no others."""

from __future__ import annotations

import os
import sys

import pytest

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.runs.launcher import Process

from ..misbehaviour import engine_copy, spec, squares_that

TELLS = squares_that("raise Exception(repr(({})))")


def told(tmp_path, expression: str, **changes) -> object:
    """What an expression is inside of a worker."""
    path = engine_copy(tmp_path, TELLS.format(expression))
    process = Process(spec(engine_path=path, **changes), 30)
    try:
        process.ready()
        with pytest.raises(WorkerError) as caught:
            process.ask("time", loops=1)
        said, _, _ = str(caught.value).removeprefix("Exception: ").rpartition(", at ")
        return eval(said)
    finally:
        process.close()


@pytest.mark.parametrize("core", sorted(os.sched_getaffinity(0))[-2:])
def test_a_worker_runs_on_its_core_only(tmp_path, core):
    assert told(tmp_path, "os.sched_getaffinity(0)", core=core) == {core}


def test_without_a_core_a_worker_runs_where_we_do(tmp_path):
    assert told(tmp_path, "os.sched_getaffinity(0)") == os.sched_getaffinity(0)


def test_linear_algebra_has_one_thread_whatever_the_user_set(tmp_path, monkeypatch):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    for name in names:
        monkeypatch.setenv(name, "8")
    # The interpreter's two (the main one and that which reads), and none of OpenBLAS's own.
    seen = told(tmp_path, f"[os.environ[n] for n in {names}], len(os.listdir('/proc/self/task'))")
    assert seen == (["1", "1", "1"], 2)


def test_huge_pages_are_off_only_where_asked(tmp_path):
    setting = "os.environ.get('NUMPY_MADVISE_HUGEPAGE')"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert told(tmp_path / "a", setting, small_pages=True) == "0"
    expected = os.environ.get("NUMPY_MADVISE_HUGEPAGE")
    assert told(tmp_path / "b", setting) == expected


@pytest.mark.parametrize(("collector", "enabled"), [("on", True), ("off", False)])
def test_the_collector_is_as_the_case_says(tmp_path, collector, enabled):
    assert told(tmp_path, "__import__('gc').isenabled()", collector=collector) is enabled


def test_a_worker_is_no_member_of_our_process_group(tmp_path):
    # Otherwise Ctrl-C in a terminal would reach it before us.
    assert told(tmp_path, "os.getpgid(0)") != os.getpgid(0)


def test_a_worker_runs_the_interpreter_it_was_given(tmp_path):
    link = tmp_path / "python-by-another-name"
    link.write_text(f'#!/bin/sh\nOTHER=1 exec "{sys.executable}" "$@"\n')
    link.chmod(0o755)
    (tmp_path / "copy").mkdir()
    assert told(tmp_path / "copy", "os.environ.get('OTHER')", interpreter=str(link)) == "1"


@pytest.mark.parametrize("name", ["PYTHONTRACEMALLOC", "PYTHONDEVMODE"])
def test_nothing_is_traced_because_of_what_the_user_set(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    seen = told(tmp_path, "__import__('tracemalloc').is_tracing(), sys.flags.dev_mode")
    assert seen == (False, False)


@pytest.mark.parametrize("name", ["engine", "bench", "queue", "numpy", "random"])
def test_what_lies_in_the_working_directory_is_not_imported(tmp_path, monkeypatch, name):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / f"{name}.py").write_text("raise ImportError('the wrong one')\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    process = Process(spec(), 30)
    try:
        process.ready()
        assert process.ask("time", loops=1)
    finally:
        process.close()


def test_the_users_own_import_path_is_kept(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("KNOWN = 42\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert told(tmp_path, "__import__('mine').KNOWN") == 42


@pytest.mark.parametrize("name", ["json", "numpy", "queue", "random", "msgspec", "gradmeter"])
def test_what_lies_beside_a_revisions_engine_is_not_imported(tmp_path, name):
    path = engine_copy(tmp_path, "import json, queue, random\nimport numpy\n")
    (tmp_path / f"{name}.py").write_text("raise ImportError('the wrong one')\n")
    process = Process(spec(engine_path=path), 30)
    try:
        process.ready()
        assert process.ask("time", loops=1)
        assert process.ask("timeline")["timeline"]
    finally:
        process.close()
