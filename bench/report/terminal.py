"""Print a run in a terminal: its summary, or all of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from gradmeter.bench.report import every_table, one_screen
from gradmeter.bench.report.ordinary import Chosen
from gradmeter.bench.report.remarks import Remark
from gradmeter.bench.report.text import escape as escape
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import law_search

STYLES = {"head": "bold", "title": "bold"}
COLOURS = {
    r"(?<=\d )slower\b": "red",
    r"(?<=\d )faster\b": "green",
    r"^(not (measured|supported|as predicted)|self-test failed|undecided|next)(?=:)": "yellow",
}


def show(
    run: Run,
    console: Console,
    budgets: Mapping[str, str] | None = None,
    *,
    chosen: Chosen | None = None,
    everything: bool = False,
    following: str = "",
) -> None:
    """Print the summary of a run on one screen, or all that there is to say.

    Args:
        budgets: the outcome of each test's budget, by node id.
        chosen: which calls of tests the summary shows.
        following: the next command, in place of what the summary has.
    """
    if everything:
        every_table.show(run, console, budgets)
        if following:
            console.print(Text(f"next: {following}"))
        return
    screen = one_screen.of_run(run, law_search.of_run(run), budgets, chosen, console.width)
    if following:
        screen = replace(screen, next=Remark("next", following))
    for line in one_screen.lines(screen, console.width):
        text = Text(line.text, style=STYLES.get(line.kind, ""))
        if line.kind in ("row", "remark"):
            for pattern, colour in COLOURS.items():
                text.highlight_regex(pattern, colour)
        console.print(text, no_wrap=True, overflow="ignore", crop=False)
