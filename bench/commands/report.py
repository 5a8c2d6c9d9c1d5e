"""Write a run as a page, and its charts as images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import results, session
from bench.commands.shared import RunArgument, run_file
from bench.pages import refuse_other, write_images, write_page


def report(
    path: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page to write; beside RUN if not told.")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="A folder for the charts as SVG and PNG, and a report.md with them."),
    ] = None,
) -> None:
    r"""Write a run as one HTML page that needs no network.

    Takes the extra: pip install 'gradmeter\[report]'.
    """
    found = results.load(run_file(path))
    out = out or run_file(path).parent / session.PAGE_FILE
    refuse_other(out)
    write_page(found, out)
    typer.echo(f"written: {out}")
    if images is not None:
        write_images(found, images)
        typer.echo(f"written: {images}, the charts and a report.md")
