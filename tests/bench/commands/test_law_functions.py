"""gradmeter law FILE.py:FUNCTION --vary as a user runs it."""

from __future__ import annotations

import json
import signal
import time

import psutil
import pytest

from ..command import PATIENCE, gradmeter, started

MOVED = """
import os
import time
import numpy as np

def moved(n, d):
    x = np.ones((n, d))
    y = x * x
    return y.sum(axis=1)

def grown(n, d):
    kept = np.ones(n)
    return moved(n, d), kept

def ends(n):
    if n == 20:
        os._exit(0)
    return np.ones(n)

def hangs(n):
    time.sleep(600)

def add(a, b):
    return a + b

def arrays(n):
    return np.ones(n), np.ones(n)
"""
VARY = ("--vary", "n=10,20,40", "--vary", "d=2,3,8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("moved")
    (path / "moved.py").write_text(MOVED)
    (path / "pyproject.toml").write_text("")
    return path


def law(folder, *words, code: int = 0) -> str:
    said = gradmeter("law", *words, cwd=folder)
    assert said.returncode == code, said.stderr + said.stdout
    return said.stdout + said.stderr


def test_a_law_is_told_written_compared_and_evaluated(folder):
    text = law(
        folder, "moved.py:moved", *VARY, "--at", "n=1e5,d=3", "--out", "laws.json",
    )  # fmt: skip
    for line in (
        "  peak         8 n (2 d + 1) B  in moved.py:9 `return y.sum(axis=1)`",
        "  held         8 n B",
        "  cycle, growth: 0",
        "at n = 100,000, d = 3, by these laws",
        "  peak 5.6 MB (5,600,000 B)",
        "written: laws.json",
    ):
        assert line in text.splitlines(), text
    same = law(folder, "moved.py:moved", *VARY, "--against", "laws.json")
    assert "passed: no laws changed" in same
    content = (folder / "laws.json").read_text().replace(":moved", ":grown")
    (folder / "before.json").write_text(content)
    text = law(folder, "moved.py:grown", *VARY, "--against", "before.json", code=1)
    assert "changed: moved.py:grown: held was 8 n B, now 16 n B" in text
    assert "changed: moved.py:grown: allocations was" in text


def test_laws_are_json_and_markdown_too(folder):
    said = gradmeter(
        "law", "moved.py:add", "--setup", "moved.py:arrays", "--vary", "n=10,20,40", "--json",
        cwd=folder,
    )  # fmt: skip
    [laws] = json.loads(said.stdout)["laws"]
    assert laws["program"] == "moved.py:add"
    assert laws["figures"]["peak"]["bytes"] == "8 n B"
    assert laws["figures"]["allocations"]["bytes"] == "1"
    assert laws["verified"]["n"] >= 400
    text = law(
        folder, "moved.py:add", "--setup", "moved.py:arrays", "--vary", "n=10,20,40",
        "--markdown",
    )  # fmt: skip
    assert "| program | peak | held | cycle | growth | allocations |" in text
    assert "| moved.py:add | 8 n B | 8 n B | 0 B | 0 B | 1 |" in text


def test_a_function_that_ends_its_process_is_told_and_the_others_are_measured(folder):
    text = law(folder, "moved.py:ends", "moved:arrays", "--vary", "n=10,20,40", code=3)
    assert (
        "gradmeter: moved.py:ends could not be measured: ends(n=20): the worker ended with exit "
        "code 0" in text.splitlines()
    )
    assert "moved:arrays\n  peak         16 n" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--vary", "n=10,20"], "has 2 values; a law takes 3 at least, such as --vary n=10,20,40"),
        (["--vary", "n"], "names no parameter and its values; write --vary n=10,20,40"),
        ([*VARY, "--limit", "0"], "--limit 0 is no time; give the seconds that a point may take"),
        (["--vary", "n=1,2,x"], "'x' is no whole number"),
        (["--vary", "n=1,2,2.5"], "'2.5' is no whole number"),
        (["--vary", "n=0,1,2"], "0 is less than 1, the smallest value"),
        (["--vary", "B=1,2,3"], "B has a meaning of its own in a formula"),
        (["--vary", "n=1,2,3", "--vary", "n=4,5,6"], "the values of n are given twice"),
        (["--vary", "n=1,2,3", "--variant", "engine"], "--variant is for workloads, and --vary"),
        (["--vary", "n=1,2,3", "--seed", "3"], "--seed is for workloads, and --vary is for"),
        (["--vary", "n=1,2,3", "--at", "n=4"], "takes (n, d), and --vary gives n: missing a"),
        ([*VARY, "--at", "n=4"], "--at 'n=4' lacks d; write n=1e6,d=1e6"),
        ([*VARY, "--at", "k=4"], "--at 'k=4' names 'k', and n and d are varied"),
        ([*VARY, "--at", "n=4,d=-1"], "d is 1 at least"),
        (["--setup", "moved.py:arrays"], "--setup makes the arguments of a function"),
        ([], "give --vary n=10,20,40 for the laws of a function in its parameters"),
    ],
)
def test_a_wrong_call_is_refused_with_what_would_be_right(folder, words, message):
    text = law(folder, "moved.py:moved", *words, code=2)
    assert message in text


def test_a_point_takes_no_longer_than_the_limit(folder):
    text = law(folder, "moved.py:hangs", "--vary", "n=10,20,40", "--limit", "0.3", code=3)
    assert "hangs(n=10): no answer within 0.3 seconds; the worker was ended" in text


def test_an_interrupted_search_ends_with_its_worker(folder):
    with started("law", f"{folder / 'moved.py'}:hangs", "--vary", "n=10,20,40") as process:
        parent = psutil.Process(process.pid)
        assert eventually(lambda: parent.children(recursive=True))
        workers = parent.children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert eventually(lambda: not any(worker.is_running() for worker in workers))


def eventually(happens) -> bool:
    until = time.monotonic() + PATIENCE
    while not happens() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(happens())


def test_what_names_no_function_is_refused(folder):
    assert "'moved.py' names no function; write FILE.py:FUNCTION" in law(
        folder, "moved.py", "--vary", "n=1,2,3", code=2
    )
