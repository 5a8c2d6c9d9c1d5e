"""The modules of a project that a process has imported: from where, and with which content."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_INSTALLED = {"site-packages", "dist-packages"}


def origins(packages: Collection[str], repository: str) -> dict[str, str]:
    """The file of each module that belongs to the project, by name.

    Args:
        packages: the project's top-level packages.
        repository: the user's own working tree; a module from it belongs to the project whatever
            its name is, unless it is in an environment there.
    """
    found = {}
    for name, file in _files():
        path = Path(file)
        ours = name.partition(".")[0] in packages
        theirs = path.is_relative_to(repository) and not _INSTALLED & set(path.parts)
        if ours or (theirs and name.partition(".")[0] != "gradmeter"):
            found[name] = file
    return found


def digests(folders: Sequence[str]) -> dict[str, str]:
    """A digest of each imported module's file below the folders, by its path there."""
    found = {}
    for _, file in _files():
        path = Path(file).resolve()
        for folder in folders:
            if path.is_relative_to(folder):
                with suppress(OSError):  # a folder, of a namespace package
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    found[path.relative_to(folder).as_posix()] = digest
    return found


def _files() -> Iterator[tuple[str, str]]:
    """The file of each module, or the folder of a namespace package."""
    for name, module in list(sys.modules.items()):
        with suppress(Exception):  # what stands in sys.modules may be any object
            file = getattr(module, "__file__", None)
            paths = list(getattr(module, "__path__", ()) or ())
            if file or paths:
                yield name, str(file or paths[0])
