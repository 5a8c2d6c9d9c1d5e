"""The arguments of a command that runs a program: some are ours, some are the program's."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gradmeter.bench import workloads
from gradmeter.bench.commands import help_layout
from gradmeter.bench.commands.completion import complete_workloads
from gradmeter.bench.commands.reading import read_size
from gradmeter.bench.errors import UsageError
from gradmeter.bench.main_program import ScriptError
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.text import plain

Target = Annotated[
    str,
    typer.Argument(
        metavar="WORKLOAD|SCRIPT",
        autocompletion=complete_workloads,
        help="squares-3, FILE.py:NAME; a script; or with -m, a module.",
    ),
]
Arguments = Annotated[
    list[str] | None, typer.Argument(metavar="ARGUMENTS", help="The script's own arguments.")
]
Size = Annotated[
    int | None,
    typer.Option(
        parser=read_size,
        metavar="N",
        help="Of a workload: elements in each array.",
        show_default="1e6",
    ),
]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="Of a workload: generates its inputs.", min=0)
]
Module = Annotated[bool, typer.Option("-m", help="Run a module, as python -m does.")]


class Command(help_layout.Command):
    """A command of which the words after the name of a program are the program's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse no option after the name of a program; the first ``--`` ends our options.

        Raises:
            UsageError: an option of ours follows a program without ``--`` before it.
        """
        at = self._target(args)
        options, module, rest = args[:at], False, args[at:]
        if rest and rest[0].startswith("-m"):  # -m NAME or, as Python takes it too, -mNAME
            module = True
            rest = [*filter(None, [rest[0][2:]]), *rest[1:]]
            if not rest:
                raise UsageError("-m takes the name of a module, as python -m does")
        if module or (rest and is_script(rest[0])):
            target, own = rest[0], rest[1:]
            if "--" in options:
                options.remove("--")
            else:
                head, tail = own, []
                if "--" in own:
                    head, tail = own[: own.index("--")], own[own.index("--") + 1 :]
                self._refuse_options(target, head)
                own = [*head, *tail]
            args = [*options, *["-m"] * module, "--", target, *own]
        return super().parse_args(ctx, args)

    def _target(self, args: list[str]) -> int:
        """The index of ``-m``, or of the first word that is no option and no option's value."""
        with_value = {name for p in self.params if not getattr(p, "is_flag", 0) for name in p.opts}
        at = 0
        while at < len(args) and args[at].startswith("-"):
            if args[at] == "--":
                return at + 1
            if args[at].startswith("-m"):
                return at
            at += 2 if args[at] in with_value else 1
        return at

    def _refuse_options(self, program: str, words: list[str]) -> None:
        ours = {name for p in self.params for name in p.opts if name.startswith("--")}
        for word in words:
            if word.partition("=")[0] in ours:
                raise UsageError(
                    f"{word} follows the program {program}; write it before that if it is for "
                    f"gradmeter, or after -- if it is the program's own: {program} -- {word}"
                )


def tell_failure(error: ScriptError | None, done: str) -> None:
    """Write what a program that failed has to say, as Python would; nothing for no failure.

    Args:
        done: what was done until then: "measured".
    """
    if error is not None:
        sys.stderr.write(error.stderr)
        sys.stderr.write(f"gradmeter: {plain(str(error))}; this is what was {done} until then\n")


def refuse_unknown(target: str) -> None:
    """Refuse a word that names no workload, and is no script.

    Raises:
        UsageError: it is so.
    """
    if not workloads.is_named(target):
        meant = suggestion(target, workloads.spelled(target))
        other = "; gradmeter list workloads names them, and a script ends with .py"
        raise UsageError(f"there is no workload {target!r}{meant or other}")


def refuse_missing(script: str) -> None:
    """Refuse a script that is not there where one beside it has a similar name.

    Raises:
        UsageError: it is so.
    """
    if not os.path.exists(script):
        beside = map(str, Path(script).parent.glob("*.py"))
        if meant := suggestion(script, beside):
            raise UsageError(f"there is no script {script}{meant}")


def is_script(target: str) -> bool:
    """Whether a word names a script: by its ending, or as a path."""
    if ".py:" in target and not os.path.exists(target):
        return False  # FILE.py:NAME
    return target.endswith(".py") or "/" in target
