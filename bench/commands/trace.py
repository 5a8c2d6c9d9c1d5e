"""Trace a workload, two of them, or a script."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import psutil
import typer
from rich.console import Console

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases import plan, variants
from gradmeter.bench.commands.completion import complete_variants
from gradmeter.bench.commands.options import Engines
from gradmeter.bench.commands.program_arguments import (
    Arguments,
    Module,
    Seed,
    Size,
    Target,
    is_script,
    refuse_missing,
    refuse_unknown,
)
from gradmeter.bench.commands.reading import add_engines
from gradmeter.bench.commands.shared import INTERRUPTED, UNMEASURED
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.report import line_trace
from gradmeter.bench.report import trace as report
from gradmeter.bench.results.readings import Timeline
from gradmeter.bench.results.run import Case
from gradmeter.bench.runs import case_lines
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.sets import readings
from gradmeter.bench.runs.spec import spec_of
from gradmeter.bench.suggestions import suggestion

SIZE = 1_000_000
LIMIT = 600.0  # seconds


def trace(
    target: Target,
    arguments: Arguments = None,
    size: Size = None,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="VARIANT",
            autocompletion=complete_variants,
            help="An engine and its settings.",
            show_default="engine",
        ),
    ] = None,
    engine: Engines = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A variant or a workload to compare with."),
    ] = None,
    seed: Seed = None,
    operations: Annotated[
        bool, typer.Option("--operations", help="Print every operation, too.")
    ] = False,
    module: Module = False,
) -> None:
    """Trace every operation and array of a program: the peak, and what would lower it.

    Examples:
      gradmeter trace squares-3 --against engine:output_references=strong
      gradmeter trace --operations train.py --epochs 1
      gradmeter trace --against engine:retain_grad=on train.py -- --seed 3
      gradmeter trace -m package.train --epochs 1

    Options come before a script; what follows its name, or --, is the script's. --variant sets
    the engine's settings when the script starts; with --against, it runs twice, each time in a
    fresh process. An engine that does not report its operations, and a script that uses one, are
    traced line by line: what is alive when, by the line that made it. Exit code 3: the script
    failed, or the workload could not be traced.
    """
    own = add_engines(engine)
    variant = variant or next(iter(own), None)
    code = _trace(target, arguments or [], size, variant, against, seed, operations, module)
    raise typer.Exit(code)


def _trace(
    target: str,
    arguments: list[str],
    size: int | None,
    variant: str | None,
    against: str | None,
    seed: int | None,
    operations: bool,
    module: bool = False,
) -> int:
    """Trace a workload, two of them, or a program; return the exit code.

    Raises:
        UsageError: the call was wrong.
    """
    console = Console(emoji=False)
    if module or is_script(target):
        kind = "module" if module else "script"
        if not module:
            refuse_missing(target)
        for name, value in {"size": size, "seed": seed}.items():
            if value is not None:
                raise UsageError(f"--{name} is for workloads, and {target} is a {kind}")
        from gradmeter.bench.commands.traced_programs import trace_programs

        return trace_programs(target, module, arguments, variant, against, operations, console)
    refuse_unknown(target)
    if arguments:
        raise UsageError(
            f"{' '.join(arguments)}: only a script takes arguments, and {target!r} is none "
            "(its name ends with .py)"
        )
    size = SIZE if size is None else size
    return _workloads(target, size, variant or "engine", against, seed or 0, operations, console)


def _workloads(
    target: str,
    size: int,
    variant: str,
    against: str | None,
    seed: int,
    operations: bool,
    console: Console,
) -> int:
    cases = [_case(target, size, variant)]
    if against is not None:
        cases.append(_case_against(against, target, size, variant))
    plan.check_fits([group for group, _ in cases], psutil.virtual_memory().available)
    by_lines = not all(group.variants[0].engine.observed for group, _ in cases)
    timelines: list[Any] = []
    for group, case in cases:
        try:
            if by_lines:
                timelines.append(case_lines.timeline(group, seed, LIMIT))
            else:
                timelines.append(_record_timeline(group, seed))
        except WorkerError as error:
            Console(stderr=True, emoji=False).print(
                f"gradmeter: {case.title} could not be traced: {error}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
            return UNMEASURED
        except KeyboardInterrupt:
            return INTERRUPTED
    titles = [case.title for _, case in cases]
    if by_lines:
        line_trace.show_all(titles, timelines, operations, console)
    elif against is None:
        if operations:
            report.show_operations(timelines[0], console)
        report.show(titles[0], timelines[0], console)
    else:
        for title, timeline in zip(titles, timelines, strict=True) if operations else ():
            console.print(title, markup=False, highlight=False)
            report.show_operations(timeline, console)
        report.show_difference((titles[0], titles[1]), (timelines[0], timelines[1]), console)
    return 0


Traced = tuple[plan.Group, Case]


def _case(workload: str, size: int, variant: str) -> Traced:
    groups, _ = plan.plan([workload], [size], [variant])
    group = groups[0]
    traced_variant = group.variants[0]
    case_lines.refuse(group)
    observed = traced_variant.engine.observed
    if observed and traced_variant.all_settings.get("execution", "eager") != "eager":
        raise UsageError(
            f"{traced_variant} runs as one program, whose operations cannot be told apart; "
            "engine.compile(...).plan(...) says what it holds when"
        )
    return group, plan.new_case(group, group.variants[0], "off")


def _case_against(against: str, workload: str, size: int, variant: str) -> Traced:
    """Make the case to compare with: another workload or another variant than the first."""
    try:
        workloads.get(against)
    except UsageError:
        if workloads.is_in_file(against):
            raise
        try:
            variants.parse(against)
        except UsageError as error:
            names = [*workloads.spelled(against), *engines.names()]
            raise UsageError(
                f"--against {against!r} is neither a workload (gradmeter list names them) "
                f"nor a variant{suggestion(against, names) or f': {error}'}"
            ) from None
        return _case(workload, size, against)
    return _case(against, size, variant)


def _record_timeline(group: plan.Group, seed: int) -> Timeline:
    variant = group.variants[0]
    spec = spec_of(group.workload, group.size, variant, collector="off", seed=seed)
    worker = Process(spec, LIMIT)
    try:
        worker.ready()
        with readings():
            return msgspec.convert(worker.ask("timeline")["timeline"], Timeline)
    finally:
        worker.close()
