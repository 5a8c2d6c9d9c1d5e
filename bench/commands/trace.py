"""Trace a workload, two of them, or a script."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psutil
import typer
from rich.console import Console
from typer.core import TyperCommand

from gradmeter.bench import output, workloads
from gradmeter.bench.cases import plan, variants
from gradmeter.bench.commands.shared import INTERRUPTED
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.report import trace as report
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.readings import Timeline
from gradmeter.bench.results.run import Case
from gradmeter.bench.runs.launcher import Process, spec_of
from gradmeter.bench.runs.sets import readings

FAILED = 3
SIZE = 1_000_000
LIMIT = 600.0  # seconds


class Command(TyperCommand):
    """The command of `trace`: the arguments after a script's name are passed to the script."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse no option after the name of a script or of a module."""
        for place, word in enumerate(args):
            if _is_script(word):
                break
            if word.startswith("-m"):  # -m NAME or, as Python takes it too, -mNAME
                name = [word[2:]] if word != "-m" else []
                if not name + args[place + 1 :]:
                    raise UsageError("-m takes the name of a module, as python -m does")
                args = [*args[:place], "-m", "--", *name, *args[place + 1 :]]
                break
        ctx.allow_interspersed_args = "-m" not in args and not any(map(_is_script, args))
        return super().parse_args(ctx, args)


def _is_script(target: str) -> bool:
    return target.endswith(".py") or "/" in target


def trace(
    target: Annotated[
        str,
        typer.Argument(
            metavar="WORKLOAD|SCRIPT",
            help="squares-3; or a script, ending in .py; or with -m, a module.",
        ),
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGUMENTS", help="The script's own.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Elements in each array.", show_default="1000000")
    ] = None,
    variant: Annotated[
        str | None, typer.Option(help="An engine and its settings.", show_default="engine")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="A variant or a workload to compare with.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="What the inputs are generated from.", min=0)
    ] = None,
    operations: Annotated[
        bool, typer.Option("--operations", help="Print every operation, too.")
    ] = False,
    module: Annotated[
        bool,
        typer.Option("-m", help="Run a module, as python -m does, with the arguments after it."),
    ] = False,
) -> None:
    """Trace every operation and array, to the byte: the peak, and what would lower it.

    Exit code 3: the script failed, or the workload could not be traced.

    Examples:
      gradmeter trace squares-3 --against engine:output_references=strong
      gradmeter trace --operations train.py --epochs 1
      gradmeter trace -m package.train --epochs 1
    """
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
    if module or _is_script(target):
        kind = "module" if module else "script"
        workload_only = {"size": size, "variant": variant, "against": against, "seed": seed}
        for name, value in workload_only.items():
            if value is not None:
                raise UsageError(f"--{name} is for workloads, and {target} is a {kind}")
        return _program(target, arguments, operations, module, console)
    if arguments:
        raise UsageError(
            f"{' '.join(arguments)}: only a script takes arguments, and {target!r} is none "
            "(its name ends with .py)"
        )
    size = SIZE if size is None else size
    return _workloads(target, size, variant or "engine", against, seed or 0, operations, console)


def _program(
    name: str, arguments: list[str], operations: bool, module: bool, console: Console
) -> int:
    from gradmeter.bench.meters.allocations import UnavailableError
    from gradmeter.bench.timelines import tracing

    try:
        with output.untouched():
            if module:
                timeline, error = tracing.module(name, arguments)
            else:
                timeline, error = tracing.script(Path(name), arguments)
    except OSError as problem:
        raise UsageError(f"the script {name} cannot be read: {problem.strerror}") from None
    except UnavailableError as problem:
        raise UsageError(f"{name} cannot be traced: {problem}") from None
    if error is not None:
        sys.stderr.write(error.stderr)
        sys.stderr.write(f"gradmeter: {plain(str(error))}; this is what was traced until then\n")
    _show(name, timeline, operations, console)
    if error is None:
        return 0
    return INTERRUPTED if error.interrupted else FAILED


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
    timelines = []
    for group, case in cases:
        try:
            timelines.append(_record_timeline(group, seed))
        except WorkerError as error:
            Console(stderr=True, emoji=False).print(
                f"gradmeter: {case.title} could not be traced: {error}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
            return FAILED
        except KeyboardInterrupt:
            return INTERRUPTED
    titles = [case.title for _, case in cases]
    if against is None:
        _show(titles[0], timelines[0], operations, console)
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
    if not traced_variant.engine.observed:
        raise UsageError(
            f"{traced_variant.engine.name} does not report its operations, so it cannot be traced; "
            "gradmeter's own engine can, which is called engine"
        )
    if traced_variant.all_settings.get("execution", "eager") != "eager":
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
        try:
            variants.parse(against)
        except UsageError as error:
            raise UsageError(
                f"--against {against!r} is neither a workload (gradmeter list names them) "
                f"nor a variant: {error}"
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


def _show(name: str, timeline: Timeline, operations: bool, console: Console) -> None:
    if not timeline.operations:
        console.print("no operation of the engine was called")
    if operations:
        report.show_operations(timeline, console)
    report.show(name, timeline, console)
