"""Measure with progress, print a run or what failed in it, and exit as it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from gradmeter.bench import session
from gradmeter.bench.cases import sharded
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.errors import LostError
from gradmeter.bench.report import terminal
from gradmeter.bench.report.ordinary import Chosen
from gradmeter.bench.results.run import Comparison, Options, Run
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.text import plain

INTERRUPTED = 130
UNMEASURED = 3


def measure(
    groups: Sequence[Group],
    comparisons: Sequence[Comparison],
    options: Options,
    out: Path,
    *,
    share: Share | None = None,
    quiet: bool = False,
    **more: Any,
) -> Run:
    """Measure, with the progress on standard error; exit with 130 when interrupted.

    Args:
        share: of the groups that is measured; None for all.
        quiet: tell no progress.
    """
    if share is not None:
        more["shard"], groups, comparisons = sharded.shard_of(share, groups, comparisons)
    hint = "; continue from the finished cases with --resume" if "resume" in more else ""
    try:
        with telling(hint, quiet=quiet) as tell:
            return session.measure(groups, comparisons, options, out, tell, **more)
    except LostError as error:
        raise LostError(f"{error}; what was measured is saved{hint}") from None


@contextmanager
def telling(hint: str = "", *, quiet: bool = False) -> Iterator[Teller]:
    """Tell the progress on standard error; exit with 130 when interrupted, and say the hint."""
    try:
        with Teller(Console(stderr=True, emoji=False, quiet=quiet)) as tell:
            yield tell
    except KeyboardInterrupt:
        print(f"gradmeter: interrupted{hint}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


def exit_for(run: Run) -> None:
    """Exit with 3 if a case could not be measured or a self-test failed."""
    if any(case.failed for case in run.cases) or not all(t.passed for t in run.self_tests):
        raise typer.Exit(UNMEASURED)


def say(line: str) -> None:
    """Print a line on standard output, whatever text it holds."""
    print(plain(line), flush=True)


def say_lines(text: str) -> None:
    """Print a document that is safe to show already, such as Markdown or JSON."""
    print(text, flush=True)


def show_run(
    run: Run, everything: bool = False, chosen: Chosen | None = None, following: str = ""
) -> None:
    """Print a run's summary, or every table.

    Args:
        following: the next command, where the caller knows it.
    """
    console = Console(emoji=False)
    terminal.show(run, console, chosen=chosen, everything=everything, following=following)


def tell_failed(run: Run) -> None:
    """Write on standard error which cases could not be measured, and why."""
    for case in run.cases:
        if case.failed and case.failure:
            why = f"{case.failure.stage}, {case.failure.kind}: {case.failure.message}"
            print(plain(f"gradmeter: not measured: {case.title}: {why}"), file=sys.stderr)
    for test in run.self_tests:
        if not test.passed:
            print(plain(f"gradmeter: self-test failed: {test.name}"), file=sys.stderr)


def tell_written(out: Path) -> None:
    """Print the paths of the files that a run has written."""
    paths = [out / name for name in (session.RUN_FILE, session.REPORT_FILE, session.PAGE_FILE)]
    say(f"written: {', '.join(str(path) for path in paths if os.path.isfile(path))}")
