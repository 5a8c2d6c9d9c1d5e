"""Whose code is watched around a caller in a program or a notebook, and what cells are called."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.meters.watched_files import WatchedFiles, project_of
from gradmeter.bench.results.lines import Lines, Place, with_places

change = msgspec.structs.replace


def watched_by(variables: Mapping[str, Any], include: str | Sequence[str] = ()) -> WatchedFiles:
    """Watch the files of the project that a caller belongs to, and the cells of a notebook.

    Args:
        variables: the caller's globals; without a file, it belongs to the current folder's
            project.
        include: patterns of files or modules besides.

    Raises:
        UsageError: a pattern names nothing.
    """
    file = variables.get("__file__")
    known = isinstance(file, str) and os.path.exists(file)
    folder = os.path.dirname(os.path.realpath(file)) if known and file else os.getcwd()
    patterns = [include] if isinstance(include, str) else list(include)
    return WatchedFiles([project_of(Path(folder))], patterns)


def without_callers(reading: Lines) -> Lines:
    """Leave out the lines that were running when a block began, and only waited for it."""
    return change(reading, lines=[line for line in reading.lines if line.hits or line.own])


def with_cells_named(reading: Lines) -> Lines:
    """Call a notebook's cells by their numbers, "In[3]", in place of IPython's names of files."""
    return with_places(reading, _named)


def _named(place: Place) -> Place:
    return change(place, file=cell_name(place.file) or place.file)


def cell_name(file: str) -> str:
    """The name of the cell that a file stands for, as IPython's tracebacks show it; else empty."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # IPython 8.13 and later.
    name = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(file)
    return str(name[1]) if name else ""
