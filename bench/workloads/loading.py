"""Load workloads from files and from entry points, and find the file of one that is at hand."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradmeter.bench import loading
from gradmeter.bench.errors import UsageError
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.workloads import ours
from gradmeter.bench.workloads.workload import Chain, Workload

if TYPE_CHECKING:
    from importlib import metadata

FORM = "FILE.py:NAME"
DECLARED = "declare it with @gradmeter.workload(inputs)"
_DEPTH = re.compile(r"(.+?)(?:-([1-9][0-9]{0,6}))?", re.DOTALL)


def is_in_file(text: str) -> bool:
    """Whether a text that names a workload names one of a file."""
    return text.endswith(".py") or ".py:" in text


def from_text(text: str, folder: Path | None) -> Workload:
    """Return the workload that FILE.py:NAME names, or FILE.py:NAME-N for a depth.

    Args:
        folder: that a relative path begins in; None for the working folder.

    Raises:
        UsageError: there is no such file or workload, or the file cannot be loaded.
    """
    path, _, name = text.rpartition(":")
    if not path.endswith(".py") or not name:
        raise UsageError(f"{text!r} names no workload of a file; write {FORM}")
    try:
        file = ((folder or Path.cwd()) / path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a folder that is gone, links in a circle
        raise UsageError(f"{text!r} does not load: {path!r} is no path: {error}") from None
    return _from_file(file, unicodedata.normalize("NFKC", name))


@cache
def _from_file(path: Path, name: str) -> Workload:
    module = loading.load_module(path, "the workload file")
    loading.add_folders(path)  # its functions may import late
    word, depth = split(name)
    source = f"{path}:{name}"
    with loading.refusing(f"{source} does not load", path):
        value = getattr(module, word, None)
    if value is None:
        present = _names(vars(module))
        known = f"; its workloads: {', '.join(present)}" if present else f"; {DECLARED}"
        raise UsageError(f"{path} has no workload {word!r}{suggestion(word, present) or known}")
    return replace(_workload(value, source, word, depth, path), source=source)


def of_file(path: Path) -> list[Workload]:
    """Return the workloads that are variables of a file.

    Raises:
        UsageError: the file cannot be loaded, or has none.
    """
    names = _names(vars(loading.load_module(path, "the workload file")))
    if not names:
        raise UsageError(f"{path} has no workloads; {DECLARED}")
    return [_from_file(path, name) for name in names]


@cache
def from_entry_point(point: metadata.EntryPoint, group: str, depth: int | None) -> Workload:
    """Return the workload of an entry point; one that takes a depth, with that.

    Raises:
        UsageError: it cannot be loaded, or is no workload of the entry point's name.
    """
    source = loading.source_of(point, group)
    value = loading.load_entry_point(point, group)
    found = _workload(value, source, point.name, depth)
    expected = point.name if depth is None else f"{point.name}-{depth}"
    if found.name != expected:
        raise UsageError(f"{source} is called {found.name!r}; both names must be the same")
    return found


def with_depth(name: str, points: Mapping[str, metadata.EntryPoint]) -> tuple[str, int | None]:
    """Split a name into that of an entry point and a depth; None for one without."""
    return (name, None) if name in points else split(name)


def split(name: str) -> tuple[str, int | None]:
    """Split a name into what is before a depth, and that; None for a name that ends with none."""
    match = _DEPTH.fullmatch(name)
    assert match is not None
    return match[1], int(match[2]) if match[2] else None


def _workload(
    value: Any, source: str, word: str, depth: int | None, path: Path | None = None
) -> Workload:
    """Return what a name stands for as a workload.

    Raises:
        UsageError: it is none, it takes a depth and there is none, or the other way round.
    """
    if isinstance(value, Workload):
        if depth is not None:
            raise UsageError(f"{source}: {word} takes no depth; leave out -{depth}")
        return _validated(value, source)
    if callable(value) and depth is None:
        raise UsageError(
            f"{source} is a function and no workload; {DECLARED}, or name it with a depth if it "
            f"takes one, such as {word}-3"
        )
    if callable(value):
        with loading.refusing(f"{source}: {word}({depth}) raises", path):
            value = value(depth)
        if isinstance(value, Workload):
            return _validated(replace(value, name=f"{word}-{depth}"), source)
        source = f"what {word}({depth}) of {source} returns"
    raise UsageError(f"{source} is a {type(value).__name__} and no workload; {DECLARED}")


def _validated(workload: Workload, source: str) -> Workload:
    """Return a workload whose name is valid and none of ours.

    Raises:
        UsageError: it is not so.
    """
    name = workload.name
    if not (isinstance(name, str) and re.fullmatch(r"[^\W\d][\w.-]*", name)):
        raise UsageError(
            f"{source} is called {name!r}; a name has letters, digits, dots, dashes and "
            "underscores: give it one with name="
        )
    if not isinstance(workload.meaning, str):
        raise UsageError(f"{source}: meaning is {workload.meaning!r}; it must be a sentence")
    if ours.is_taken(name):
        raise UsageError(
            f"{source} is called {name!r}, as one of gradmeter's own; give it another name, "
            "with name= or by its function's"
        )
    return workload


def _names(variables: Mapping[str, Any]) -> list[str]:
    return [name for name, value in variables.items() if isinstance(value, Workload)]


@cache
def with_source(workload: Workload) -> Workload:
    """Return a workload that is at hand with the file and the name that workers load it by.

    Raises:
        UsageError: it is a variable of no module that has a file.
    """
    if workload.source or ours.get(workload.name) is workload:
        return workload
    for variables in _modules(workload):
        name = next((n for n, value in list(variables.items()) if value is workload), None)
        path = Path(str(variables.get("__file__") or ""))
        if name is not None and path.suffix == ".py" and path.is_file():
            source = f"{path.resolve()}:{name}"
            return replace(_validated(workload, source), source=source)
    raise UsageError(
        f"the workload {workload.name!r} is no variable at the top of a file, and workers load it "
        f"by that; put it there, or name it as {FORM}"
    )


def _modules(workload: Workload) -> Iterator[Mapping[str, Any]]:
    """The variables of the modules that may hold a workload, its function's own first."""
    function: Any = workload.function
    if isinstance(function, Chain):
        function = function.link
    yield getattr(function, "__globals__", {})
    for module in list(sys.modules.values()):
        yield getattr(module, "__dict__", {})
