"""Ways to start a worker that misbehaves for real, and to see what a process leaves behind."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from gradmeter.bench.runs.spec import Spec

from .command import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def spec(**changes) -> Spec:
    """The smallest case, in an honest worker unless changed."""
    case = {"workload": "squares-3", "size": 16, "engine": "engine", "settings": ()}
    return Spec(**{**case, "collector": "on", "seed": 0, **changes})


def interpreter(folder: Path, body: str, shebang: str = sys.executable) -> str:
    """The path of a script that is started as if it were Python."""
    path = folder / "interpreter"
    path.write_text(f"#!{shebang}\n{textwrap.dedent(body)}")
    path.chmod(0o755)
    return str(path)


def engine_copy(folder: Path, addition: str = "", **replaced: tuple[str, str]) -> str:
    """The folder of a copy of the engine, with code at its end or text replaced in a module."""
    shutil.copytree(ROOT / "engine", folder / "engine", ignore=shutil.ignore_patterns("__pyc*"))
    for module, (old, new) in replaced.items():
        path = folder / "engine" / f"{module}.py"
        text = path.read_text()
        assert old in text, f"engine/{module}.py has no {old!r} any more"
        path.write_text(text.replace(old, new))
    with (folder / "engine" / "__init__.py").open("a") as file:
        file.write("\n" + textwrap.dedent(addition))
    return str(folder)


def squares_that(do: str) -> str:
    """Engine code in which every square first does something."""
    return f"""
import os, signal, subprocess, sys, time
_honest_square = square
def square(x):
    {do}
    return _honest_square(x)
"""


def gone(pid: int) -> bool:
    """Whether no such process runs any more (one that nobody waited for counts as gone)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def within(happened: Callable[[], object]) -> bool:
    """Whether something happens before the patience of the tests is over."""
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def processes_with(marker: str) -> list[psutil.Process]:
    """The living processes whose environment has this marker as the value of MARKER."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get("MARKER") == marker
            if marked and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
