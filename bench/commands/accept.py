"""Accept a step of a history, or what a run takes more than its ancestor, with the reason."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import git
from gradmeter.bench.commands.options import AnyStore, Push, Renamed
from gradmeter.bench.commands.reading import pushed, read_run, run_path
from gradmeter.bench.commands.shared import say
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import ancestor as ancestors
from gradmeter.bench.history import pending, renaming, store
from gradmeter.bench.history.overview import acceptance, overview


def accept(
    step: Annotated[
        str,
        typer.Argument(
            metavar="STEP|RUN",
            help="The step's commit; or a run with more than its recorded ancestor.",
        ),
    ],
    because: Annotated[
        str, typer.Option(metavar="REASON", help="Why the figures may be what they are.")
    ],
    folder: AnyStore = store.DEFAULT,
    push: Push = False,
    base: Annotated[
        str | None, typer.Option(metavar="REV", help="With a run: as gradmeter check --base.")
    ] = None,
    renamed: Renamed = None,
) -> None:
    """Accept more bytes than before: a step of the history, or a run's.

    Examples:
      gradmeter accept 4b3c12a --because "the cache is worth 8 MB"
      gradmeter accept reports/latest --because "the cache is worth 8 MB"

    gradmeter steps shows the step as accepted from then on, up to the figures that it has now.
    What a run takes more is accepted before its commit is merged: gradmeter check against the
    history no longer fails for it, and the step that it becomes is accepted, whatever the commit
    is called then.
    """
    place = pushed(folder, push)
    top = git.top(Path.cwd(), needed_by="gradmeter accept")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if os.path.exists(step):
        path = run_path(Path(step))
        run = read_run(path)
        history = renaming.renamed(store.load(place), renamed or ())
        ancestor = ancestors.find(run, history, top, base)
        made = [pending.acceptance(run, ancestor, because, by=git.user(top), when=now)]
        names = [str(path)]
    elif base is not None:
        raise UsageError(f"--base is for a run, and there is no file or folder {step}")
    else:
        found = overview(top, place, "HEAD", renamed or ()).open_at(step)
        made = [acceptance(each, because, by=git.user(top), when=now) for each in found]
        names = [f"the step at {each.after[:12]}" for each in found]
    for name, each in zip(names, made, strict=True):
        path = store.accept(place, each)
        count = len(each.changes)
        say(f"accepted: {name}, {count:,} figure{'s' * (count != 1)}, in {path}")
