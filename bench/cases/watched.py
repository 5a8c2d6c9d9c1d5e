"""Which lines of a case are watched: the engine's, its adapter's and the workload's."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradmeter.bench import engines
from gradmeter.bench.cases.adapter_imports import adapter_file, imports
from gradmeter.bench.engines import Engine
from gradmeter.bench.errors import UsageError
from gradmeter.bench.workloads import Workload

_OURS = "gradmeter.engine"
# What is written with arrays is watched, and not the arrays' own library.
_NOT_WATCHED = {"gradmeter", "numpy", *sys.stdlib_module_names}


@dataclass(frozen=True)
class Watched:
    """The modules, with all below them, and the files that are watched."""

    modules: tuple[str, ...]
    files: tuple[str, ...]


def watched(engine: Engine, workload: Workload | None = None) -> Watched:
    """What is watched of an engine, and of a workload.

    The modules are the packages that the engine names or, where it names none, what its adapter
    imports besides NumPy and the standard library.
    """
    adapter = adapter_file(engine)
    files = [adapter] if adapter else []
    if workload is not None:
        files += filter(None, [_file_of(workload)])
    return Watched(modules_of(engine), tuple(str(file) for file in files))


def modules_of(engine: Engine) -> tuple[str, ...]:
    """The modules of an engine, by the names that they are imported by."""
    if engine.name == "engine":
        return (_OURS,)
    if engine.packages:
        return engine.packages
    adapter = adapter_file(engine)
    found = imports(adapter) if adapter else []
    return tuple(dict.fromkeys(name for name in found if name not in _NOT_WATCHED))


def modules_of_all() -> tuple[str, ...]:
    """The modules of every engine whose arrays are NumPy's, but of gradmeter's own."""
    found: dict[str, None] = {}
    for name in engines.names():
        try:
            engine = engines.get(name)
        except UsageError:  # `gradmeter list engines` says why
            continue
        if engine.memory == "arrays" and name != "engine":
            found |= dict.fromkeys(modules_of(engine))
    return tuple(found)


def _file_of(workload: Workload) -> Path | None:
    """The file in which a workload's function is written."""
    function: Any = workload.function
    # A chain is called link by link.
    function = getattr(function, "link", function)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return Path(code.co_filename) if code is not None else None
