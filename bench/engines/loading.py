"""Load the engines of adapter files and of entry points."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradmeter.bench import loading
from gradmeter.bench.engines.interface import Engine
from gradmeter.bench.errors import UsageError

if TYPE_CHECKING:
    from importlib import metadata


@cache
def load_entry_point(point: metadata.EntryPoint, group: str) -> Engine:
    """Return the engine of an entry point.

    Raises:
        UsageError: it cannot be loaded, or is no engine of the entry point's name.
    """
    engine = loading.load_entry_point(point, group)
    return _validated(engine, loading.source_of(point, group), point.name)


@cache
def load_file(path: Path) -> Engine:
    """Return the engine of an adapter's file, which may import what lies in its folder.

    Raises:
        UsageError: it cannot be loaded, or defines no engine.
    """
    module = loading.load_module(path, "the adapter")
    with loading.refusing(f"the adapter {path} does not load", path):
        engine = getattr(module, "ENGINE", None)
    return replace(_validated(engine, f"the adapter {path}: its ENGINE"), file=str(path))


def _validated(engine: Any, source: str, name: str = "") -> Engine:
    """Return what an adapter defines as its engine, if it is one with a valid name.

    Raises:
        UsageError: it is no engine, or its name is not valid.
    """
    if not isinstance(engine, Engine):
        raise UsageError(
            f"{source} is {'not there' if engine is None else f'a {type(engine).__name__}'}; it "
            "must be a gradmeter.Engine"
        )
    if not (isinstance(engine.name, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", engine.name)):
        raise UsageError(
            f"{source} is called {engine.name!r}; a name has letters, digits, dots, dashes and "
            "underscores"
        )
    if name and engine.name != name:
        raise UsageError(f"{source} is called {engine.name!r}; both names must be the same")
    return engine
