"""What several commands share: options, a run that reports its progress, its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gradmeter.bench import engines, session
from gradmeter.bench.cases import sharded
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import store
from gradmeter.bench.history.branch import PREFIX, Branch
from gradmeter.bench.report import terminal
from gradmeter.bench.report.ordinary import Chosen
from gradmeter.bench.results.run import Comparison, Options, Run
from gradmeter.bench.runs.allocators import POLICIES
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.text import plain

INTERRUPTED = 130
UNMEASURED = 3


def read_size(text: str | int, option: str = "--size") -> int:
    """Read a number of elements, such as 1000000, 1_000_000 or 1e6.

    Raises:
        UsageError: it is no whole number.
    """
    try:
        number = Decimal(str(text))  # takes underscores, and no size is rounded
        if number != number.to_integral_value():
            raise InvalidOperation
        return int(number)
    except (ArithmeticError, ValueError, OverflowError):
        raise UsageError(f"{option} {text!r} is no whole number; write 1000000 or 1e6") from None


def folder_of_store(text: str | Path) -> Path:
    """Read the folder of a store.

    Raises:
        UsageError: it is a branch.
    """
    if str(text).startswith(PREFIX):
        name = str(text).removeprefix(PREFIX)
        raise UsageError(
            f"--store {text}: this command takes a folder; check the branch out into one: git "
            f"worktree add {name} {name}, then --store {name}"
        )
    return Path(text)


Workloads = Annotated[
    list[str] | None,
    typer.Option(
        "--workload",
        help="What is computed, such as squares-30; one of your own as FILE.py:NAME. Repeat for "
        "more.",
    ),
]
Sizes = Annotated[
    list[int] | None,
    typer.Option(
        "--size",
        parser=read_size,
        metavar="N",
        help="Elements in each array, such as 1e6; repeat for more.",
    ),
]
Collector = Annotated[
    str, typer.Option(help="Python's cyclic garbage collector while timing: on or off.")
]
Allocator = Annotated[
    str,
    typer.Option(
        help="The C library's allocator while timing: kept (freed memory stays in the process), "
        "returned (given back each time) or system (by what the process did before)."
    ),
]
Counted = Annotated[
    bool,
    typer.Option(
        "--instructions",
        help="Count instructions, too, under valgrind's callgrind: the same in every process.",
    ),
]
Functions = Annotated[
    bool,
    typer.Option(
        "--functions",
        help="With --instructions, those of each C function, and the calls of Python functions.",
    ),
]
ByLine = Annotated[
    bool,
    typer.Option(
        "--lines",
        help="Measure the bytes of every line, too, of engines whose arrays are NumPy's. Where an "
        "engine does not report its operations, that is done in any case.",
    ),
]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Measure exact bytes alone: no resident memory and, as with --sets 0, no time.",
    ),
]
Budget = Annotated[
    float, typer.Option(help="Seconds of timing for each case in its first sets.", min=0.0)
]
Sets = Annotated[
    int, typer.Option(help="Sets of fresh processes that each case is timed in; 0: none.", min=0)
]
MinRounds = Annotated[
    int, typer.Option(help="The fewest rounds in which each case is timed, over all sets.", min=1)
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
        help="A file with an adapter for an engine of your own (see the README); repeat for more.",
    ),
]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        metavar="GATE",
        help="Exit with 1 if this holds: peak>0, held>1%, cycle>64KiB, peak\\[squares-30]>1%; "
        "or unless a budget holds: peak<=24MB, peak<=(n+2)arrays. See also gradmeter gates. "
        "Repeat for more.",
    ),
]
AsMarkdown = Annotated[
    bool, typer.Option("--markdown", help="Print Markdown, for a job summary or a comment.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run.json, or its folder.")]
Everything = Annotated[
    bool,
    typer.Option("--all", "-v", help="Print every table and sentence, not only the summary."),
]
Store = Annotated[
    Path,
    typer.Option(
        "--store", parser=folder_of_store, metavar="FOLDER", help="The folder of the history."
    ),
]
AllParents = Annotated[
    bool,
    typer.Option(
        "--all-parents",
        help="Where a merge has a step, look for it among the commits that it brought, too.",
    ),
]
AnyStore = Annotated[
    Any,  # store.Place, of which Typer knows nothing
    typer.Option(
        "--store",
        parser=lambda text: store.place(str(text)),
        metavar="STORE",
        help="The history: a folder, or branch:NAME for a branch that holds nothing else.",
    ),
]
Push = Annotated[
    bool,
    typer.Option(
        "--push",
        help="Push the branch; what others pushed meanwhile is merged. Needs --store branch:NAME.",
    ),
]
Renamed = Annotated[
    list[str] | None,
    typer.Option(
        "--renamed",
        metavar="OLD=NEW",
        help="A workload or test that was recorded as OLD is now called NEW; repeat for more.",
    ),
]

Shard = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="Measure the K-th of N shares of the groups, as one of N jobs; gradmeter merge makes "
        "one run of theirs.",
    ),
]
ShardBy = Annotated[
    Path | None,
    typer.Option(
        "--shard-by",
        metavar="RUN",
        help="Spread the groups by the seconds that they took in this run, the same in all jobs; "
        "without it, by name.",
    ),
]


def read_share(text: str, costs: Path | None) -> Share | None:
    """Read the share of a plan that is asked for; None for all of it.

    Raises:
        UsageError: there is no such shard, or no such costs.
    """
    return sharded.read(text, costs if costs is None else run_path(costs))


def pushed(place: store.Place, push: bool) -> store.Place:
    """The place of a store, to be pushed where that is asked.

    Raises:
        UsageError: it is no branch.
    """
    if not push:
        return place
    if not isinstance(place, Branch):
        raise UsageError(
            f"--push pushes a branch, and {place} is a folder; give --store branch:NAME"
        )
    return replace(place, push=True)


def fraction(text: str) -> float:
    """Read a fraction, such as 2% or 0.02.

    Raises:
        UsageError: the text is no fraction.
    """
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        raise UsageError(f"--effect {text!r} is no fraction; write 2% or 0.02") from None
    return number / 100 if text.endswith("%") else number


def add_engines(files: list[Path] | None) -> list[str]:
    """Register the engines of adapter files; return their names.

    Raises:
        UsageError: a file cannot be loaded.
    """
    return list(dict.fromkeys(engines.add_file(file).name for file in files or []))


def read_options(**values: Any) -> Options:
    """Make the options of a run.

    Raises:
        UsageError: a value is invalid.
    """
    if values["collector"] not in ("on", "off"):
        raise UsageError(f"--collector is on or off, not {values['collector']!r}")
    if values["allocator"] not in POLICIES:
        raise UsageError(f"--allocator is {', '.join(POLICIES)}, not {values['allocator']!r}")
    if values.get("functions") and not values.get("instructions"):
        raise UsageError("--functions tells where instructions are; give --instructions too")
    try:
        return Options(**values)
    except ValueError as error:
        raise UsageError(f"--budget, --limit, --seconds or --effect: {error}") from None


def measure(
    groups: Sequence[Group],
    comparisons: Sequence[Comparison],
    options: Options,
    out: Path,
    *,
    share: Share | None = None,
    **more: Any,
) -> Run:
    """Measure, with the progress on standard error; exit with 130 when interrupted.

    Args:
        share: of the groups that is measured; None for all.
    """
    if share is not None:
        more["shard"], groups, comparisons = sharded.shard_of(share, groups, comparisons)
    hint = "; continue from the finished cases with --resume" if "resume" in more else ""
    with telling(hint) as tell:
        return session.measure(groups, comparisons, options, out, tell, **more)


@contextmanager
def telling(hint: str = "") -> Iterator[Teller]:
    """Tell the progress on standard error; exit with 130 when interrupted, and say the hint."""
    try:
        with Teller(Console(stderr=True, emoji=False)) as tell:
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


def run_path(path: Path) -> Path:
    """Return the path of a run file, given that or its folder."""
    return path / session.RUN_FILE if os.path.isdir(path) else path


def show_run(
    run: Run, everything: bool = False, chosen: Chosen | None = None, following: str = ""
) -> None:
    """Print a run's summary, or every table.

    Args:
        following: the next command, where the caller knows it.
    """
    console = Console(emoji=False)
    terminal.show(run, console, chosen=chosen, everything=everything, following=following)


def tell_written(out: Path) -> None:
    """Print the paths of the files that a run has written."""
    paths = [out / name for name in (session.RUN_FILE, session.REPORT_FILE, session.PAGE_FILE)]
    say(f"written: {', '.join(str(path) for path in paths if os.path.isfile(path))}")
