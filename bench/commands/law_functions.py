"""Find the laws of functions: the part of `gradmeter law` with --vary."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

from gradmeter.bench.commands.shared import say, say_lines
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.report import law_lists as report
from gradmeter.bench.runs import law_calls
from gradmeter.bench.runs.law_calls import FoundCalls
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.text import plain


def find(
    targets: Sequence[str], values: Mapping[str, Sequence[int]], setup: str, limit: float
) -> list[FoundCalls]:
    """Find the laws of functions, and say of which nothing could be measured.

    Raises:
        UsageError: there is no such function, or it takes other parameters.
    """
    for target in targets:
        _check(target)
    if setup:
        _check(setup, "--setup ")
    found = []
    with Teller(Console(stderr=True, emoji=False)) as tell:
        for number, target in enumerate(targets):
            tell(number / len(targets), f"{target}: laws")
            try:
                found.append(law_calls.find(target, values, setup, limit))
            except WorkerError as problem:
                sys.stderr.write(
                    f"gradmeter: {plain(target)} could not be measured: {plain(str(problem))}\n"
                )
    return found


def show(found: Sequence[FoundCalls], parameters: Mapping[str, int]) -> None:
    """Print laws, what was measured where there is none, and what they say at some values."""
    for each in found:
        for line in report.lines(each.laws):
            say(line)
        if sentence := report.verified(each.laws):
            say(f"  {sentence}")
        if table := report.measurements(each.laws, each.measured):
            say("measured, where no law was found")
            for line in table:
                say(f"  {line}")
        if parameters:
            for line in report.at(each.laws, parameters):
                say(line)


def show_markdown(found: Sequence[FoundCalls]) -> None:
    """Print laws as Markdown."""
    say_lines(report.markdown_of(each.laws for each in found))


def _check(target: str, option: str = "") -> None:
    """Refuse what names no function.

    Raises:
        UsageError: it does not.
    """
    place, _, name = target.rpartition(":")
    if not place or not all(word.isidentifier() for word in name.split(".")):
        raise UsageError(
            f"{option}{target!r} names no function; write FILE.py:FUNCTION or "
            "package.module:function"
        )
