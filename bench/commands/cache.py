"""List what is kept between runs, or remove it."""

from __future__ import annotations

from typing import Annotated

import typer

from gradmeter.bench.cases import kept_environments
from gradmeter.bench.commands.shared import say
from gradmeter.bench.numbers import bytes_text


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of it.")] = False,
) -> None:
    """List the environments that revisions were built in, or remove them.

    They are kept by commit, command and interpreter, so that a revision
    is built once.
    """
    found = kept_environments.listed()
    for each in found:
        meaning = " ".join(" ".join(part.split())[:40] for part in each.key if part)
        say(f"{bytes_text(each.bytes):>9}  {meaning}")
    total = bytes_text(sum(each.bytes for each in found))
    if clear:
        used = kept_environments.clear()
        say(f"removed: {len(found) - len(used)} environments of {len(found)}, {total}")
        for folder in used:
            say(f"in use by another run: {folder}")
    else:
        say(f"{len(found)} environments, {total}, in {kept_environments.cache()}")
