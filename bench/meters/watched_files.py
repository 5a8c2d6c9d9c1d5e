"""Which code is watched: that of a program's own project, and what else a pattern names."""

from __future__ import annotations

import os
import sysconfig

# By these names, since a program may put others into builtins while it is watched.
from builtins import any as _any
from builtins import isinstance as _isinstance
from builtins import str as _str
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import CodeType
from typing import Any

from gradmeter.bench.errors import UsageError

_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg")
_INSTALLED = tuple(
    os.path.join(path, "") for name in ("stdlib", "platstdlib", "purelib", "platlib")
    if (path := sysconfig.get_path(name))
)  # fmt: skip
_PACKAGES = ("site-packages", "dist-packages")
_HARNESS = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "")


class WatchedFiles:
    """Decides which code is watched, by its file and by its module.

    Code without a file of its own (``exec``, a notebook's cell, whose file was never written)
    belongs to the module in whose globals it runs; with globals of its own, it is the program's.

    Args:
        folders: what lies in them is watched, but for installed packages and the standard
            library; resolved paths.
        patterns: of files (with a ``/``, or ending in ``.py``) or of modules: "numpy" and
            "numpy*" are the package with all its modules.
        files: watched wherever they lie, also in the harness.
    """

    def __init__(
        self,
        folders: Sequence[Path] = (),
        patterns: Sequence[str] = (),
        files: Sequence[Path] = (),
    ) -> None:
        for pattern in patterns:
            if not pattern.strip("*. "):
                raise UsageError(
                    f"--include {pattern!r} names no module and no file; numpy* or src/*.py do"
                )
        self._folders = tuple(os.path.join(folder, "") for folder in folders)
        self._named = {os.path.realpath(file) for file in files}
        self._files = [os.path.abspath(p) for p in patterns if "/" in p or p.endswith(".py")]
        self._modules = [p for p in patterns if "/" not in p and not p.endswith(".py")]

    def __call__(self, code: CodeType, variables: dict[str, Any]) -> bool:
        """Whether code that runs with these globals is watched."""
        name = variables.get("__name__")
        name = name if _isinstance(name, _str) else ""
        if self._names_module(name):
            return True
        file = code.co_filename
        if file.startswith("<") or not os.path.exists(file):
            if file.startswith("<frozen "):
                return False
            module_file = variables.get("__file__")
            if not _isinstance(module_file, _str):
                return name in ("", "__main__", "builtins")
            file = module_file
        path = os.path.realpath(file)
        if path in self._named:
            return True
        if path.startswith(_HARNESS):
            return False
        return self._is_file(path) or self._is_file(os.path.abspath(file))

    def file(self, name: str) -> bool:
        """Whether a file is watched, as far as its path alone tells: by folder, name or package."""
        if name.startswith("<"):
            return False
        path = os.path.realpath(name)
        if path.startswith(_HARNESS):
            return False
        parts = path.removesuffix(".py").split(os.sep)
        return (
            self._is_file(path)
            or self._is_file(os.path.abspath(name))
            or any(self._names_module(part) for part in parts)
        )

    def _names_module(self, name: str) -> bool:
        return _any(
            fnmatchcase(name, pattern) or name.startswith(f"{pattern}.")
            for pattern in self._modules
        )

    def _is_file(self, path: str) -> bool:
        if _any(fnmatchcase(path, pattern) for pattern in self._files):
            return True
        for folder in self._folders:
            if path.startswith(folder):
                return not _is_installed(path, folder)
        return False


def _is_installed(path: str, folder: str) -> bool:
    """Whether a file in a folder belongs to an installed package or to the standard library."""
    return _any(part in _PACKAGES for part in path[len(folder) :].split(os.sep)) or _any(
        path.startswith(home) and not folder.startswith(home) for home in _INSTALLED
    )


def project_of(folder: Path) -> Path:
    """The top of the project that a folder belongs to: where its pyproject.toml or .git lies.

    It is the folder itself where none of the folders above has one, or only one that holds
    everything: the home folder, or the root.
    """
    folder = Path(os.path.realpath(folder))
    home = Path.home()
    for candidate in (folder, *folder.parents):
        if candidate in (home, Path(candidate.anchor)):
            break
        if any((candidate / mark).exists() for mark in _MARKS):
            return candidate
    return folder


def path_of(name: str) -> str:
    """The path of a file, as code names it; the name itself where it is no file's."""
    try:
        return name if name.startswith("<") else os.path.abspath(name)
    except OSError:  # the program has removed its working folder
        return name
