"""Lay the head's tests over another revision's checkout, so that both run the same ones."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from gradmeter.bench.cases.checkouts import Side
from gradmeter.bench.errors import UsageError

# At the top of a project, what says how its suite is collected; pytest takes the first it finds.
_PYTEST = ("conftest.py", "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_SETTINGS = (*_PYTEST, "pyproject.toml", "tox.ini", "setup.cfg")
_OF_TESTS = re.compile(r"_?(tests?|testing|bench(es|ing|mark(s|ing)?)?|perf(ormance)?)(_\w*)?")


def lay_tests_over(files: Sequence[str], head: Side, other: Side) -> None:
    """Give another revision the head's tests, and what says how they are collected.

    A test is taken with its folder, data included, where the folder's name says that it holds
    tests, and with every conftest.py above. Of any other folder only the test's file is taken: it
    may be the code that is tested.

    Args:
        files: those of the tests, and those that they have imported, absolute, in the head's
            checkout.

    Raises:
        UsageError: a file cannot be copied.
    """
    for folder in {head.top, head.project}:
        for name in _SETTINGS:
            _lay(folder / name, head, other, remove=name in _PYTEST)
    for path in _taken(files, head):
        _lay(path, head, other, remove=False)


def _taken(files: Iterable[str], head: Side) -> list[Path]:
    """The files and folders that are taken for some files of tests."""
    taken: dict[Path, None] = {}
    for file in map(Path, files):
        if not file.is_relative_to(head.top):
            continue
        below = [folder for folder in file.parents if folder.is_relative_to(head.top)]
        taken |= dict.fromkeys(folder / "conftest.py" for folder in below)
        taken[folder_of_tests(file, head) or file] = None
    return [path for path in taken if path.exists()]


def folder_of_tests(file: Path, side: Side) -> Path | None:
    """The outermost folder above a test that holds tests alone, as its name says; or None."""
    packages = [
        (side.project / root / name).resolve()
        for root in side.layout.roots
        for name in side.layout.names
    ]
    folders = [
        folder
        for folder in file.parents
        if folder != side.top
        and folder.is_relative_to(side.top)
        and _OF_TESTS.fullmatch(folder.name)
        and not any(package.is_relative_to(folder) for package in packages)
    ]
    return folders[-1] if folders else None


def of_tests(file: str, head: Side) -> bool:
    """Whether a file lies in a folder that holds tests."""
    path = Path(file)
    return path.is_relative_to(head.top) and any(
        _OF_TESTS.fullmatch(part) for part in path.relative_to(head.top).parts[:-1]
    )


def _lay(source: Path, head: Side, other: Side, *, remove: bool) -> None:
    """Replace a file or a folder of the other side by the head's.

    Args:
        remove: the other's where the head has none.
    """
    target = other.top / source.relative_to(head.top)
    if not source.exists() and not remove:
        return
    try:
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        elif target.exists() or target.is_symlink():
            target.unlink()
        if not source.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(source, target)
    except (OSError, shutil.Error) as error:
        raise UsageError(f"the head's {source.name} cannot be copied: {error}") from None
