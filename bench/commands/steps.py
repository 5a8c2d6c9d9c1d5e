"""Tell what changed between the recorded commits of a history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import git
from gradmeter.bench.commands.options import AllParents, AnyStore, AsJson, AsMarkdown, Renamed
from gradmeter.bench.commands.shared import say, say_lines
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import store
from gradmeter.bench.history.overview import overview
from gradmeter.bench.report import steps as report


def steps(
    commits: Annotated[
        str, typer.Argument(metavar="A..B", help="The commits after A up to B.", show_default="all")
    ] = "HEAD",
    folder: AnyStore = store.DEFAULT,
    renamed: Renamed = None,
    all_parents: AllParents = False,
    json: AsJson = False,
    markdown: AsMarkdown = False,
) -> None:
    """Tell what changed between recorded commits: by how much, and in which line.

    Example:
      gradmeter steps v1.0..HEAD

    Compared are neighbouring recorded commits along first parents. Cases that changed between
    the same two commits are one step. A step is open, accepted (gradmeter accept), undone since,
    or less: fewer bytes than before.
    """
    if json and markdown:
        raise UsageError("--json and --markdown: choose one of them")
    top = git.top(Path.cwd(), needed_by="gradmeter steps")
    history = overview(top, folder, commits, renamed or (), all_parents=all_parents)
    if json:
        say_lines(report.as_json(history))
    elif markdown:
        say_lines(report.as_markdown(history))
    else:
        for line in report.lines(history):
            say(line)
