"""Command lines that pages show, parsed as the shell and the commands would, and not run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import typer
from _pytest.config.argparsing import Parser

from gradmeter.bench.cli import app
from gradmeter.bench.errors import UsageError
from gradmeter.bench.plugin import options

from .pages import TOP

_Refused: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
_WORDS = {"|", "||", "&&", ";", "&", "tee"}  # that begin another command
_PLACEHOLDER = re.compile(r"[A-Z]{2,}|\.\.\.")


def calls(line: str) -> Iterator[list[str]]:
    """The commands of a line, each as its words; none of a line that no shell would take."""
    lexer = shlex.shlex(re.sub(r"\$\{\{.*?\}\}|\$\(.*?\)", "1", line), punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    try:
        for word in [*lexer, ";"]:
            if word in _WORDS:
                yield words
                words = []
            else:
                words.append(word.strip("'\"") if word[:1] in "'\"" else word)
    except ValueError:
        return


def wrong(line: str, *, whole: bool) -> str:
    """What is wrong with a line of commands; empty for nothing.

    Args:
        whole: whether it is one to type, with all the arguments that it needs.
    """
    for words in calls(line):
        while words and re.fullmatch(r"[A-Z_]+=.*|\$|!", words[0]):
            words = words[1:]
        redirected = [n for n, word in enumerate(words) if word.startswith((">", "<"))]
        words = words[: redirected[0]] if redirected else words
        if not words:
            continue
        program = words[0].rpartition("/")[2]
        if program == "gradmeter" and len(words) > 1:
            problem = _gradmeter(words[1:], whole=whole)
        elif program == "make":
            problem = _make(words[1:])
        elif program in ("python", "python3") and words[1:2] == ["-m"] and len(words) > 2:
            problem = _module(words[2], words[3:], whole=whole)
        elif program == "pytest":
            problem = _pytest(words[1:])
        else:
            continue
        if problem:
            return f"{line}: {problem}"
    return ""


@cache
def _group() -> Any:
    return typer.main.get_command(app)


def _gradmeter(words: list[str], *, whole: bool) -> str:
    group = _group()
    if words[0].startswith("-"):
        known = {"--help", "-h", *(option for each in group.params for option in each.opts)}
        return "" if words[0] in known else f"no option {words[0]}"
    if _PLACEHOLDER.fullmatch(words[0]):
        return ""
    command = group.commands.get(words[0])
    if command is None:
        return f"there is no command {words[0]}"
    if any(word.startswith("--help") for word in words):
        return ""
    if "--" in words:
        theirs = words[words.index("--") + 1 :]
        if theirs[:1] == ["pytest"] and (problem := _pytest(theirs[1:])):
            return problem
    try:
        parent = group.make_context("gradmeter", list(words))
        command.make_context(words[0], words[1:], parent=parent)
    except _Refused as error:
        missing = type(error).__name__ == "MissingParameter" or "requires an argument" in str(error)
        return "" if missing and not whole else error.format_message()
    except UsageError as error:
        return str(error) if whole else ""
    return ""


@cache
def pytest_options() -> frozenset[str]:
    """The options that the plugin adds to pytest."""
    parser = Parser(_ispytest=True)
    options.add(parser)
    found = (
        name for group in parser._groups for option in group.options for name in option.names()
    )
    return frozenset(name.partition("=")[0] for name in found)


def _pytest(words: list[str]) -> str:
    names = [word.partition("=")[0] for word in words]
    unknown = [
        name
        for name in names
        if name.startswith(("--bench-", "--no-bench-")) and name not in pytest_options()
    ]
    return f"no option {', '.join(unknown)}" if unknown else ""


@cache
def targets() -> frozenset[str]:
    """The targets of the Makefile."""
    return frozenset(
        re.findall(r"^([\w./$()-]+):(?!=)", (TOP / "Makefile").read_text(), re.MULTILINE)
    )


def _make(words: list[str]) -> str:
    named = [word for word in words if "=" not in word and not word.startswith("-")]
    unknown = [word for word in named if word not in targets() and not word.startswith(".venv")]
    return f"no target {', '.join(unknown)}" if unknown else ""


def _module(module: str, words: list[str], *, whole: bool) -> str:
    if module == "pytest":
        return _pytest(words)
    if module == "gradmeter":
        return _gradmeter(words, whole=whole) if words else ""
    if module.startswith(("gradmeter.", "tests.")) and find_spec(module) is None:
        return f"there is no module {module}"
    return ""
