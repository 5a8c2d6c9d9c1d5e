"""What several commands have in common: their options, a run with its progress, its exit code."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench import engines, session
from bench.errors import UsageError
from bench.plan import Group
from bench.progress import Teller
from bench.report import terminal
from bench.results import Comparison, Options, Run

INTERRUPTED = 130

Workloads = Annotated[
    list[str] | None,
    typer.Option("--workload", help="What is computed, such as squares-30; repeat for more."),
]
Sizes = Annotated[
    list[int] | None,
    typer.Option("--size", help="Elements in each array; repeat for more."),
]
Collector = Annotated[
    str, typer.Option(help="Python's cyclic garbage collector while timing: on or off.")
]
Budget = Annotated[
    float, typer.Option(help="Seconds of timing for each case in its first sets.", min=0.0)
]
Sets = Annotated[
    int, typer.Option(help="Sets of fresh processes that each case is timed in; 0: none.", min=0)
]
MinRounds = Annotated[
    int, typer.Option(help="Rounds that each case is timed at least, over all sets.", min=1)
]
Limit = Annotated[
    float, typer.Option(help="Seconds after which a worker that does not answer is ended.")
]
Seed = Annotated[int, typer.Option(help="What the inputs are generated from.", min=0)]
Out = Annotated[Path, typer.Option(help="The folder for run.json and report.md.", file_okay=False)]
Engines = Annotated[
    list[Path] | None,
    typer.Option(
        "--engine",
        metavar="FILE",
        help="An adapter of an engine of yours, as the README shows one; repeat for more.",
    ),
]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        metavar="GATE",
        help="Exit with 1 if this is so: peak>0, held>1%, cycle>64KiB, peak\\[squares-30]>1%; "
        "or unless this holds: peak<=24MB. See also gradmeter gates. Repeat for more.",
    ),
]
AsMarkdown = Annotated[
    bool, typer.Option("--markdown", help="Print Markdown, for a job summary or a comment.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run.json, or its folder.")]


def fraction(text: str) -> float:
    """Read 2% or 0.02.

    Raises:
        UsageError: it is neither.
    """
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        raise UsageError(f"--effect {text!r} is no fraction; write 2% or 0.02") from None
    return number / 100 if text.endswith("%") else number


def add_engines(files: list[Path] | None) -> None:
    """Have the engines of these adapters' files among the others.

    Raises:
        UsageError: one of them cannot be loaded.
    """
    for file in files or []:
        engines.add_file(file)


def read_options(**values: Any) -> Options:
    """The options of a run.

    Raises:
        UsageError: a value makes no sense.
    """
    if values["collector"] not in ("on", "off"):
        raise UsageError(f"--collector is on or off, not {values['collector']!r}")
    try:
        return Options(**values)
    except ValueError as error:
        raise UsageError(f"--budget, --limit, --seconds or --effect: {error}") from None


def catch_termination() -> None:
    """Have SIGTERM end the command as Ctrl-C does: in order."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def measure(
    groups: Sequence[Group],
    comparisons: Sequence[Comparison],
    options: Options,
    out: Path,
    **more: Any,
) -> Run:
    """Measure, telling of the progress on standard error; exits with 130 when interrupted."""
    catch_termination()
    try:
        with Teller(Console(stderr=True, emoji=False)) as tell:
            return session.measure(groups, comparisons, options, out, tell, **more)
    except KeyboardInterrupt:
        hint = "; go on with --resume from what was finished" if "resume" in more else ""
        typer.echo(f"gradmeter: interrupted{hint}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def exit_for(found: Run) -> None:
    """Exit with 3 where something could not be measured."""
    if any(case.failed for case in found.cases) or not all(t.passed for t in found.self_tests):
        raise typer.Exit(3)


def run_file(path: Path) -> Path:
    """The run file that is meant by its name or its folder's."""
    return path / session.RUN_FILE if path.is_dir() else path


def show_run(run: Run) -> None:
    """Print a run's tables."""
    terminal.show(run, Console(emoji=False))


def tell_written(out: Path) -> None:
    """Say which files a run has left."""
    written = [out / name for name in (session.RUN_FILE, session.REPORT_FILE, session.PAGE_FILE)]
    typer.echo(f"written: {', '.join(str(path) for path in written if path.exists())}")
