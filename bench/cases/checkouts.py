"""Check out a project at git revisions, with the benchmark suite that measures it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gradmeter.bench import git
from gradmeter.bench.cases import environments, kept_environments, submodules
from gradmeter.bench.cases.layouts import Layout, dependencies, layout
from gradmeter.bench.cases.revisions import Revision, checked_out, label_of

# What measures a suite, for an interpreter that does not find this one's packages.
NEEDED = ("pytest", "pytest-benchmark", "numpy", "psutil", "msgspec", "rich", "typer")
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True)
class Side:
    """A project at one revision, ready for its suite to be collected.

    Attributes:
        label: its name in variants.
        meaning: the commit or the working tree, in words.
        repository: the top of the user's own working tree.
        top: of the checkout.
        folder: in which pytest starts.
        project: the folder with the project's pyproject.toml.
        layout: of its packages.
        interpreter: that runs the suite.
        imports: folders that are put first on the import path.
        origins: folders in which the project's packages have to be when they are imported.
        baseline: whether the others are compared with it.
        problem: why it cannot be measured; None where it can.
        missing: submodules that are empty in the checkout.
    """

    label: str
    meaning: str
    repository: Path
    top: Path
    folder: Path
    project: Path
    layout: Layout
    interpreter: str = sys.executable
    imports: tuple[Path, ...] = ()
    origins: tuple[Path, ...] = ()
    baseline: bool = False
    problem: environments.BuildError | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What the sides of a comparison are made of.

    Attributes:
        revisions: as git takes them; None for the working tree, committed or not.
        roots: the folders that hold the project's packages, relative to it; by default as its
            build configuration has them.
        build: a shell command that installs a checkout; empty where nothing is built.
        requirements: of each side, in place of revisions: one or more distributions as they stand
            after ``pip install`` in a shell.
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
        found = []
        for number, revision in enumerate(revisions):
            side = replace(_side(revision, top, below, project, wanted.roots), baseline=not number)
            if wanted.build and wanted.revisions:
                tell(f"building {side.label}: {wanted.build}")
                try:
                    side = _built(side, revision.commit, project, wanted.build, stack)
                except environments.BuildError as error:
                    side = _unbuilt(side, error)
            found.append(side)
        if not wanted.revisions:
            found = list(_environments(found[0], wanted, start, tell, stack))
        problems = [side.problem for side in found if side.problem]
        if problems and len(problems) == len(found) - 1:
            raise problems[0]  # so that nothing is left to compare
        yield found


def _environments(
    tree: Side, wanted: Wanted, start: Path, tell: Callable[[str], None], stack: ExitStack
) -> Iterator[Side]:
    """The working tree in an environment for each requirement, or each interpreter.

    Args:
        start: the folder that a requirement which is a path is relative to.
    """
    names = wanted.requirements or wanted.interpreters
    for number, name in enumerate(names):
        label = label_of(name, names[:number])
        side = replace(tree, label=label, baseline=not number)
        tell(f"making an environment with {name}")
        interpreter = sys.executable
        if wanted.interpreters:
            interpreter = environments.interpreter(name)
            needed = [*NEEDED, *dependencies(tree.project)]
            keep = True
        else:
            needed = [_absolute(word, start) for word in environments.requirements_of(name)]
            keep = environments.pinned(needed)
        try:
            build = partial(_install, interpreter=interpreter, requirements=needed)
            if keep:
                version = environments.version(interpreter)
                key = ("environment", interpreter, version, *needed)
                folder = stack.enter_context(kept_environments.kept(key, build))
            else:  # what it is may be something else the next time
                folder = tree.top.parent / f"environment-{number}"
                folder.mkdir()
                build(folder)
        except environments.BuildError as error:
            yield _unbuilt(side, error)
            continue
        python = environments.Environment(folder / "venv").python
        meaning = f"{tree.meaning}, with {name}"
        yield replace(side, meaning=meaning, interpreter=python)


def _absolute(requirement: str, start: Path) -> str:
    """A requirement; one that is a path, from anywhere."""
    path = start / requirement
    is_path = os.sep in requirement or requirement.endswith(".whl")
    return str(path.resolve()) if is_path and path.exists() else requirement


def _unbuilt(side: Side, error: environments.BuildError) -> Side:
    """A side that cannot be built.

    Raises:
        BuildError: it is the baseline, without which nothing can be compared.
    """
    problem = error.at(side.label)
    if side.baseline:
        raise problem from None
    return replace(side, problem=problem)


def _install(folder: Path, interpreter: str, requirements: Sequence[str]) -> None:
    made = environments.Environment(folder / "venv")
    environments.make(made, interpreter)
    environments.install(made, requirements)


def _side(revision: Revision, top: Path, start: Path, project: Path, roots: Sequence[str]) -> Side:
    """A revision as a side; ``start`` and ``project`` are relative to the top."""
    path = revision.path
    if revision.commit:
        missing = submodules.fill(top, path, revision.commit)
    else:
        missing = submodules.copy_edited(top, path)
    (path / start).mkdir(parents=True, exist_ok=True)  # which may be new
    found = layout(path / project, roots)
    return Side(
        label=revision.label,
        meaning=revision.meaning,
        repository=top,
        top=path,
        folder=path / start,
        project=path / project,
        layout=found,
        imports=tuple((path / project / root).resolve() for root in found.roots),
        origins=(path,),
        missing=tuple(missing),
    )


def _built(side: Side, commit: str, project: Path, command: str, stack: ExitStack) -> Side:
    """Install a checkout in an environment of its own; a commit's is kept.

    The command runs in a copy, which stays beside the environment: an editable install leads
    there.

    Args:
        commit: empty for a working tree, whose files may be other ones the next time.

    Raises:
        BuildError: it cannot be installed.
    """

    def install(folder: Path) -> None:
        source = folder / "source"
        shutil.copytree(side.top, source, symlinks=True)
        made = environments.Environment(folder / "venv")
        environments.make(made)
        environments.run_in(made, command, source / project)

    version = environments.version(sys.executable)
    if commit:
        key = (commit, str(project), command, sys.executable, version)
        folder = stack.enter_context(kept_environments.kept(key, install))
    else:
        folder = side.top.parent / f"{side.top.name}-built"
        folder.mkdir()
        install(folder)
    made = environments.Environment(folder / "venv")
    names = side.layout.names | environments.installed(made)
    return replace(
        side,
        interpreter=made.python,
        layout=replace(side.layout, names=names),
        imports=(),
        origins=(folder.resolve(), side.top),
    )


def project_of(start: Path, top: Path) -> Path:
    """The folder of the project, relative to the top: the nearest one that can be built."""
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in _PROJECT) or folder == top:
            return folder.relative_to(top)
    return Path()


def arguments(given: Sequence[str], start: Path) -> list[str]:
    """pytest's arguments with paths in the repository made relative, so they name any checkout."""
    top = git.top(start).resolve()
    return [_relative(argument, start.resolve(), top) for argument in given]


def _relative(argument: str, start: Path, top: Path) -> str:
    """An argument, or the value of an option, as a relative path where it is one in the top."""
    option, equals, value = argument.partition("=")
    if not (option.startswith("--") and equals):
        option, equals, value = "", "", argument
    path, colons, test = value.partition("::")
    if os.path.isabs(path) and Path(path).resolve().is_relative_to(top):
        path = os.path.relpath(Path(path).resolve(), start)
    return option + equals + path + colons + test
