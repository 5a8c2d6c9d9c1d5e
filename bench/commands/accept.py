"""Accept a step of a history, with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench import git
from gradmeter.bench.commands.shared import Renamed, Store, say
from gradmeter.bench.history import store
from gradmeter.bench.history.overview import acceptance, overview


def accept(
    step: Annotated[str, typer.Argument(metavar="STEP", help="The commit of the step.")],
    because: Annotated[str, typer.Option(help="Why the figures may be what they are.")],
    folder: Store = store.DEFAULT,
    renamed: Renamed = None,
) -> None:
    """Accept a step: gradmeter steps shows it as accepted from then on, with the reason.

    Accepted are the figures that it has now. If it turns out to come from other
    commits between the same two, it stays accepted up to these figures.

    Example:
      gradmeter accept 4b3c12a --because "the cache is worth 8 MB"
    """
    top = git.top(Path.cwd(), needed_by="gradmeter accept")
    history = overview(top, folder, "HEAD", renamed or ())
    found = history.open_at(step)
    for each in found:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        made = acceptance(each, because, by=git.user(top), when=when)
        path = store.accept(folder, made)
        count = len(made.changes)
        say(
            f"accepted: the step at {each.after[:12]}, {count:,} figure{'s' * (count != 1)}, "
            f"in {path}"
        )
