"""The help of the command: its commands and options in panels, on one screen where that can be."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from itertools import chain
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from gradmeter.bench import engines, workloads
from gradmeter.bench.errors import UsageError
from gradmeter.bench.suggestions import suggestion

SCREEN = 45  # lines; a longer help names its rare options alone
WIDEST = 25  # characters, of the first column
WHAT, VERDICTS, SUITE = "What to measure", "Gates and time", "A pytest suite"
COMMITS, OPTIONS, OUTPUT, RARE = "Which commits", "Options", "Output", "Rare"
PANELS = (COMMITS, WHAT, VERDICTS, SUITE, OPTIONS, OUTPUT, RARE)
_EXAMPLES = re.compile(r"\n\n(?=Examples?:\n)")  # their lines stay as they are


class Command(TyperCommand):
    """A command whose help has a panel for each kind of option."""

    whole = False  # whether the rare options are explained in any case
    _brief = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help; where that takes more than a screen, of rare options only the names."""
        self._brief = False
        super().format_help(ctx, formatter)
        if not self.whole and "".join(formatter.buffer).count("\n") > SCREEN:
            formatter.buffer.clear()
            self._brief = True
            super().format_help(ctx, formatter)
        _keep_words(formatter)

    def format_help_text(self, _: Any, formatter: Any) -> None:
        """Write the docstring: what the command does, its examples, and what else there is."""
        _write_text(formatter, self.help or "")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options, panel by panel, the rare ones last."""
        panels: dict[str, list[tuple[str, str]]] = {panel: [] for panel in PANELS}
        for param in self.get_params(ctx):
            row = param.get_help_record(ctx)
            if row is not None:
                panel = getattr(param, "rich_help_panel", None) or OPTIONS
                panels[panel].append(_shown(row, required=param.param_type_name == "option"))
        own = panels.pop(OPTIONS)  # --help is the last of them
        if len(own) == 1 and panels[OUTPUT]:
            panels[OUTPUT] += own
        else:  # it has no panels of its own
            panels = {OPTIONS: [*own[:-1], *chain(*panels.values()), own[-1]]}
        panels = {panel: rows for panel, rows in panels.items() if rows}
        rare = panels.pop(RARE, []) if self._brief else []
        _write(formatter, panels)
        if rare:
            names = ", ".join(name.split()[0] for name, _ in rare)
            formatter.write_paragraph()
            formatter.write_text(
                _whole(f"{RARE}, explained by {ctx.command_path} --help-all: {names}")
            )


class Group(TyperGroup):
    """The commands of gradmeter, in panels."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        super().format_help(ctx, formatter)
        _keep_words(formatter)

    def format_help_text(self, _: Any, formatter: Any) -> None:
        """Write what gradmeter is, and examples."""
        _write_text(formatter, self.help or "")

    def format_commands(self, _: Any, formatter: Any) -> None:
        """Write each command with the first sentence of its help, panel by panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            sentence = " ".join((command.help or "").partition("\n\n")[0].split())
            sentence = sentence.partition(":")[0].rstrip(".")
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, []).append((name, sentence))
        _write(formatter, panels)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        rows = [param.get_help_record(ctx) for param in self.get_params(ctx)]
        _write(formatter, {OPTIONS: [row for row in rows if row is not None]})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first word names.

        Raises:
            UsageError: there is none; the message has those that are written like it.
        """
        if args and args[0] not in self.commands and not ctx.resilient_parsing:
            raise UsageError(self._unknown(args[0]))
        return super().resolve_command(ctx, args)

    def _unknown(self, word: str) -> str:
        meant = suggestion(word, self.commands)
        if workloads.is_named(word) or word.partition(":")[0] in engines.names():
            meant = f"; gradmeter run {word} measures it"
        elif word.endswith(".py"):
            meant = f"; gradmeter lines {word} measures the lines of a script"
        return f"there is no command {word!r}{meant or '; gradmeter --help lists them'}"


def refusal(error: Any) -> str:
    """Say in one sentence why the parser of the command line refused a call."""
    context: Any = getattr(error, "ctx", None)
    if context is None:  # the first word is the command
        path = " ".join(["gradmeter", *(w for w in sys.argv[1:2] if not w.startswith("-"))])
    else:
        path = context.command_path
    name, option = path.rpartition(" ")[2], getattr(error, "option_name", None)
    if option is not None and type(error).__name__ == "NoSuchOption":
        return _no_option(option, name, path, context.command)
    message = " ".join(error.format_message().split()).rstrip(".")
    if option is not None:
        message = f"{option} takes a value"
    elif type(error).__name__ == "MissingParameter":
        parameter = error.param
        words = [*(o for o in parameter.opts if o.startswith("--")), parameter.metavar]
        message = f"{name} needs {' '.join(words)}"
    elif found := re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", message):
        message = f"{name} takes no further argument {found[1]!r}"
    return f"{message}; {path} --help says more"


def _no_option(option: str, name: str, path: str, command: Any) -> str:
    """Say that there is no such option, and which is meant."""
    if isinstance(command, Group):
        having = [each for each, sub in command.commands.items() if option in options(sub)]
        if having:
            return f"{option} follows its command: {path} {having[0]} {option}"
    meant = suggestion(option, options(command))
    return f"{name} has no option {option}{meant or f'; {path} --help lists them'}"


def options(command: Any) -> Mapping[str, Any]:
    """Return the options of a command by their long names."""
    return {name: p for p in command.params for name in p.opts if name.startswith("--")}


def _write_text(formatter: Any, text: str) -> None:
    formatter.write_paragraph()
    formatter.write_text(_whole(_EXAMPLES.sub("\n\n\b\n", text)))


_HYPHEN = "\u2011"  # at which no line ends


def _whole(text: str) -> str:
    """Let no line end within a word, such as --fail-on."""
    return text.replace("-", _HYPHEN)


def _keep_words(formatter: Any) -> None:
    formatter.buffer[:] = [part.replace(_HYPHEN, "-") for part in formatter.buffer]


def _write(formatter: Any, panels: Mapping[str, list[tuple[str, str]]]) -> None:
    """Write panels whose second columns stand below each other."""
    names = [name for rows in panels.values() for name, _ in rows]
    widest = max((len(name) for name in names if len(name) <= WIDEST), default=0)
    for panel, rows in panels.items():
        with formatter.section(panel):
            formatter.write_dl([(name.ljust(widest), _whole(text)) for name, text in rows], widest)


def _shown(row: tuple[str, str], *, required: bool) -> tuple[str, str]:
    """Leave out the type of an argument, and what a number must be, which a wrong one is told.

    Args:
        required: say that it is; the usage says it of arguments.
    """
    name, text = row
    text = re.sub(r"(; |)x(>=|<=)[\d.]+(?=\])", "", text).replace(" []", "")
    text = re.sub(r"default: \((.*)\)", r"default: \1", text)
    text = text if required else text.removesuffix("[required]")
    return re.sub(r" <[\w\[\] |]+>$", "", name), " ".join(text.split())


def _show_all(context: typer.Context, requested: bool) -> None:
    if requested and not context.resilient_parsing:
        context.command.whole = True  # type: ignore[attr-defined]
        print(context.get_help())
        raise typer.Exit


HelpAll = Annotated[
    bool,
    typer.Option(
        "--help-all",
        callback=_show_all,
        is_eager=True,
        hidden=True,  # a help that leaves out what is rare names it
        help="Show the help with all rare options explained.",
    ),
]
