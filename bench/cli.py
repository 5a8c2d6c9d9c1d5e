"""The gradmeter command: its subcommands, and how it exits."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from gradmeter.bench import output
from gradmeter.bench.commands import (
    accept,
    bisect,
    cache,
    check,
    compare,
    costs,
    fill,
    law,
    lines,
    listing,
    merge,
    program_arguments,
    publish,
    record,
    report,
    run,
    selftest,
    steps,
    trace,
)
from gradmeter.bench.commands.shared import INTERRUPTED, UNMEASURED, say
from gradmeter.bench.commands.termination import ending_in_order
from gradmeter.bench.errors import LostError, UsageError
from gradmeter.bench.results import environment
from gradmeter.bench.text import plain

UNWRITTEN = 4

# Typer has the class from Click or in itself, and gives it no public name of its own.
_Refused: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

app = typer.Typer(
    help="What an automatic-differentiation engine costs, in bytes and in seconds.",
    epilog="Exit codes: 0 fine, 1 a gate failed, 2 the call or an input file was wrong, 3 some "
    "cases could not be measured, 4 standard output could not be written (what was measured is "
    "saved), 130 interrupted. A reader who stops reading, such as head, changes none of them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(requested: bool) -> None:
    if requested:
        say(f"gradmeter {environment.version()}")
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
app.command()(merge.merge)
app.command("gates")(check.explain)
app.command()(run.show)
app.command()(report.report)
app.command(cls=program_arguments.Command)(trace.trace)
app.command(cls=program_arguments.Command)(lines.lines)
app.command()(law.law)
app.command()(run.baseline)
app.command()(record.record)
app.command()(fill.fill)
app.command()(bisect.bisect)
app.command()(steps.steps)
app.command()(accept.accept)
app.command()(publish.publish)
app.command("list")(listing.list_)
app.command()(selftest.selftest)
app.command()(costs.costs)
app.command()(cache.cache)


def main() -> None:
    """Run the command and exit; see the exit codes in the help.

    SIGTERM and SIGHUP end it as Ctrl-C does, with exit code 130.
    """
    with output.tolerant() as out:
        code = _call()
        out.flush()
        if out.failed:
            assert out.problem is not None
            _tell(
                f"standard output cannot be written ({out.problem.strerror}), so what it would "
                "show is lost; a run that was measured is saved, and gradmeter show prints it"
            )
            code = code or UNWRITTEN
    sys.exit(code)


def _call() -> int:
    """Run the command; return its exit code."""
    try:
        with ending_in_order():
            code: int | None = app(standalone_mode=False)
    except KeyboardInterrupt:
        return INTERRUPTED
    except UsageError as error:
        _tell(str(error))
        return 2
    except LostError as error:
        _tell(str(error))
        return UNMEASURED
    except typer.Abort:
        return INTERRUPTED
    except _Refused as error:
        context = getattr(error, "ctx", None)
        if type(error).__name__ != "NoArgsIsHelpError":  # it has printed the help
            command = context.command_path if context is not None else "gradmeter"
            message = error.format_message().rstrip(".")
            _tell(f"{message}; {command} --help lists what it takes")
        return int(error.exit_code)
    return code or 0


def _tell(message: str) -> None:
    first, *output = message.split("\n")  # what follows are lines of another program's output
    for line in (f"gradmeter: {first}", *output):
        print(plain(line), file=sys.stderr)
