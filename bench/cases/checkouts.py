"""Check out a project at git revisions, with the benchmark suite that measures it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gradmeter.bench import git
from gradmeter.bench.cases import environments
from gradmeter.bench.cases.layouts import Layout, dependencies, layout
from gradmeter.bench.cases.revisions import Revision, checked_out
from gradmeter.bench.errors import UsageError

# At the top of a project, what says how its suite is collected.
_SETTINGS = ("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", "tox.ini", "setup.cfg")
# What measures a suite, for an interpreter that does not find this one's packages.
NEEDED = ("pytest", "pytest-benchmark", "numpy", "psutil", "msgspec", "rich", "typer")
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


@dataclass(frozen=True)
class Wanted:
    """What the sides of a comparison are made of.

    Attributes:
        revisions: as git takes them; None for the working tree, committed or not.
        roots: the folders that hold the project's packages, relative to it; by default as its
            build configuration has them.
        build: a shell command that installs a checkout; empty where nothing is built.
        requirements: of each side, in place of revisions: distributions as pip takes them.
        interpreters: of each side, in place of revisions.
    """

    revisions: tuple[str | None, ...] = ()
    roots: tuple[str, ...] = ()
    build: str = ""
    requirements: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()


@contextmanager
def sides(
    wanted: Wanted, start: Path, tell: Callable[[str], None] = lambda _: None
) -> Iterator[list[Side]]:
    """Check a project out until the block ends; the repository stays as it is.

    Args:
        start: the folder in which pytest is to start, in the repository.
        tell: called with a sentence before what takes long.

    Raises:
        UsageError: there is no repository or revision, its files cannot be written, or a side
            cannot be built.
    """
    top = git.top(start).resolve()
    project = project_of(start.resolve(), top)
    below = start.resolve().relative_to(top)
    with ExitStack() as stack:
        revisions = stack.enter_context(checked_out(wanted.revisions or (None,), top))
        found: list[Side] = []
        built: dict[str, Side] = {}
        for revision in revisions:
            side = _side(revision, below, project, wanted.roots)
            if revision.commit in built:  # whose environment is locked until the block ends
                side = replace(built[revision.commit], label=side.label, meaning=side.meaning)
            elif wanted.build and wanted.revisions:
                tell(f"building {side.label}: {wanted.build}")
                side = _built(side, revision.commit, project, wanted.build, stack)
                if revision.commit:
                    built[revision.commit] = side
            found.append(side)
        if not wanted.revisions:
            found = list(_environments(found[0], wanted, tell))
        yield found


def _environments(side: Side, wanted: Wanted, tell: Callable[[str], None]) -> Iterator[Side]:
    """The working tree in an environment for each requirement, or each interpreter."""
    for name in wanted.requirements or wanted.interpreters:
        tell(f"making an environment with {name}")
        interpreter, needed = sys.executable, [name]
        if wanted.interpreters:
            interpreter = environments.interpreter(name)
            needed = [*NEEDED, *dependencies(side.project)]
        key = ("environment", interpreter, environments.version(interpreter), *needed)
        with environments.kept(*key) as (folder, complete):
            made = environments.Environment(folder / "venv")
            if not complete:
                environments.make(made, interpreter)
                environments.install(made, needed)
        meaning = f"{side.meaning}, with {name}"
        yield replace(side, label=name, meaning=meaning, interpreter=made.python)


def _side(revision: Revision, start: Path, project: Path, roots: Sequence[str]) -> Side:
    """A revision as a side; ``start`` and ``project`` are relative to the top."""
    path = revision.path
    found = layout(path / project, roots)
    return Side(
        label=revision.label,
        meaning=revision.meaning,
        top=path,
        folder=path / start,
        project=path / project,
        layout=found,
        imports=tuple((path / project / root).resolve() for root in found.roots),
        origins=(path,),
    )


def _built(side: Side, commit: str, project: Path, command: str, stack: ExitStack) -> Side:
    """Install a checkout in an environment of its own; a commit's is kept.

    The command runs in a copy, which stays beside the environment: an editable install leads
    there.

    Args:
        commit: empty for a working tree, whose files may be other ones the next time.
    """
    version = environments.version(sys.executable)
    key = (commit, str(project), command, sys.executable, version)
    if commit:
        kept, complete = stack.enter_context(environments.kept(*key))
    else:
        kept, complete = side.top.parent / f"{side.top.name}-built", False
        kept.mkdir()
    made = environments.Environment(kept / "venv")
    if not complete:
        source = kept / "source"
        shutil.copytree(side.top, source, symlinks=True)
        environments.make(made)
        try:
            environments.run_in(made, command, source / project)
        except environments.BuildError as error:
            raise UsageError(f"{side.label} cannot be built: {error}") from None
    names = side.layout.names | environments.installed(made)
    return replace(
        side,
        interpreter=made.python,
        layout=replace(side.layout, names=names),
        imports=(),
        origins=(kept.resolve(), side.top),
    )


def project_of(start: Path, top: Path) -> Path:
    """The folder of the project, relative to the top: the nearest one that can be built."""
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in _PROJECT) or folder == top:
            return folder.relative_to(top)
    return Path()


def lay_tests_over(tests: Sequence[str], head: Side, other: Side) -> None:
    """Give another revision the head's tests, and what says how they are collected.

    A folder of tests is taken whole, with its data, where it lies outside of the project's
    packages; of a test among the code that is tested, the one file, and every conftest.py above.

    Args:
        tests: the files of the tests, absolute, in the head's checkout.

    Raises:
        UsageError: a file cannot be copied.
    """
    if other.top == head.top:
        return
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
