"""Write a run as a page, and its charts as images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import session
from gradmeter.bench.commands.shared import RunArgument, run_path, say
from gradmeter.bench.report.files import refuse_other, write_images, write_page
from gradmeter.bench.results import run_file


def report(
    path: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page. Default: report.html beside RUN.")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="A folder for the charts as SVG and PNG, and a report.md with them."),
    ] = None,
) -> None:
    """Write a run as one HTML page that needs no network.

    Takes packages of their own: pip install jinja2 altair vl-convert-python.
    """
    run = run_file.load(run_path(path))
    out = out or run_path(path).parent / session.PAGE_FILE
    refuse_other(out)
    write_page(run, out)
    say(f"written: {out}")
    if images is not None:
        write_images(run, images)
        say(f"written: {images}, the charts and a report.md")
