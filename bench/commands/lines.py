"""Measure the bytes of every line of a program."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from gradmeter.bench.commands.program_arguments import is_script
from gradmeter.bench.commands.shared import INTERRUPTED, UNMEASURED, say_lines
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.report import lines as report
from gradmeter.bench.runs import line_runs
from gradmeter.bench.text import plain


def lines(
    target: Annotated[
        str,
        typer.Argument(metavar="SCRIPT", help="A script, ending in .py; or with -m, a module."),
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGUMENTS", help="The script's own.")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Watch these, too: modules, such as numpy*, or files, such as src/*.py. Repeat "
            "for more.",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Print every line that ran, not only those that matter.")
    ] = False,
    once: Annotated[
        bool,
        typer.Option("--once", help="Run the program once, which leaves its peak unexplained."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the reading as JSON: exact bytes.")
    ] = False,
    module: Annotated[
        bool,
        typer.Option("-m", help="Run a module, as python -m does, with the arguments after it."),
    ] = False,
) -> None:
    """Measure every line of a program, to the byte: its peak, and what is alive there.

    Watched are the lines of the program's own project: what lies beside it,
    or under the nearest pyproject.toml or .git, but no installed package.
    The program runs in a process of its own; then once more, without input
    and output, up to its peak, to see which arrays are alive there. The
    exit code is the program's own.

    Examples:
      gradmeter lines train.py --epochs 1
      gradmeter lines --include 'numpy*' train.py
      gradmeter lines -m package.train
    """
    if not (module or is_script(target)):
        raise UsageError(f"{target!r} is no script: its name ends with .py; a module follows -m")
    raise typer.Exit(_lines(target, arguments or [], include or [], module, every, once, as_json))


def _lines(
    target: str,
    arguments: list[str],
    include: list[str],
    module: bool,
    every: bool,
    once: bool,
    as_json: bool,
) -> int:
    """Measure a program and print its lines; return its exit code."""
    sys.stdout.flush()
    try:
        reading, error = line_runs.measure(
            target, arguments, module=module, patterns=include, explain=not once
        )
    except WorkerError as problem:
        sys.stderr.write(f"gradmeter: {plain(target)} could not be measured: {problem}\n")
        return UNMEASURED
    except KeyboardInterrupt:
        return INTERRUPTED
    if error is not None:
        sys.stderr.write(error.stderr)
        message = f"gradmeter: {plain(str(error))}; this is what was measured until then\n"
        sys.stderr.write(message)
    if as_json:
        say_lines(msgspec.json.encode(reading).decode())
    else:
        name = f"-m {target}" if module else report.shown_path(os.path.abspath(target))
        report.show(name, reading, Console(emoji=False), every=every, option="--all")
    return error.code if error is not None else 0
