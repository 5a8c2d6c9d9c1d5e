"""Tell the instructions of each kind of operation, and gate them against a revision."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gradmeter.bench.cases.operations import KINDS
from gradmeter.bench.cases.revisions import checked_out, with_working_tree
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.commands.completion import complete_variants
from gradmeter.bench.commands.options import Allocator, Engines
from gradmeter.bench.commands.reading import add_engines
from gradmeter.bench.commands.shared import INTERRUPTED, UNMEASURED, say, say_lines
from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters import instructions
from gradmeter.bench.report import costs as report
from gradmeter.bench.results import files
from gradmeter.bench.runs.allocators import DEFAULT
from gradmeter.bench.runs.operation_costs import count_operations
from gradmeter.bench.verdicts import gates
from gradmeter.bench.verdicts.operation_costs import costs as costs_of

GATE = "instructions>1%"


def costs(
    variant: Annotated[
        str,
        typer.Argument(
            metavar="VARIANT",
            autocompletion=complete_variants,
            help="An engine and its settings.",
        ),
    ] = "engine",
    engine: Engines = None,
    rev: Annotated[
        str | None,
        typer.Option(
            metavar="REVISION", help="Compare the package engine with this revision, and gate it."
        ),
    ] = None,
    fail_on: Annotated[str, typer.Option(metavar="GATE", help="With --rev: what fails.")] = GATE,
    allocator: Allocator = DEFAULT,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the table to this file.", dir_okay=False),
    ] = None,
) -> None:
    """Count the instructions of each kind of operation.

    Examples:
      gradmeter costs dezero
      gradmeter costs --rev main

    Needs valgrind; about 20 seconds. With --rev, exit code 1 where an operation, forward or
    backward, executes more than at that revision: by more than 1%, and by more than identical
    code was measured to differ.
    """
    add_engines(engine)
    parsed, gate = parse(variant), gates.parse(fail_on)
    if gate.what != gates.COUNTED or gate.terms:
        raise UsageError(f"--fail-on {fail_on!r}: costs are gated as instructions>1%")
    if rev is not None and parsed.engine.name != "engine":
        raise UsageError(f"--rev compares revisions of the package engine, not of {parsed}")
    instructions.require()
    if parsed.engine.uncounted:
        say(f"{parsed} cannot be counted: {parsed.engine.uncounted}")
        raise typer.Exit(UNMEASURED)
    try:
        with ExitStack() as stack:
            paths: list[Path | None] = [None]
            if rev is not None:
                revisions = stack.enter_context(checked_out(with_working_tree([rev]), Path.cwd()))
                paths = [revision.path for revision in revisions]
                say("; ".join(f"{r.label}: {r.meaning}" for r in revisions))
            *earlier, now, elsewhere = count_operations(parsed, allocator, paths)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    found = costs_of(now.plain, elsewhere.plain, earlier[0].plain if earlier else None)
    lacks = [name for name in KINDS if name not in now.plain]
    if lacks:
        say(f"{parsed} has no operation for: {'; '.join(lacks)}")
    if rev is None:
        text = report.table(str(replace(parsed, label="")), found, now.ground)
        if out is None:
            say_lines(text)
        else:
            files.write(out, text.encode())
            say(f"written: {out}")
        return
    for line in report.differences(found):
        say(line)
    failed = [cost for cost in found if cost.exceeds(gate)]
    if failed:
        say(f"gate failed: {gate.text}: {len(failed)} of {len(found)} costs are larger")
        raise typer.Exit(1)
    say(f"passed: {gate.text}; {len(found)} costs compared")
