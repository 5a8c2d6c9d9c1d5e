"""Check out a project at git revisions, with the benchmark suite that measures it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gradmeter.bench import git
from gradmeter.bench.cases.layouts import Layout, layout
from gradmeter.bench.cases.revisions import Revision, checked_out
from gradmeter.bench.errors import UsageError

# At the top of a project, what says how its suite is collected.
_SETTINGS = ("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", "tox.ini", "setup.cfg")
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True)
class Side:
    """A project at one revision, ready for its suite to be collected.

    Attributes:
        label: its name in variants.
        meaning: the commit or the working tree, in words.
        top: of the checkout.
        folder: in which pytest starts.
        project: the folder with the project's pyproject.toml.
        layout: of its packages.
        interpreter: that runs the suite.
        imports: folders that are put first on the import path.
        origins: folders in which the project's packages have to be when they are imported.
    """

    label: str
    meaning: str
    top: Path
    folder: Path
    project: Path
    layout: Layout
    interpreter: str = sys.executable
    imports: tuple[Path, ...] = ()
    origins: tuple[Path, ...] = ()


@contextmanager
def sides(
    names: Sequence[str | None], start: Path, roots: Sequence[str] = ()
) -> Iterator[list[Side]]:
    """Check a project out at revisions until the block ends; the repository stays as it is.

    Args:
        names: as git takes them; None for the working tree, committed or not.
        start: the folder in which pytest is to start, in the repository.
        roots: the folders that hold its packages, relative to the project; by default as its
            build configuration has them.

    Raises:
        UsageError: there is no repository or revision, or its files cannot be written.
    """
    project = project_of(start.resolve(), git.top(start).resolve())
    with checked_out(names, start) as revisions:
        yield [_side(revision, start, project, roots) for revision in revisions]


def project_of(start: Path, top: Path) -> Path:
    """The folder of the project, relative to the top: the nearest one that can be built."""
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in _PROJECT) or folder == top:
            return folder.relative_to(top)
    return Path()


def _side(revision: Revision, start: Path, project: Path, roots: Sequence[str]) -> Side:
    path = revision.path
    folder = path / start.resolve().relative_to(git.top(start).resolve())
    found = layout(path / project, roots)
    imports = tuple((path / project / root).resolve() for root in found.roots)
    return Side(
        label=revision.label,
        meaning=revision.meaning,
        top=path,
        folder=folder,
        project=path / project,
        layout=found,
        imports=imports,
        origins=(path,),
    )


def lay_tests_over(tests: Sequence[str], head: Side, other: Side) -> None:
    """Give another revision the head's tests, and what says how they are collected.

    A folder of tests is taken whole, with its data, where it lies outside of the project's
    packages; of a test among the code that is tested, the one file, and every conftest.py above.

    Args:
        tests: the files of the tests, absolute, in the head's checkout.

    Raises:
        UsageError: a file cannot be copied.
    """
    packages = [
        (head.project / root / name).resolve()
        for root in head.layout.roots
        for name in head.layout.names
    ]
    taken: dict[Path, None] = {}
    for settings in _SETTINGS:
        taken |= dict.fromkeys({head.top / settings, head.project / settings})
    for test in map(Path, tests):
        if not test.is_relative_to(head.top):
            continue
        inside = [package for package in packages if test.is_relative_to(package)]
        first = head.project if test.is_relative_to(head.project) else head.top
        parts = test.relative_to(first).parts
        whole = first / parts[0]
        holds_packages = any(package.is_relative_to(whole) for package in packages)
        if inside or holds_packages or len(parts) == 1:
            taken |= dict.fromkeys([test, *(p / "conftest.py" for p in test.parents)])
        else:
            taken[whole] = None
    for path in taken:
        if path.is_relative_to(head.top) and path.exists():
            _replace(path, other.top / path.relative_to(head.top))


def _replace(source: Path, target: Path) -> None:
    try:
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        elif target.exists() or target.is_symlink():
            target.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(source, target)
    except (OSError, shutil.Error) as error:
        raise UsageError(f"the head's {source.name} cannot be copied: {error}") from None


def arguments(given: Sequence[str], start: Path) -> list[str]:
    """pytest's arguments with paths in the repository made relative, so they name any checkout."""
    top = git.top(start).resolve()
    found = []
    for argument in given:
        path, colons, test = argument.partition("::")
        if os.path.isabs(path) and Path(path).resolve().is_relative_to(top):
            path = os.path.relpath(Path(path).resolve(), start.resolve())
        found.append(path + colons + test)
    return found
