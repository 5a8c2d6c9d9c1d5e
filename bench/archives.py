"""Unpack archives, also where Python has no filters for them yet (before 3.11.4)."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Literal


def extract(archive: tarfile.TarFile, folder: Path, kind: Literal["tar", "data"]) -> None:
    """Extract all of an archive, with the filter of this kind where there are filters.

    Raises:
        tarfile.TarError, OSError: it cannot be extracted.
    """
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter=kind)
    else:
        archive.extractall(folder)
