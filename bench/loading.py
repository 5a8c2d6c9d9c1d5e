"""Run the files that users hand to the harness, adapters and workloads, whatever these raise.

Their code runs in this process. What it raises becomes a sentence; code that ends the process
itself (``os._exit``, a crash in native code) ends it without one. What it prints goes to
standard error, so that it never mixes with what a command prints.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from gradmeter.bench.errors import UsageError
from gradmeter.bench.suggestions import suggestion

if TYPE_CHECKING:
    from importlib import metadata


FILE = "gradmeter_file_"  # what the names of the modules of such files begin with


@cache
def load_module(path: Path, kind: str) -> ModuleType:
    """Run a file as a module, once; it may import what lies in its folder.

    Args:
        path: absolute.
        kind: what the file is, for messages: "the adapter".

    Raises:
        UsageError: there is no such file, or it cannot be run.
    """
    problem = f"{kind} {path} does not load"
    if not path.is_file():
        meant = suggestion(path.name, [each.name for each in path.parent.glob("*.py")])
        raise UsageError(f"{problem}: there is no such file{meant}")
    # Two files may have one name in two folders, and a name that is no name of a module.
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    name = f"{FILE}{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}_{digest}"
    if package := enclosing_package(path):  # so that relative imports find what is there
        name = f"{package}.{name}"
    with refusing(problem, path), importable(folders(path)):
        spec = spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError("it is no Python file (.py)")
        module = module_from_spec(spec)
        sys.modules[name] = module  # as importing does: dataclasses and pickle look there
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return module


def load_entry_point(point: metadata.EntryPoint, group: str) -> Any:
    """Import what an entry point names.

    Raises:
        UsageError: it cannot be imported.
    """
    with refusing(f"{source_of(point, group)} does not load"):
        return point.load()


def source_of(point: metadata.EntryPoint, group: str) -> str:
    """An entry point as messages name it."""
    return f"the entry point {point.name} = {point.value} of {group}"


@cache
def entry_points(group: str) -> dict[str, metadata.EntryPoint]:
    """The entry points of a group, by name."""
    from importlib import metadata  # here: a tenth of the start of a worker, which asks for none

    return {point.name: point for point in metadata.entry_points(group=group)}


def folders(path: Path) -> list[str]:
    """The folders that a user's file may import from.

    These are its own, the one that holds its package where it lies in one, and the working
    folder.
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


def add_folders(path: Path) -> None:
    """Let a file import from its folders for as long as the process runs.

    They come last, so that they hide no other module.
    """
    sys.path += [folder for folder in folders(path) if folder not in sys.path]


@contextmanager
def importable(paths: Iterable[str]) -> Iterator[None]:
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
def refusing(problem: str, path: Path | None = None, remedy: str = "") -> Iterator[None]:
    """Turn whatever the block raises into a sentence, but for the user's own Ctrl-C.

    Args:
        problem: the beginning of the sentence; the exception follows.
        path: the file whose line is named, where the exception came through it.
        remedy: the end of the sentence.

    Raises:
        UsageError: the block raised something, SystemExit and KeyboardInterrupt included.
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    with _noting_interrupts() as interrupts:
        try:
            with redirect_stdout(sys.stderr):
                yield
        except BaseException as error:
            if interrupts:
                raise KeyboardInterrupt from None
            end = f"; {remedy}" if remedy else ""
            raise UsageError(f"{problem}: {described(error)}{_line(error, path)}{end}") from None


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


def _line(error: BaseException, path: Path | None) -> str:
    """Name the last line of a file that an exception came through; empty where there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if path is not None and frame.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""
