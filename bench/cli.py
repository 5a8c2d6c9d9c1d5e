"""Door two: the gradmeter command."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import engines, environment, results, session, workloads
from bench.baseline import write_baseline
from bench.errors import UsageError
from bench.plan import plan
from bench.progress import Teller
from bench.report import terminal
from bench.results import Options, Run

app = typer.Typer(
    help="What an automatic-differentiation engine costs, in bytes and in seconds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gradmeter {environment.version()}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    workload: Annotated[
        list[str] | None,
        typer.Option(help="What is computed, such as squares-30; repeat for more."),
    ] = None,
    size: Annotated[
        list[int] | None, typer.Option(help="Elements in each array; repeat for more.")
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help="An engine and its settings, such as engine:output_references=strong; "
            "repeat for more. The first is the baseline."
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The variant that the others are compared with.")
    ] = None,
    collector: Annotated[
        str, typer.Option(help="Python's cyclic garbage collector while timing: on or off.")
    ] = "on",
    budget: Annotated[float, typer.Option(help="Seconds of timing for each case.", min=0.0)] = 1.0,
    sets: Annotated[
        int, typer.Option(help="Sets of fresh processes that each case is timed in.", min=1)
    ] = 5,
    min_rounds: Annotated[
        int, typer.Option(help="Rounds that each case is timed at least, over all sets.", min=1)
    ] = 5,
    limit: Annotated[
        float, typer.Option(help="Seconds after which a worker that does not answer is ended.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(help="What the inputs are generated from.", min=0)] = 0,
    out: Annotated[
        Path, typer.Option(help="The folder for run.json and report.md.", file_okay=False)
    ] = session.LATEST,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the unfinished run in --out.")
    ] = False,
) -> None:
    """Measure variants of an engine over workloads and sizes: time and exact memory.

    Without options: weak against strong output references over three squares of a million
    elements. Exit code 3: some cases could not be measured.

    Example:
      gradmeter run --workload squares-30 --size 10000 --size 1000000
        --variant engine --variant engine:retain_grad=on
    """
    if collector not in ("on", "off"):
        raise UsageError(f"--collector is on or off, not {collector!r}")
    groups, comparisons = plan(
        workload or ["squares-3"],
        size or [1_000_000],
        variant or ["engine", "engine:output_references=strong"],
        baseline,
    )
    try:
        options = Options(
            collector=collector,
            seed=seed,
            sets=sets,
            budget=budget,
            min_rounds=min_rounds,
            limit=limit,
        )
    except ValueError as error:
        raise UsageError(f"--budget {budget} or --limit {limit}: {error}") from None
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    try:
        with Teller(Console(stderr=True, emoji=False)) as tell:
            found = session.measure(groups, comparisons, options, out, tell, resume=resume)
    except KeyboardInterrupt:
        typer.echo("gradmeter: interrupted; go on with --resume from what was finished", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _show(found)
    typer.echo(f"written: {out / session.RUN_FILE}, {out / session.REPORT_FILE}")
    if any(case.failure for case in found.cases) or not all(t.passed for t in found.self_tests):
        raise typer.Exit(3)


@app.command("list")
def list_() -> None:
    """List the workloads, and the engines with their settings, which make variants."""
    console = Console(emoji=False)
    table = Table(title="workloads", title_justify="left", box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("what it computes")
    for name in workloads.names():
        example = workloads.get(name.replace("-N", "-3"))
        meaning = example.meaning.replace("3 ", "N ", 1) if name.endswith("-N") else example.meaning
        table.add_row(name, meaning)
    console.print(table)
    for name in engines.names():
        engine = engines.get(name)
        console.print()
        table = Table(
            title=f"engine {name}: {engine.meaning}", title_justify="left", box=None, pad_edge=False
        )
        table.add_column("setting", no_wrap=True)
        table.add_column("values (default first)")
        table.add_column("meaning")
        for setting in engine.settings:
            values = sorted(setting.values, key=lambda v, s=setting: v != s.default)  # type: ignore[misc]
            words = [("off", "on")[v] if isinstance(v, bool) else str(v) for v in values]
            table.add_row(setting.name, ", ".join(words), setting.meaning)
        console.print(table)
    console.print(
        "\nA variant is written engine:setting=value,setting=value; N is a depth (squares-30).",
        highlight=False,
    )


@app.command()
def show(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="A run.json, or its folder.")],
) -> None:
    """Print a run that was made earlier."""
    _show(results.load(_run_file(path)))


@app.command()
def baseline(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="A run.json, or its folder.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("reports/baseline.json"),
) -> None:
    """Write the exact memory figures of a run, which hold on any machine, to a file to commit."""
    found = results.load(_run_file(path))
    count = write_baseline(found, out)
    typer.echo(f"written: {out}, the exact bytes of {count} cases")


def _run_file(path: Path) -> Path:
    return path / session.RUN_FILE if path.is_dir() else path


def _show(run: Run) -> None:
    terminal.show(run, Console(emoji=False))


def main() -> None:
    """Run the command; turn what was wrong with the call into a sentence and exit code 2."""
    try:
        app()
    except UsageError as error:
        Console(stderr=True, emoji=False).print(
            f"gradmeter: {escape(str(error))}", highlight=False, soft_wrap=True
        )
        sys.exit(2)
