"""Publish a history as a static site: charts of every case, the steps, and a feed of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import git
from gradmeter.bench.commands.options import AnyStore, Renamed
from gradmeter.bench.commands.reading import read_run
from gradmeter.bench.commands.shared import say
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import store
from gradmeter.bench.history.overview import overview
from gradmeter.bench.report import site
from gradmeter.bench.report.steps import summary


def publish(
    out: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The site's folder: a new or an empty one, or a site."),
    ],
    commits: Annotated[
        str, typer.Argument(metavar="A..B", help="The commits after A up to B.", show_default="all")
    ] = "HEAD",
    folder: AnyStore = store.DEFAULT,
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A run whose page is published, too."),
    ] = None,
    url: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="The site's address, for the links of its feed."),
    ] = "",
    renamed: Renamed = None,
) -> None:
    """Publish a history as a static site that needs no server.

    Example:
      gradmeter publish public --url https://example.org/history/

    index.html has the steps, a chart of each case over the commits, and the
    newest figures; feed.xml is an Atom feed of the steps. Each file is
    replaced as a whole.

    Takes packages of their own: pip install jinja2 altair vl-convert-python.
    """
    address = site.address(url) if url else ""
    site.refuse_other(out)
    top = git.top(Path.cwd(), needed_by="gradmeter publish")
    history = overview(top, folder, commits, renamed or ())
    if not history.recordings:
        raise UsageError(
            f"the store {folder} is empty, so there is nothing to publish; gradmeter record adds a "
            "run's figures to it"
        )
    if not history.recorded:
        raise UsageError(
            f"no commit of {commits} has figures in {folder}, so there is nothing to publish"
        )
    newest = read_run(run) if run is not None else None
    for path in site.write(history, top.name, out, run=newest, url=address):
        say(f"written: {path}")
    say(summary(history))
