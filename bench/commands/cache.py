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
    """List what is kept between runs: environments and compiled programs; or remove it.

    Example:
      gradmeter cache --clear

    Environments are kept by commit, command and interpreter, so that a revision is built
    once; the kernels of engine.compile, so that a program is compiled once. No measurement
    uses a kernel that was kept.
    """
    from gradmeter.engine.compiler import kept_kernels  # with it comes the whole compiler

    found = kept_environments.listed()
    for each in found:
        meaning = " ".join(" ".join(part.split())[:40] for part in each.key if part)
        say(f"{bytes_text(each.bytes):>9}  {meaning}")
    total = bytes_text(sum(each.bytes for each in found))
    kernels = kept_kernels.listed()
    size = bytes_text(sum(kernel.bytes for kernel in kernels))
    if clear:
        used = kept_environments.clear()
        say(f"removed: {len(found) - len(used)} environments of {len(found)}, {total}")
        for folder in used:
            say(f"in use by another run: {folder}")
        say(f"removed: {kept_kernels.clear()} compiled kernels of {len(kernels)}, {size}")
    else:
        say(f"{len(found)} environments, {total}, in {kept_environments.cache()}")
        say(f"{len(kernels)} compiled kernels, {size}, in {kept_kernels.folder()}")
