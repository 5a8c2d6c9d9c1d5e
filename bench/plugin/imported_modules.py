"""The modules of a project that a process has imported: from where, and with which content."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import cache
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
    below = os.path.join(repository, "")
    for name, file in _files():
        top = name.partition(".")[0]
        theirs = _normal(file).startswith(below) and not _INSTALLED & set(Path(file).parts)
        if top in packages or (theirs and top != "gradmeter"):
            found[name] = file
    return found


def digests(folders: Sequence[str]) -> dict[str, str]:
    """A digest of each imported module's file below the folders, by its path there."""
    found = {}
    below = [os.path.join(folder, "") for folder in folders]
    for _, file in _files():
        real = _real(file)
        for folder in below:
            if real.startswith(folder):
                with suppress(OSError):  # a folder, of a namespace package
                    digest = hashlib.sha256(Path(real).read_bytes()).hexdigest()
                    found[Path(real).relative_to(folder).as_posix()] = digest
    return found


# A process has imported thousands of modules, and each of its forks asks where all of them lie: so
# paths are texts, and what is known of one is not looked up again.
_normal = cache(os.path.normpath)
_real_folder = cache(os.path.realpath)


@cache
def _real(file: str) -> str:
    """A path with its links followed."""
    folder, name = os.path.split(file)
    path = os.path.join(_real_folder(folder), name)
    return os.path.realpath(path) if os.path.islink(path) else path


def _files() -> Iterator[tuple[str, str]]:
    """The file of each module, or the folder of a namespace package."""
    for name, module in list(sys.modules.items()):
        with suppress(Exception):  # what stands in sys.modules may be any object
            file = getattr(module, "__file__", None)
            paths = list(getattr(module, "__path__", ()) or ())
            if file or paths:
                yield name, str(file or paths[0])
