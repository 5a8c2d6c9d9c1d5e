"""Run the tutorial's notebooks anew, and write what they show, in English and in Korean.

    python -m tests.docs.tutorial            all of them; make shown does it, too
    python -m tests.docs.tutorial 17-memory  these alone

The code and its outputs are those of docs/tutorial. A notebook of docs/ko has the same cells, with
Markdown of its own, found by the cell's id; a new cell is in English until it is translated.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbclient
import nbformat

from .pages import DOCS

Notebook = Any  # nbformat's, which has no types

ENGLISH, KOREAN = DOCS / "tutorial", DOCS / "ko"
NAMES = sorted(path.stem for path in ENGLISH.glob("*.ipynb"))
SAMPLED = "sampled"  # the tag of a cell whose figures are other ones in every run
COMMAND = "%%sh\n"
# Each measurement collects garbage six times. What was imported need not be searched each time.
_FREEZE = (
    "--IPKernelApp.exec_lines=import gc, gradmeter.bench.interactive.magics, "
    "gradmeter.bench.report.images; gc.collect(); gc.freeze()"
)
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def read(path: Path) -> Notebook:
    """Read a notebook."""
    return nbformat.read(path, as_version=4)


def execute(notebook: Notebook, folder: Path, **options: Any) -> Notebook:
    """Run a notebook in a kernel of its own, in a folder, as a reader runs it."""
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        coalesce_streams=True,
        record_timing=False,
        extra_arguments=[_FREEZE],
        resources={"metadata": {"path": str(folder)}},
        **options,
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return client.execute(env={**os.environ, "PATH": path, "COLUMNS": "80"})


def executed(notebook: Notebook, folder: Path) -> Notebook:
    """The notebook with the outputs of a new run; what was sampled stays as it was sampled."""
    fresh = execute(deepcopy(notebook), folder)
    fresh.metadata = notebook.metadata  # without the version of Python
    for cell, before in zip(fresh.cells, notebook.cells, strict=True):
        if cell.cell_type != "code":
            continue
        if SAMPLED in cell.metadata.get("tags", ()) and before.outputs:
            cell.outputs = before.outputs
        elif cell.source.startswith(COMMAND):
            cell.outputs = [_plain(output) for output in cell.outputs if output.name == "stdout"]
    return fresh


def _plain(output: Any) -> Any:
    """What a command prints, without colours, and without its progress on the other stream."""
    lines = _CONTROL.sub("", output.text).splitlines()
    return nbformat.v4.new_output(
        "stream", name="stdout", text="".join(f"{line.rstrip()}\n" for line in lines)
    )


def translated(english: Notebook, korean: Notebook) -> Notebook:
    """The English notebook with the Markdown of the Korean one, as far as there is any."""
    words = {cell.id: cell.source for cell in korean.cells if cell.cell_type == "markdown"}
    result = deepcopy(english)
    for cell in result.cells:
        if cell.cell_type == "markdown":
            cell.source = words.get(cell.id, cell.source)
    return result


def write(names: Iterable[str]) -> None:
    """Run these notebooks anew, and write them in both languages."""
    for name in names:
        english, korean = ENGLISH / f"{name}.ipynb", KOREAN / f"{name}.ipynb"
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(read(english), Path(folder))
        nbformat.write(notebook, english)
        nbformat.write(translated(notebook, read(korean) if korean.exists() else notebook), korean)


if __name__ == "__main__":
    write(sys.argv[1:] or NAMES)
