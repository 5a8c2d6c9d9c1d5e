"""Publish a history as a static site: charts of every case, the steps, and a feed of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import git
from gradmeter.bench.commands.shared import AnyStore, Renamed, run_path, say
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import store
from gradmeter.bench.history.overview import overview
from gradmeter.bench.report import site
from gradmeter.bench.report.steps import summary
from gradmeter.bench.results import run_file


def publish(
    out: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The site's folder: an empty or a new one, or a site."),
    ],
    commits: Annotated[
        str, typer.Argument(metavar="[A..B]", help="The commits after A up to B. Default: all.")
    ] = "HEAD",
    folder: AnyStore = store.DEFAULT,
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A run.json, or its folder, whose page is published too."),
    ] = None,
    url: Annotated[
        str,
        typer.Option(
            help="The address that the site will have, for the links of its feed, such as "
            "https://example.org/history/."
        ),
    ] = "",
    renamed: Renamed = None,
) -> None:
    """Publish a history as a static site, which needs no server and no network.

    index.html has the steps, a chart of each case over the commits, and the
    newest figures; feed.xml is an Atom feed of the steps. Each file is
    replaced as a whole.

    Takes packages of their own: pip install jinja2 altair vl-convert-python.

    Example:
      gradmeter publish public --url https://example.org/history/
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
    newest = run_file.load(run_path(run)) if run is not None else None
    for path in site.write(history, top.name, out, run=newest, url=address):
        say(f"written: {path}")
    say(summary(history))
