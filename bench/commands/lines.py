"""Measure the bytes of every line of a program."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import psutil
import typer
from rich.console import Console

from gradmeter.bench.cases import plan
from gradmeter.bench.commands.completion import complete_variants
from gradmeter.bench.commands.options import AsJson, Engines
from gradmeter.bench.commands.program_arguments import (
    Arguments,
    Module,
    Seed,
    Size,
    Target,
    is_script,
    refuse_missing,
    refuse_unknown,
    tell_failure,
)
from gradmeter.bench.commands.reading import add_engines
from gradmeter.bench.commands.shared import INTERRUPTED, UNMEASURED, say_lines
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.numbers import title_text
from gradmeter.bench.report import lines as report
from gradmeter.bench.results import layers
from gradmeter.bench.results.lines import HeapPeak, Lines
from gradmeter.bench.runs import case_lines, line_runs
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.text import plain

SIZE = 1_000_000
LIMIT = 600.0  # seconds


def lines(
    target: Target,
    arguments: Arguments = None,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="VARIANT",
            autocompletion=complete_variants,
            help="Of a workload: an engine and its settings.",
            show_default="engine",
        ),
    ] = None,
    engine: Engines = None,
    size: Size = None,
    seed: Seed = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Watch these modules (numpy*) or files (src/*.py), too.",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print every line that ran.")] = False,
    once: Annotated[
        bool,
        typer.Option("--once", help="Run the program once; its peak is not explained."),
    ] = False,
    count: Annotated[
        str,
        typer.Option(
            metavar="LAYER",
            help="Counted are arrays (array data); or of a script, at its peak, python (Python's "
            "objects) or heap (all). Several, as arrays,heap: a run each.",
        ),
    ] = "arrays",
    as_json: AsJson = False,
    module: Module = False,
) -> None:
    """Measure every line of a program: its peak, and what is alive there.

    Examples:
      gradmeter lines train.py --epochs 1
      gradmeter lines --include 'numpy*' train.py
      gradmeter lines -m package.train
      gradmeter lines squares-3 --variant dezero

    Of a script, the lines of its own project are watched: what lies beside it, or under the
    nearest pyproject.toml or .git, but no installed package. It runs in a process of its own;
    then once more, without input and output, to see which arrays are alive at its peak. The exit
    code is the script's own. Of a workload, the lines of the engine, of its adapter and of the
    workload are watched.
    """
    chosen_layers = list(dict.fromkeys(count.split(",")))
    for layer in chosen_layers:
        if layer not in layers.LAYERS:
            names = ", ".join(layers.LAYERS)
            raise UsageError(
                f"--count takes {names}, or several with commas between, not {layer!r}"
                f"{suggestion(layer, layers.LAYERS)}"
            )
    if module or is_script(target):
        kind = "module" if module else "script"
        if not module:
            refuse_missing(target)
        given = {"variant": variant, "engine": engine, "size": size, "seed": seed}
        for name, value in given.items():
            if value is not None:
                raise UsageError(f"--{name} is for workloads, and {target} is a {kind}")
        program = _Program(target, arguments or [], module, include or [])
        codes = []
        for number, layer in enumerate(chosen_layers):
            codes.append(_program_lines(program, layer, every, once, as_json, quiet=number > 0))
            if codes[-1] == INTERRUPTED:
                break
        raise typer.Exit(codes[-1] if codes[-1] == INTERRUPTED else codes[0])
    refuse_unknown(target)
    if arguments:
        raise UsageError(
            f"{' '.join(arguments)}: only a script takes arguments, and {target!r} is none "
            "(its name ends with .py)"
        )
    if chosen_layers != [layers.ARRAYS]:
        raise UsageError(
            f"--count {count} is for scripts, and {target} is a workload; gradmeter run measures "
            "the whole heap of a workload where an engine of the comparison has its own allocator"
        )
    if once:
        raise UsageError(f"--once is for scripts, and {target} is a workload")
    own = add_engines(engine)
    chosen = variant or (own or ["engine"])[0]
    raise typer.Exit(
        _workload_lines(
            target, SIZE if size is None else size, chosen, seed or 0, include or [], every, as_json
        )
    )


def _workload_lines(
    workload: str,
    size: int,
    variant: str,
    seed: int,
    include: list[str],
    every: bool,
    as_json: bool,
) -> int:
    """Measure the lines of a workload under a variant and print them; return the exit code."""
    groups, _ = plan.plan([workload], [size], [variant])
    plan.check_fits(groups, psutil.virtual_memory().available)
    title = title_text(*groups[0].key(groups[0].variants[0]))
    try:
        reading = case_lines.lines(groups[0], seed, include, LIMIT)
    except WorkerError as problem:
        sys.stderr.write(f"gradmeter: {plain(title)} could not be measured: {problem}\n")
        return UNMEASURED
    except KeyboardInterrupt:
        return INTERRUPTED
    _show(title, reading, layers.ARRAYS, every, as_json)
    return 0


def _show(name: str, reading: Lines | HeapPeak, layer: str, every: bool, as_json: bool) -> None:
    if as_json:
        say_lines(msgspec.json.encode(reading).decode())
    elif isinstance(reading, HeapPeak):
        report.show_layer(name, layer, reading, Console(emoji=False))
    else:
        report.show(name, reading, Console(emoji=False), every=every, option="--all")


@dataclass(frozen=True)
class _Program:
    """A script, or a module, with its arguments, and what else is watched."""

    target: str
    arguments: list[str]
    module: bool
    include: list[str]

    @property
    def name(self) -> str:
        """As a report names it."""
        target = self.target
        return f"-m {target}" if self.module else report.shown_path(os.path.abspath(target))


def _program_lines(
    program: _Program, layer: str, every: bool, once: bool, as_json: bool, *, quiet: bool
) -> int:
    """Measure a layer of a program and print its lines; return the exit code.

    Args:
        quiet: give the program no input, and say nothing of what it writes.
    """
    sys.stdout.flush()
    given: dict[str, Any] = {
        "module": program.module, "patterns": program.include, "quiet": quiet,
    }  # fmt: skip
    reading: Lines | HeapPeak
    try:
        if layer == layers.ARRAYS:
            reading, error = line_runs.measure(
                program.target, program.arguments, explain=not once, **given
            )
        else:
            reading, error = line_runs.layer(program.target, program.arguments, layer, **given)
    except WorkerError as problem:
        sys.stderr.write(f"gradmeter: {plain(program.target)} could not be measured: {problem}\n")
        return UNMEASURED
    except KeyboardInterrupt:
        return INTERRUPTED
    tell_failure(None if quiet else error, "measured")
    _show(program.name, reading, layer, every, as_json)
    return error.code if error is not None else 0
