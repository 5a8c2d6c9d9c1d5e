"""Find the data files of a project that differ between its checkouts.

Code that is the same may still do something else, with another table beside the tests or in the
package. Which files a call reads cannot be known, so every one of them counts.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gradmeter.bench.cases.checkouts import Side
from gradmeter.bench.cases.head_tests import folder_of_tests

_CODE = {".py", ".pyi", ".pyc", ".pyo"}  # whose modules are compared where they are imported
_PROSE = {"", ".md", ".rst"}  # of a project's top
_NEVER = ("__pycache__",)


def differing(sides: Iterable[tuple[Side, Iterable[str]]]) -> list[str]:
    """The data files in the folders of packages and of tests that are not the same everywhere.

    Args:
        sides: each with the files of its tests; the baseline first.

    Returns:
        Their paths, relative to the top.
    """
    base, *others = [(side.top, _files(side, tests)) for side, tests in sides]
    changed: set[str] = set()
    for top, files in others:
        changed |= base[1].keys() ^ files.keys()
        if top != base[0]:
            common = base[1].keys() & files.keys()
            changed |= {name for name in common if not _equal(base[1][name], files[name])}
    return sorted(changed)


def _files(side: Side, tests: Iterable[str]) -> Mapping[str, Path]:
    """The data files of a side, by their path relative to its top."""
    found: dict[str, Path] = {}
    for folder, deep in _folders(side, tests).items():
        for path in _walk(folder) if deep else _at_top(folder):
            found[path.relative_to(side.top).as_posix()] = path
    return found


def _folders(side: Side, tests: Iterable[str]) -> dict[Path, bool]:
    """The folders of packages and of tests; True for one with what lies below it."""
    folders = {
        (side.project / root / name).resolve(): True
        for root in side.layout.roots
        for name in side.layout.names
    }
    for test in map(Path, tests):
        if test.is_relative_to(side.top):
            folder = folder_of_tests(test, side) or test.parent
            # A folder with the whole project in it holds much that no test reads.
            folders.setdefault(folder, not side.project.is_relative_to(folder))
    return {folder: deep for folder, deep in folders.items() if folder.is_relative_to(side.top)}


def _walk(folder: Path) -> Iterator[Path]:
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if name not in _NEVER and not _is_written(name)]
        yield from (Path(place, name) for name in names if _is_data(name))


def _at_top(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_file() and _is_data(path.name) and path.suffix not in _PROSE:
            yield path


def _is_data(name: str) -> bool:
    return os.path.splitext(name)[1] not in _CODE and not _is_written(name)


def _is_written(name: str) -> bool:
    """Whether a name is one that tools write, such as .pytest_cache."""
    return name.startswith(".") or name.endswith(".egg-info")


def _equal(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:  # a link that leads nowhere
        return False
