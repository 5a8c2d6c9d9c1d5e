"""Which packages a project's checkout holds, and from which folders they are imported."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Folders at the top of a project that hold modules and are no part of what it installs.
_NOT_INSTALLED = {
    "asv_bench", "bench", "benches", "benchmark", "benchmarks", "build", "conftest", "dist", "doc",
    "docs", "examples", "noxfile", "scripts", "setup", "src", "tasks", "test", "tests", "tools",
}  # fmt: skip
_SOURCES = (".py", ".pyx", ".so", ".pyd")
_DEPTH = 2  # folders of a namespace package above its first module


@dataclass(frozen=True)
class Layout:
    """Where a project's packages are.

    Attributes:
        roots: folders, relative to the top of the project, that are put on the import path.
        names: the top-level packages and modules in them.
    """

    roots: tuple[str, ...]
    names: frozenset[str]


def layout(project: Path, roots: Iterable[str] = ()) -> Layout:
    """Find the packages of a project.

    Args:
        project: the folder with its pyproject.toml or setup.py.
        roots: the folders to look in; by default those of the build configuration, else src/
            where it holds packages, else the top.
    """
    chosen = tuple(roots) or tuple(dict.fromkeys(_configured(project))) or _usual(project)
    names: set[str] = set()
    for root in chosen:
        found = set(_importable(project / root))
        names |= found - _NOT_INSTALLED if Path(root) == Path() else found
    return Layout(chosen, frozenset(names))


def dependencies(project: Path) -> list[str]:
    """The requirements that a project's pyproject.toml declares."""
    return _texts(_table(_pyproject(project), "project").get("dependencies"))


def _usual(project: Path) -> tuple[str, ...]:
    return ("src",) if any(_importable(project / "src")) else (".",)


def _importable(folder: Path) -> Iterator[str]:
    """The names of the packages and modules of a folder."""
    for entry in _entries(folder):
        name = entry.name.partition(".")[0]
        if not name.isidentifier():
            continue
        if entry.suffix in _SOURCES or (entry.is_dir() and _is_package(entry, _DEPTH)):
            yield name


def _is_package(folder: Path, depth: int) -> bool:
    """Whether a folder is a package, or a namespace that holds one."""
    entries = _entries(folder)
    if any(entry.suffix in _SOURCES for entry in entries):
        return True
    return depth > 0 and any(
        entry.name.isidentifier() and entry.is_dir() and _is_package(entry, depth - 1)
        for entry in entries
    )


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _configured(project: Path) -> Iterator[str]:
    """The folders that the build configuration names, for the backends that name one."""
    document = _pyproject(project)
    tool = _table(document, "tool")
    setuptools = _table(tool, "setuptools")
    yield from _of_package_dir(_table(setuptools, "package-dir"))
    packages = setuptools.get("packages")
    if isinstance(packages, Mapping):
        yield from _texts(_table(packages, "find").get("where"))
    for target in (("build", "targets", "wheel"), ("build",)):
        hatch = _table(tool, "hatch", *target)
        for name in ("packages", "only-include"):
            yield from _parents(_texts(hatch.get(name)))
        yield from _texts(hatch.get("sources"))
    for package in _table(tool, "poetry").get("packages") or ():
        if isinstance(package, Mapping):
            yield str(package.get("from", "."))
    yield from _texts(_table(tool, "pdm", "build").get("package-dir"))
    yield from _texts(_table(tool, "maturin").get("python-source"))
    yield from _parents(_texts(_table(tool, "scikit-build", "wheel").get("packages")))
    if "uv_build" in str(_table(document, "build-system").get("requires")):
        yield from _texts(_table(tool, "uv", "build-backend").get("module-root", "src"))
    yield from _of_setup_cfg(project / "setup.cfg")
    yield from _of_setup_py(project / "setup.py")


def _parents(packages: Iterable[str]) -> Iterator[str]:
    for package in packages:
        yield str(Path(package).parent)


def _of_package_dir(folders: Mapping[str, Any]) -> Iterator[str]:
    """The folders of setuptools' table of them: of all packages, or of one, by its name."""
    for package, folder in folders.items():
        path = Path(str(folder))
        if not package:
            yield str(path)
        elif path.parts[-package.count(".") - 1 :] == tuple(package.split(".")):
            yield str(path.parents[package.count(".")])


def _pyproject(project: Path) -> dict[str, Any]:
    """The content of pyproject.toml; empty where it cannot be read."""
    with suppress(OSError, ValueError):
        return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    return {}


def _of_setup_cfg(path: Path) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    with suppress(OSError, ValueError, configparser.Error):
        parser.read_string(path.read_text(encoding="utf-8"))
    yield from parser.get("options.packages.find", "where", fallback="").split()
    lines = parser.get("options", "package_dir", fallback="").splitlines()
    pairs = [line.partition("=") for line in lines if line.strip()]
    yield from _of_package_dir({name.strip(): folder.strip() for name, _, folder in pairs})


def _of_setup_py(path: Path) -> Iterator[str]:
    """The one folder of all packages, where setup.py says so without computing it."""
    with suppress(OSError, ValueError):
        text = path.read_text(encoding="utf-8")
        found = re.search(r"package_dir\s*=\s*\{\s*(['\"])\1\s*:\s*(['\"])([^'\"]+)\2", text)
        if found:
            yield found[3]


def _table(document: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        found = document.get(name)
        document = found if isinstance(found, Mapping) else {}
    return document


def _texts(value: object) -> list[str]:
    """A text or a list of texts as a list; nothing for any other value."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
