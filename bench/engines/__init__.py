"""The registry of engines: how to find one by its name."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from gradmeter.bench.engines.interface import (
    ENABLE_BACKPROP,
    EXECUTION,
    Adapter,
    CannotError,
    Engine,
    Setting,
    written,
)
from gradmeter.bench.engines.loading import load_entry_point, load_file
from gradmeter.bench.errors import UsageError
from gradmeter.bench.loading import entry_points
from gradmeter.bench.suggestions import suggestion

__all__ = [
    "ENABLE_BACKPROP",
    "EXECUTION",
    "Adapter",
    "CannotError",
    "Engine",
    "Setting",
    "written",
]

GROUP = "gradmeter.engines"
SCRATCH = "GRADMETER_SCRATCH"  # names a worker's folder for the compiled programs of its engine

_MODULES = {
    "engine": "ours",
    "dezero": "dezero",
    "autograd": "autograd",
    "mygrad": "mygrad",
    "tinygrad": "tinygrad",
    "torch": "torch",
    "jax": "jax",
    "tensorflow": "tensorflow",
}
_files: dict[str, Path] = {}


def scratch() -> str | None:
    """Return the folder for the compiled programs of this worker's engine; None for any."""
    return os.environ.get(SCRATCH)


def names() -> list[str]:
    """Return the names that `get` takes."""
    return list(dict.fromkeys([*_MODULES, *entry_points(GROUP), *_files]))


def get(name: str) -> Engine:
    """Return the engine of this name.

    Raises:
        UsageError: there is no such engine, or its adapter cannot be loaded.
    """
    if name in _MODULES:
        engine: Engine = import_module(f"gradmeter.bench.engines.{_MODULES[name]}").ENGINE
        return engine
    if name in _files:
        return load_file(_files[name])
    if name in entry_points(GROUP):
        return load_entry_point(entry_points(GROUP)[name], GROUP)
    meant = suggestion(name, names()) or f"; the engines are {', '.join(names())}"
    raise UsageError(f"there is no engine {name!r}{meant}")


def installed() -> list[str]:
    """Return a variant for each way in which each installed engine computes, our own first."""
    variants = []
    for name in names():
        try:
            engine = get(name)
        except UsageError:  # `gradmeter list engines` says why
            continue
        if engine.version is None:
            continue
        variants.append(name)
        for setting in engine.settings:
            if setting.way or setting.name == EXECUTION.name:
                values = [value for value in setting.values if value != setting.default]
                variants += [f"{name}:{setting.name}={value}" for value in values]
    return variants


def add_file(path: Path) -> Engine:
    """Register the engine of an adapter's file.

    Raises:
        UsageError: the file cannot be loaded, or its engine's name is taken.
    """
    path = path.resolve()
    engine = load_file(path)
    registered = engine.name in _MODULES or engine.name in entry_points(GROUP)
    if registered or _files.get(engine.name, path) != path:
        raise UsageError(
            f"{path}: there is an engine {engine.name!r} already; give this one another name"
        )
    _files[engine.name] = path
    return engine
