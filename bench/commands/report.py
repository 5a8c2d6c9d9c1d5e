"""Write a run as a page, and its charts as images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import session
from gradmeter.bench.commands.options import RunArgument
from gradmeter.bench.commands.reading import read_run, run_path
from gradmeter.bench.commands.shared import say
from gradmeter.bench.report.files import refuse_other, write_images, write_page


def report(
    path: RunArgument = session.LATEST,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The page. Default: report.html beside RUN."
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A folder for the charts as SVG and PNG, with a report.md."
        ),
    ] = None,
) -> None:
    """Write a run as one HTML page that needs no network.

    Example:
      gradmeter report reports/latest --images charts

    Takes packages of their own: pip install jinja2 altair vl-convert-python.
    """
    run = read_run(path)
    out = out or run_path(path).parent / session.PAGE_FILE
    refuse_other(out)
    write_page(run, out)
    say(f"written: {out}")
    if images is not None:
        write_images(run, images)
        say(f"written: {images}, the charts and a report.md")
