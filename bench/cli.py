"""The gradmeter command: its subcommands, and how it exits."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from gradmeter.bench.commands import check, compare, listing, report, run, selftest, trace
from gradmeter.bench.commands.shared import INTERRUPTED
from gradmeter.bench.commands.termination import ending_in_order
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import environment

app = typer.Typer(
    help="What an automatic-differentiation engine costs, in bytes and in seconds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"gradmeter {environment.version()}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command()(run.run)
app.command()(compare.compare)
app.command()(check.check)
app.command("gates")(check.explain)
app.command()(run.show)
app.command()(report.report)
app.command(cls=trace.Command)(trace.trace)
app.command()(run.baseline)
app.command("list")(listing.list_)
app.command()(selftest.selftest)


def main() -> None:
    """Run the command; turn a UsageError into a sentence on standard error and exit code 2.

    SIGTERM and SIGHUP end it as Ctrl-C does, with exit code 130.
    """
    try:
        with ending_in_order():
            app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except UsageError as error:
        Console(stderr=True, emoji=False).print(
            f"gradmeter: {escape(str(error))}", highlight=False, soft_wrap=True
        )
        sys.exit(2)
