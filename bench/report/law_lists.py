"""Render the laws of functions and of tests' calls: a program, and a line for each figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rich import markup
from rich.console import Console

from gradmeter.bench.laws.law import Measured, Point
from gradmeter.bench.laws.names import values_text
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import law_tables
from gradmeter.bench.report.text import markdown, plain
from gradmeter.bench.results.laws import Laws
from gradmeter.bench.results.layers import NUMBERS
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import call_laws
from gradmeter.bench.verdicts.law_changes import NO_LAW, range_text, text

FIGURES = ("peak", "held", "cycle", "growth", "allocations")
TESTS = "laws of tests, in their parameters that are whole numbers"
_ZERO = ("0 B", "0")


def lines(laws: Laws) -> list[str]:
    """The laws of a program, one figure a line, below its name and parameters."""
    names = [figure for figure in FIGURES if figure in laws.figures or figure in laws.reasons]
    zero = [figure for figure in names if _law(laws, figure) in _ZERO]
    width = max((len(figure) for figure in names if figure not in zero), default=0)
    found = [laws.program]
    for figure in names:
        if figure in zero:
            continue
        cells = [figure.ljust(width), _law(laws, figure), *_notes(laws, figure)]
        found.append("  " + "  ".join(cells))
    if zero:
        found.append(f"  {', '.join(zero)}: 0")
    return found


def verified(laws: Laws) -> str:
    """Up to which values the laws were tried, as a sentence; empty where they were not."""
    if not (laws.verified and laws.figures):
        return ""
    return f"verified up to {values_text(laws.verified, ' and ')}"


def _law(laws: Laws, figure: str) -> str:
    law = laws.figures.get(figure)
    if law is None:
        reason = laws.reasons[figure]
        return reason if reason.startswith(NO_LAW) else f"{NO_LAW}: {reason}"
    return " ".join(filter(None, [text(law, laws.itemsize, figure), range_text(law)]))


def _notes(laws: Laws, figure: str) -> list[str]:
    law = laws.figures.get(figure)
    if law is None or not any(law.places):
        return []
    return [f"in {law_tables.places_text(law)}"]


def measurements(laws: Laws, measured: Mapping[Point, Measured]) -> list[str]:
    """What was measured of figures that have no law, as a table; none where all have one."""
    without = [figure for figure in FIGURES if figure in laws.reasons]
    return law_tables.measurements(laws, measured, without) if without else []


def at(laws: Laws, parameters: Mapping[str, int]) -> list[str]:
    """What the laws say at values of the parameters, a line for each figure."""
    found = [f"at {values_text(parameters)}, by these laws"]
    values = laws.at(parameters)
    for figure in FIGURES:
        if figure in values:
            found.append(f"  {figure} {_amount(figure, values[figure])}")
        elif figure in laws.figures:
            holds = range_text(laws.figures[figure])
            found.append(f"  {figure} is not known: its law holds {holds}")
        elif figure in laws.reasons:
            found.append(f"  {figure} is not known: it has no law")
    return found


def _amount(figure: str, value: int) -> str:
    if figure in NUMBERS:
        return f"{value:,}"
    short = bytes_text(value)
    return short if short == f"{value:,} B" else f"{short} ({value:,} B)"


def show_tests(run: Run, console: Console) -> None:
    """Print the laws of a run's tests; or what to install for them; nothing for none."""
    if missing := call_laws.lacking(run):
        console.print(f"{markup.escape(plain(missing))}\n", highlight=False)
    found = call_laws.of_run(run)
    if not found:
        return
    console.print(f"[bold]{TESTS}[/]", highlight=False)
    for laws in found:
        for line in lines(laws):
            console.print(markup.escape(plain(line)), highlight=False)
        if text := measured_at(laws):
            console.print(f"  {markup.escape(plain(text))}", highlight=False)
    console.print()


def tests_markdown(run: Run) -> str:
    """The laws of a run's tests in Markdown; or what to install for them; empty for none."""
    if missing := call_laws.lacking(run):
        return markdown(missing)
    found = call_laws.of_run(run)
    return markdown_of(found, measured_at) if found else ""


def measured_at(laws: Laws) -> str:
    """Up to which values the laws of a test hold, as a sentence; empty where there are none."""
    if not laws.figures:
        return ""
    return f"at all values that were measured, up to {values_text(laws.verified, ' and ')}"


def markdown_of(laws: Iterable[Laws], reach: Callable[[Laws], str] = verified) -> str:
    """Laws as a table in Markdown, a row for each program, and what is to be said of them.

    Args:
        reach: says where the laws of a program were tried.
    """
    laws = [*laws]
    names = [f for f in FIGURES if any(f in each.figures or f in each.reasons for each in laws)]
    rows = [f"| program | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    notes = []
    for each in laws:
        cells = []
        for figure in names:
            known = each.figures.get(figure)
            cells.append(
                text(known, each.itemsize, figure)
                if known is not None
                else NO_LAW
                if figure in each.reasons
                else "-"
            )
            more = [*filter(None, [range_text(known)])] if known is not None else []
            more += _notes(each, figure)
            if figure in each.reasons:
                more = [_law(each, figure)]
            notes += [f"- {markdown(f'{each.program}, {figure}: {note}')}" for note in more]
        if sentence := reach(each):
            notes.append(f"- {markdown(f'{each.program}: {sentence}')}")
        rows.append(f"| {' | '.join(map(markdown, (each.program, *cells)))} |")
    return "\n".join([*rows, *([""] if notes else []), *notes])
