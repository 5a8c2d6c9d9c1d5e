"""Trace a script or a module under one variant or two, and print it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from gradmeter.bench import output
from gradmeter.bench.cases import variants
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.cases.watched import modules_of, modules_of_all
from gradmeter.bench.commands.program_arguments import tell_failure
from gradmeter.bench.commands.shared import INTERRUPTED, UNMEASURED
from gradmeter.bench.engines import Engine
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.main_program import ScriptError
from gradmeter.bench.report import line_trace
from gradmeter.bench.report import trace as report
from gradmeter.bench.results.readings import Timeline
from gradmeter.bench.runs import line_runs, scripts
from gradmeter.bench.text import plain
from gradmeter.bench.timelines import tracing


def trace_programs(
    target: str,
    module: bool,
    arguments: list[str],
    variant: str | None,
    against: str | None,
    operations: bool,
    console: Console,
) -> int:
    """Trace a program, or a program under two variants; return the exit code.

    Args:
        target: a script, or with ``module`` the name of a module.

    Raises:
        UsageError: it cannot be read or traced, or a variant is none of a script's.
    """
    foreign = _foreign_engine(variant)
    if foreign is not None:
        if against is not None:
            raise UsageError(
                f"--against {against}: a script uses the engine that it imports, and of "
                f"{foreign.name} no settings are known that it could start with"
            )
        modules = modules_of(foreign)
        return _show_lines(target, module, arguments, modules, operations, console, quiet=False)
    settings = _script_settings("--variant", variant or "engine")
    name = f"-m {target}" if module else target
    if against is None:
        title = f"{name} {variant}" if variant else name
        with output.untouched():
            traced = tracing.program(
                target, arguments, settings, module=module, safe_path=sys.flags.safe_path
            )
        if traced[0].operations or traced[1] is not None:
            return _show_script(title, traced, operations, console)
        console.print(
            "no operation of the engine was called: the program runs once more, without input and "
            "output, and is traced by lines",
            highlight=False,
        )  # fmt: skip
        return _show_lines(
            target, module, arguments, modules_of_all(), operations, console, quiet=True
        )
    both = (settings, _script_settings("--against", against))
    titles = [f"{name} {text}" for text in (variant or "engine", against)]
    timelines, code = [], 0
    for title, chosen in zip(titles, both, strict=True):
        try:
            timeline, error = scripts.trace_alone(target, arguments, chosen, module=module)
        except WorkerError as problem:
            sys.stderr.write(f"gradmeter: {plain(title)} could not be traced: {problem}\n")
            return UNMEASURED
        except KeyboardInterrupt:
            return INTERRUPTED
        timelines.append(timeline)
        code = max(code, _tell_failure(error))
        if code == INTERRUPTED:
            return code
    for title, timeline in zip(titles, timelines, strict=True) if operations else ():
        console.print(title, markup=False, highlight=False)
        report.show_operations(timeline, console)
    if not any(timeline.operations for timeline in timelines):
        _show_no_operations(name, console)
        code = code or UNMEASURED
    report.show_difference((titles[0], titles[1]), (timelines[0], timelines[1]), console)
    return code


# Why a setting that is no setting of the engine itself is none of a script's.
_NOT_OF_SCRIPTS = {
    "execution": "a script runs as it is written, and compiles with engine.compile(...), "
    "whose plan(...) says what it holds when",
    "checkpoint": "a script runs as it is written, and calls engine.checkpoint(...) itself",
    "threads": "a timeline counts bytes, which threads do not change; OMP_NUM_THREADS in the "
    "environment sets them for a script",
    "python": "start gradmeter under that interpreter: PYTHON -m gradmeter trace SCRIPT",
}


def _script_settings(option: str, text: str) -> dict[str, Any]:
    """Read the engine's settings that a script starts with, from a variant.

    Raises:
        UsageError: it is no variant of gradmeter's own engine, or has settings that are not
            the engine's.
    """
    variant = _parsed(option, text)
    if variant.engine.name != "engine":
        raise UsageError(
            f"{option} {text}: a script uses the engine that it imports; a variant sets the "
            "settings of gradmeter's own, which is called engine"
        )
    for name, _ in variant.settings:
        if name in _NOT_OF_SCRIPTS:
            raise UsageError(f"{option} {text}: {name} is for workloads; {_NOT_OF_SCRIPTS[name]}")
    return dict(variant.settings)


Script = tuple[Timeline, ScriptError | None]


def _foreign_engine(variant: str | None) -> Engine | None:
    """The engine of a variant without settings, if it is another one than gradmeter's own."""
    if variant is None:
        return None
    engine = _parsed("--variant", variant).engine
    if engine.name == "engine":
        return None
    if variant != engine.name:
        raise UsageError(
            f"--variant {variant}: a script uses the engine that it imports, as it sets it; "
            f"--variant {engine.name} watches its lines"
        )
    if engine.memory == "own":
        raise UsageError(
            f"--variant {variant}: {engine.name} allocates the memory of its arrays itself, so no "
            "line's bytes are known"
        )
    return engine


def _show_lines(
    target: str,
    module: bool,
    arguments: list[str],
    patterns: Sequence[str],
    moments: bool,
    console: Console,
    *,
    quiet: bool,
) -> int:
    """Trace a program by lines in a process of its own, and print it; return the exit code."""
    name = f"-m {target}" if module else target
    try:
        timeline, error = line_runs.timeline(
            target, arguments, module=module, patterns=patterns, quiet=quiet
        )
    except WorkerError as problem:
        sys.stderr.write(f"gradmeter: {plain(name)} could not be traced: {problem}\n")
        return UNMEASURED
    except KeyboardInterrupt:
        return INTERRUPTED
    code = _tell_failure(error)
    line_trace.show_all([name], [timeline], moments, console)
    return code


def _parsed(option: str, text: str) -> Variant:
    try:
        return variants.parse(text)
    except UsageError as error:
        raise UsageError(f"{option} {text!r}: a script takes a variant; {error}") from None


def _show_script(title: str, traced: Script, operations: bool, console: Console) -> int:
    timeline, error = traced
    code = _tell_failure(error)
    if not timeline.operations:
        _show_no_operations(title, console)
        code = code or UNMEASURED
    if operations:
        report.show_operations(timeline, console)
    report.show(title, timeline, console)
    return code


def _tell_failure(error: ScriptError | None) -> int:
    tell_failure(error, "traced")
    if error is None:
        return 0
    return INTERRUPTED if error.interrupted else UNMEASURED


def _show_no_operations(title: str, console: Console) -> None:
    console.print(
        f"no operation of the engine was called: {plain(title)} does not use gradmeter's engine, "
        "and the bytes are those of the NumPy arrays that it allocated; without --against it is "
        "traced by lines",
        markup=False, highlight=False,
    )  # fmt: skip
