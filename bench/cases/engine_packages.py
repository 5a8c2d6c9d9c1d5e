"""Find the packages of an engine: which these are, and which repository has their sources."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gradmeter.bench import git, loading
from gradmeter.bench.cases.adapter_imports import adapter_file, imports
from gradmeter.bench.cases.checkouts import project_of
from gradmeter.bench.cases.layouts import Layout, layout
from gradmeter.bench.engines import Engine
from gradmeter.bench.errors import UsageError

_HARNESS = "gradmeter"
_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class Sources:
    """The sources of an engine's packages in the working tree of their repository.

    Attributes:
        top: of the repository.
        packages: the folder that holds each package, by the package's name.
        roots: the folders that hold packages, relative to the top; none for those that the build
            configuration of their project has.
        beside: modules beside the adapter that it imports and that are no such packages.
    """

    top: Path
    packages: Mapping[str, Path]
    roots: tuple[str, ...]
    beside: frozenset[str]


def sources(engine: Engine, here: Path, roots: Sequence[str] = ()) -> Sources:
    """Find an engine's packages and the repository that has their sources.

    The packages are those that the engine names. Where it names none, they are the top-level
    modules that its adapter imports, at its top or later, and that lie in a repository, outside
    of site-packages; only those that the project installs, if there are any.

    A package's repository is the current folder's where that has the package, even if it is
    imported from elsewhere, such as another clone that is installed as editable; otherwise the
    one that it is imported from. The adapter may lie in it or not.

    Args:
        here: the current folder.
        roots: the folders that hold packages, relative to the current folder's project; by
            default as its build configuration has them.

    Raises:
        UsageError: a package lies in no repository, or they lie in several ones.
    """
    declared: object = engine.packages
    if isinstance(declared, str) or not all(isinstance(name, str) for name in engine.packages):
        raise UsageError(
            f'{engine.name}: its packages are {declared!r}; write them as packages=("tinytape",)'
        )
    adapter = adapter_file(engine)
    imported = imports(adapter) if adapter else []
    tree = _Tree.of(here, roots)
    if engine.packages:
        packages = {name: _declared(engine, name, tree) for name in engine.packages}
    else:
        packages = _told_by_imports(engine, imported, tree)
    tops = {name: git.top(folder).resolve() for name, folder in packages.items()}
    first, *others = tops
    for name in others:
        if tops[name] != tops[first]:
            raise UsageError(
                f"{engine.name}: its packages lie in several repositories, {first} in "
                f"{tops[first]} and {name} in {tops[name]}; --rev compares those of one, so name "
                f'only these, as packages=("{first}",)'
            )
    beside = {
        name
        for name in imported
        if adapter and name not in packages and _holds(adapter.parent, name)
    }
    top = tops[first]
    named = [folder for folder in tree.folders if roots and folder.is_relative_to(top)]
    return Sources(
        top, packages, tuple(str(folder.relative_to(top)) for folder in named), frozenset(beside)
    )


def supplied(sources: Iterable[Sources], checkout: Path, label: str) -> dict[str, Path]:
    """The folder in a checkout that holds each package of its project, by the package's name.

    All that the project installs is among them, since an engine may consist of several
    packages whose revisions belong together.

    Args:
        sources: of engines in one repository.

    Raises:
        UsageError: a package of an engine is not there.
    """
    found: dict[str, Path] = {}
    for each in sources:
        for name, folder in each.packages.items():
            project = checkout if each.roots else checkout / project_of(folder, each.top)
            plan, whole = layout(project, each.roots), layout(checkout)
            likely = [*_folders(project, plan), checkout / folder.relative_to(each.top)]
            likely += _folders(checkout, whole)
            holding = _first(likely, name)
            if holding is None:
                raise UsageError(
                    f"there is no package {name} in {each.top.name} at {label}; name the folder "
                    "that holds it there with --bench-path, or the engine's packages in its "
                    'Engine, as packages=("tinytape",)'
                )
            for other in sorted(plan.names - each.beside - sys.stdlib_module_names - {_HARNESS}):
                found.setdefault(other, _first(_folders(project, plan), other) or holding)
            found[name] = holding
    return {name: folder.resolve() for name, folder in found.items()}


@contextmanager
def importable(files: Iterable[Path], here: Path, roots: Sequence[str] = ()) -> Iterator[None]:
    """Import in the block, after all else, from the projects of adapters and of a folder.

    So an adapter loads in a repository whose packages are not installed.
    """
    trees = [_Tree.of(folder, roots) for folder in (here, *(path.parent for path in files))]
    with loading.importable(dict.fromkeys(str(f) for tree in trees for f in tree.folders)):
        yield


@dataclass(frozen=True)
class _Tree:
    """A folder's project in its repository: the top, and where the packages are."""

    top: Path | None
    folders: tuple[Path, ...] = ()

    @classmethod
    def of(cls, folder: Path, roots: Sequence[str]) -> _Tree:
        try:
            top = git.top(folder).resolve()
        except UsageError:
            return cls(None)
        project = top / project_of(folder.resolve(), top)
        return cls(top, tuple(_folders(project, layout(project, roots))))


