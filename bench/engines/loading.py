"""Load the engines of adapter files and of entry points, whatever these raise.

The code of an adapter runs in this process. What it raises becomes a sentence; an adapter that
ends the process itself (``os._exit``, a crash in native code) ends it without one.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType
from typing import Any

from gradmeter.bench.engines.interface import Engine
from gradmeter.bench.errors import UsageError


@cache
def load_entry_point(point: metadata.EntryPoint, group: str) -> Engine:
    """Return the engine of an entry point.

    Raises:
        UsageError: it cannot be loaded, or is no engine of the entry point's name.
    """
    source = f"the entry point {point.name} = {point.value} of {group}"
    with _refusing(f"{source} does not load"):
        engine = point.load()
    return _validated(engine, source, point.name)


@cache
def load_file(path: Path) -> Engine:
    """Return the engine of an adapter's file, which may import what lies in its folder.

    Raises:
        UsageError: it cannot be loaded, or defines no engine.
    """
    with _refusing(f"the adapter {path} does not load"), _importable(folders(path)):
        # In its package, if it lies in one, so that relative imports find what is there.
        package = enclosing_package(path)
        name = f"{package}{'.' if package else ''}gradmeter_adapter_{path.stem}"
        spec = spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError("it is no Python file (.py)")
        module = module_from_spec(spec)
        sys.modules[spec.name] = module  # as importing does: dataclasses and pickle look there
        try:
            spec.loader.exec_module(module)
            engine = getattr(module, "ENGINE", None)
        except BaseException:
            del sys.modules[spec.name]
            raise
    return replace(_validated(engine, f"the adapter {path}: its ENGINE"), file=str(path))


def folders(path: Path) -> list[str]:
    """The folders that an adapter's file may import from, after all else.

    These are its own folder, the one that holds its package where it lies in one, and the
    working folder.
    """
    path = path.resolve()
    found = [str(path.parent)]
    if package := enclosing_package(path):
        found.append(str(path.parents[package.count(".") + 1]))
    with suppress(OSError):  # the working folder may have been removed
        found.append(os.getcwd())
    return list(dict.fromkeys(found))


def enclosing_package(path: Path) -> str:
    """The dotted name of the package that a file lies in; empty for one that lies in none."""
    names: list[str] = []
    for folder in path.parents:
        if not (folder.name.isidentifier() and (folder / "__init__.py").is_file()):
            break
        names.insert(0, folder.name)
    return ".".join(names)


@contextmanager
def _importable(paths: list[str]) -> Iterator[None]:
    """Import from folders in the block, after all else, so that they hide no other module."""
    added = [path for path in paths if path not in sys.path]
    sys.path.extend(added)
    try:
        yield
    finally:
        for path in added:
            if path in sys.path:
                sys.path.remove(path)


@contextmanager
def _refusing(problem: str) -> Iterator[None]:
    """Turn whatever the block raises into a sentence, but for the user's own Ctrl-C.

    Raises:
        UsageError: the block raised something, SystemExit and KeyboardInterrupt included.
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    with _noting_interrupts() as interrupts:
        try:
            yield
        except BaseException as error:
            if interrupts:
                raise KeyboardInterrupt from None
            raise UsageError(f"{problem}: {described(error)}") from None


@contextmanager
def _noting_interrupts() -> Iterator[list[int]]:
    """Note the signals that interrupt the block; the handlers do their work as before."""
    seen: list[int] = []
    replaced = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            handler = signal.getsignal(number)
            if not callable(handler) or number in replaced:
                continue

            def note(number: int, frame: FrameType | None, handler: Any = handler) -> None:
                seen.append(number)
                handler(number, frame)

            signal.signal(number, note)
            replaced[number] = (note, handler)
    try:
        yield seen
    finally:
        for number, (note, handler) in replaced.items():
            if signal.getsignal(number) is note:  # the block may have set one of its own
                signal.signal(number, handler)


def described(error: BaseException) -> str:
    """An exception as its class and message, even where its message cannot be made."""
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown)"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


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
