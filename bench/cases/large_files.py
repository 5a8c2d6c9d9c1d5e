"""Find the files of a checkout that Git LFS keeps elsewhere: what lies there is a pointer."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_BEGINS = b"version https://git-lfs.github.com/spec/"
_MOST = 1024  # bytes of a pointer, as its specification has it


def pointers(top: Path) -> list[str]:
    """The files below a folder that are pointers, by their path relative to it."""
    found = []
    for place, below, names in os.walk(top):
        below[:] = [name for name in below if name != ".git"]
        for path in (Path(place, name) for name in names):
            with suppress(OSError):
                if path.lstat().st_size <= _MOST and path.read_bytes().startswith(_BEGINS):
                    found.append(path.relative_to(top).as_posix())
    return sorted(found)
