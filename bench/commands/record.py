"""Record a run's exact figures under the commit that it was made at."""

from __future__ import annotations

from typing import Annotated

import typer

from gradmeter.bench import session
from gradmeter.bench.commands.options import AnyStore, Push, RunArgument
from gradmeter.bench.commands.reading import pushed, read_run, run_path
from gradmeter.bench.commands.shared import say
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import recording, store
from gradmeter.bench.numbers import title_text


def record(
    path: RunArgument = session.LATEST,
    folder: AnyStore = store.DEFAULT,
    push: Push = False,
    dirty: Annotated[
        bool,
        typer.Option(
            "--dirty",
            help="Record a run of uncommitted changes, too, marked as such.",
        ),
    ] = False,
) -> None:
    """Record a run's exact figures under its commit.

    Examples:
      gradmeter run --exact && gradmeter record
      gradmeter record --store branch:gradmeter-history --push

    The store is a folder of text files to commit, or a branch of its own, which is committed to
    without a checkout; git merges what two branches record. A run that is recorded already
    changes nothing. gradmeter steps tells what changed between commits.
    """
    place = pushed(folder, push)
    file = run_path(path)
    try:
        made = recording.of_run(read_run(file), dirty=dirty)
    except recording.NotRecordedError as error:
        raise UsageError(f"{file} cannot be recorded: {error}") from None
    written = store.add(place, [made])
    what = f"{_count(len(made.cases), 'case')} at commit {made.head.commit[:12]}"
    if made.head.dirty:
        what += ", with changes that were not committed"
    pushes = ", pushed" * push
    if not written:
        say(f"recorded already: {what}, in {place}{pushes}")
    for each in written:
        say(f"recorded: {what}, in {each}{pushes}")
    for (workload, size, variant), why in made.missing.items():
        say(f"without exact figures: {title_text(workload, size, variant)}: {why}")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