def _folders(project: Path, plan: Layout) -> list[Path]:
    return [(project / root).resolve() for root in plan.roots]


def _first(places: Iterable[Path], name: str) -> Path | None:
    return next((place for place in places if _holds(place, name)), None)


def _declared(engine: Engine, name: str, tree: _Tree) -> Path:
    folder = _place(name, tree)
    if folder is None:
        raise UsageError(
            f"{engine.name}: its package {name} lies in no git repository; start in the repository "
            "that has its sources, and name their folder with --bench-path where the build "
            "configuration does not"
        )
    return folder


def _told_by_imports(engine: Engine, imported: Iterable[str], tree: _Tree) -> dict[str, Path]:
    places = {
        name: folder
        for name in imported
        if name not in sys.stdlib_module_names and name != _HARNESS
        if (folder := _place(name, tree)) is not None
    }
    inside = {
        name: folder
        for name, folder in places.items()
        if tree.top is not None and folder.is_relative_to(tree.top)
    }
    packages = inside or places
    installs = {name: folder for name, folder in packages.items() if _is_installed(name, folder)}
    if not packages:
        moved = (
            "move it into a package that its adapter imports, since the adapter is the same file "
            "at every revision; or "
        )
        raise UsageError(
            f"--rev compares revisions of an engine's packages, and {engine.name} imports none "
            f"that lies in a git repository; {moved * bool(engine.file)}start in the packages' "
            'repository, and name them in its Engine, as packages=("tinytape",)'
        )
    return installs or packages


def _is_installed(name: str, folder: Path) -> bool:
    """Whether a package is one of those that its project installs."""
    top = git.top(folder).resolve()
    project = top / project_of(folder, top)
    plan = layout(project)
    return name in plan.names and folder in _folders(project, plan)


def _place(name: str, tree: _Tree) -> Path | None:
    """The folder, in a repository, that holds a package; None where there is none."""
    folder = _imported_from(name)
    if tree.top is not None and (folder is None or not folder.is_relative_to(tree.top)):
        own = _first(tree.folders, name)
        if own is not None:
            return own
    if folder is None:
        return None
    try:
        git.top(folder)
    except UsageError:
        return None
    return folder


def _imported_from(name: str) -> Path | None:
    """The folder that a package is imported from; None for an installed one, or for none."""
    try:
        spec = find_spec(name)
    except (Exception, SystemExit):  # of the package that a dotted name lies in
        return None
    if spec is None:
        return None
    places = [place for place in spec.submodule_search_locations or () if Path(place).is_dir()]
    if spec.has_location and spec.origin is not None:
        file = Path(spec.origin)
        path = file.parent if spec.submodule_search_locations is not None else file
    elif places:
        path = Path(places[0])
    else:
        return None
    if _INSTALLED & set(path.parts):
        return None
    return path.parents[name.count(".")].resolve()


def _holds(folder: Path, name: str) -> bool:
    """Whether a folder holds a package or a module."""
    *above, last = name.split(".")
    parent = folder.joinpath(*above)
    with suppress(OSError):
        if any((parent / last).glob("*.py")) or any((parent / last).glob("__init__.*")):
            return True
        return any(path.suffix in (".py", ".so", ".pyd") for path in parent.glob(f"{last}.*"))
    return False
