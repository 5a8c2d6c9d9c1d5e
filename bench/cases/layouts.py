"""Which packages a project's checkout holds, and from which folders they are imported."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Folders at the top of a project that hold modules and are no part of what it installs.
_NOT_INSTALLED = {
    "asv_bench", "bench", "benches", "benchmark", "benchmarks", "build", "conftest", "dist", "doc",
    "docs", "examples", "noxfile", "scripts", "setup", "tasks", "test", "tests", "tools",
}  # fmt: skip


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
    names = {name for root in chosen for name in _importable(project / root)}
    if chosen == (".",):
        names -= _NOT_INSTALLED
    return Layout(chosen, frozenset(names))


def dependencies(project: Path) -> list[str]:
    """The requirements that a project's pyproject.toml declares."""
    return _texts(_table(_pyproject(project), "project").get("dependencies"))


def _usual(project: Path) -> tuple[str, ...]:
    return ("src",) if any(_importable(project / "src")) else (".",)


def _importable(folder: Path) -> Iterator[str]:
    """The names of the packages and modules of a folder."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        name = entry.name.partition(".")[0]
        if not name.isidentifier():
            continue
        if entry.is_dir():
            if any((entry / f"__init__.{kind}").is_file() for kind in ("py", "pyx")):
                yield name
        elif entry.suffix in (".py", ".so", ".pyd"):
            yield name


def _configured(project: Path) -> Iterator[str]:
    """The folders that the build configuration names, for the backends that name one."""
    document = _pyproject(project)
    tool = _table(document, "tool")
    setuptools = _table(tool, "setuptools")
    yield from _table(setuptools, "package-dir").values()
    packages = setuptools.get("packages")
    if isinstance(packages, Mapping):
        yield from _texts(_table(packages, "find").get("where"))
    for package in _texts(_table(tool, "hatch", "build", "targets", "wheel").get("packages")):
        yield str(Path(package).parent)
    for package in _table(tool, "poetry").get("packages") or ():
        if isinstance(package, Mapping):
            yield str(package.get("from", "."))
    yield from _texts(_table(tool, "pdm", "build").get("package-dir"))
    yield from _texts(_table(tool, "maturin").get("python-source"))
    for package in _texts(_table(tool, "scikit-build", "wheel").get("packages")):
        yield str(Path(package).parent)
    if "uv" in tool and "uv_build" in str(_table(document, "build-system").get("requires")):
        yield from _texts(_table(tool, "uv", "build-backend").get("module-root", "src"))
    yield from _of_setup_cfg(project / "setup.cfg")


def _pyproject(project: Path) -> dict[str, Any]:
    """The content of pyproject.toml; empty where it cannot be read."""
    try:
        return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _of_setup_cfg(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return
    section = re.search(r"^\[options\.packages\.find\](.*?)(?=^\[|\Z)", text, re.M | re.S)
    where = re.search(r"^where\s*=\s*(\S+)", section[1], re.M) if section else None
    if where:
        yield where[1]


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
