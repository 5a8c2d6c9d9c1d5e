"""The gradmeter command: its subcommands, and how it exits."""

from __future__ import annotations

import sys
from collections.abc import Callable
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
    help_layout,
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
from gradmeter.bench.commands.bundles import bundled
from gradmeter.bench.commands.completion import bash_words
from gradmeter.bench.commands.help_layout import Group
from gradmeter.bench.commands.shared import INTERRUPTED, UNMEASURED, say
from gradmeter.bench.commands.termination import ending_in_order
from gradmeter.bench.errors import LostError, UsageError
from gradmeter.bench.results import environment
from gradmeter.bench.text import plain

UNWRITTEN = 4

# Typer has the class from Click or in itself, and gives it no public name of its own.
_Refused: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

app = typer.Typer(
    cls=Group,
    rich_markup_mode=None,  # the layout of the help is that of help_layout.py
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine, 1 a gate failed, 2 the call or an input file was wrong, 3 some "
    "cases could not be measured, 4 the output could not be written, 130 interrupted.",
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
    """Measure what numerical Python costs, in bytes and in seconds.

    Examples:
      gradmeter run squares-30 engine engine:retain_grad=on
      gradmeter lines train.py
    """


MEASURE, LOOK, GATE = "Measure", "Look", "Gate"
HISTORY, MACHINES = "History", "Machines and this installation"
COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    MEASURE: {
        "run": bundled(run.run),
        "compare": bundled(compare.compare),
        "trace": trace.trace,
        "lines": lines.lines,
        "law": law.law,
        "costs": costs.costs,
    },
    LOOK: {"list": listing.list_, "show": run.show, "report": report.report},
    GATE: {"check": check.check, "gates": check.explain, "baseline": run.baseline},
    HISTORY: {
        "record": record.record,
        "steps": steps.steps,
        "accept": accept.accept,
        "fill": bundled(fill.fill),
        "bisect": bundled(bisect.bisect),
        "publish": publish.publish,
    },
    MACHINES: {"merge": merge.merge, "selftest": selftest.selftest, "cache": cache.cache},
}
_RUN_PROGRAMS = ("trace", "lines")
for _panel, _commands in COMMANDS.items():
    for _name, _function in _commands.items():
        _cls = program_arguments.Command if _name in _RUN_PROGRAMS else help_layout.Command
        app.command(_name, cls=_cls, rich_help_panel=_panel)(_function)


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
        with ending_in_order(), bash_words():
            code: int | None = app(prog_name="gradmeter", standalone_mode=False)
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
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
            print(error.format_message(), file=sys.stderr)
        else:
            _tell(help_layout.refusal(error))
        return int(error.exit_code)
    return code or 0


def _tell(message: str) -> None:
    first, *output = message.split("\n")  # what follows are lines of another program's output
    for line in (f"gradmeter: {first}", *output):
        print(plain(line), file=sys.stderr)
