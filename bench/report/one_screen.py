"""Fit the summary of a run into the lines of one screen; what is smallest is left out first."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from rich.cells import cell_len, set_cell_size

from gradmeter.bench.report import ordinary, remarks, summary
from gradmeter.bench.report.columns import ELLIPSIS, aligned, folded, shortened
from gradmeter.bench.report.ordinary import Chosen
from gradmeter.bench.report.remarks import Remark
from gradmeter.bench.report.screen import Detail, Line, Section, sections
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts.laws import FamilyLaws

WIDTH = 80  # columns of a page that has none of its own
LINES = 42  # beside the few that say what was written
MORE_LINES, MANY = 50, 60  # for a run of so many comparisons
REMARK_LINES = 3
FEW = 8  # calls of tests beside comparisons that fill a screen


@dataclass(frozen=True)
class Screen:
    """The summary of a run as it is shown.

    Attributes:
        legend: sentences on the tables, which come after it.
        next: the one next command; None for none.
    """

    legend: tuple[str, ...]
    sections: tuple[Section, ...]
    remarks: tuple[Remark, ...]
    next: Remark | None


def of_run(
    run: Run,
    found: Sequence[FamilyLaws],
    budgets: Mapping[str, str] | None = None,
    chosen: Chosen | None = None,
    width: int = WIDTH,
) -> Screen:
    """Summarise a run in as many lines as a screen has.

    Args:
        found: the laws of the run, see verdicts/law_search.py.
        budgets: the outcome of each test's budget, by node id.
        chosen: which calls are shown, and how many; by default as many as there is room for.
    """
    of_all = summary.of_run(run, found)
    many = sum(len(e.rows) for q in of_all.questions for e in q.effects) > MANY
    most = (MORE_LINES if many else LINES) + (chosen.most if chosen else 0)
    most = most * WIDTH // min(width, WIDTH)
    calls = chosen or Chosen()
    whole = Screen((), (), tuple(remarks.remarks(run, of_all)), remarks.what_is_next(run, of_all))
    bare = replace(whole, remarks=tuple([r for r in whole.remarks if not r.is_background]))

    def laid_out(empty: Screen, detail: Detail, calls: Chosen) -> Screen:
        tables = sections(of_all, detail)
        if (of_calls := ordinary.section(run, budgets or {}, calls)) is not None:
            tables.append(of_calls)
        told = remarks.legend(run, of_all, tables, every_size=detail.every_size)
        return replace(empty, legend=tuple(told), sections=tuple(tables))

    def fits(screen: Screen) -> bool:
        return len(list(lines(screen, width))) <= most

    effects = sum(len(question.effects) for question in of_all.questions)
    full = Detail(order=chosen.order if chosen else "")
    of_largest_size = replace(full, every_size=False)
    of_largest_depth = replace(of_largest_size, every_depth=False)
    detail = replace(of_largest_depth, explained=0)
    for empty, less in (
        *((whole, each) for each in (full, of_largest_size, of_largest_depth, detail)),
        (bare, detail),
    ):
        # Each effect has a line at least, but for calls without a change.
        if of_all.changes <= most and fits(screen := laid_out(empty, less, calls)):
            return screen
    if chosen is None:
        calls = Chosen(most=FEW)
    least = max(0, of_all.changes - most)
    dropped = bisect_left(
        range(least, effects),
        True,
        key=lambda count: fits(laid_out(bare, replace(detail, dropped=count), calls)),
    )
    screen = laid_out(bare, replace(detail, dropped=least + dropped), calls)
    if chosen is None and not fits(screen):
        screen = laid_out(bare, replace(detail, dropped=effects), Chosen(most=0))
    return screen


@dataclass(frozen=True)
class Printed:
    """A line of a terminal, and what it is: "head", "title", "row", "remark" or "plain"."""

    text: str
    kind: str


def lines(screen: Screen, width: int) -> Iterator[Printed]:
    """Lay a screen out in lines of at most so many columns."""
    legend = folded(plain(" ".join(screen.legend)), width)
    yield from (Printed(line, "plain") for line in legend)
    for number, section in enumerate(screen.sections):
        if (number or legend) and (section.blocks or section.rest):
            yield Printed("", "plain")
        yield from _table(section, width)
    rest = [*screen.remarks, *filter(None, [screen.next])]
    if rest:
        yield Printed("", "plain")
    for remark in rest:
        text = f"{remark.label}: {remark.text}" if remark.label else remark.text
        whole = folded(plain(text), width, "  ") or [""]
        shown = whole if remark is screen.next else whole[:REMARK_LINES]
        if len(shown) < len(whole):
            start = set_cell_size(shown[-1], min(cell_len(shown[-1]), width - len(ELLIPSIS)))
            shown[-1] = start + ELLIPSIS
        yield from (Printed(line, "remark") for line in shown)


def _table(section: Section, width: int) -> Iterator[Printed]:
    titled = any(block.title for block in section.blocks)
    rows: list[tuple[str, Sequence[str]]] = []
    for block in section.blocks:
        if block.title:
            rows.append((shortened(plain(block.title), 2 * width), ()))
        rows += chain.from_iterable(_rows(line, "  " * titled, width) for line in block.lines)
    titles = {block.title for block in section.blocks}
    for number, line in enumerate(aligned(section.heads, rows, width) if rows else []):
        kind = "head" if not number else "title" if line in titles else "row"
        yield Printed(line, kind)
    if section.rest:
        yield Printed(("  " * titled) + section.rest, "plain")


def _rows(line: Line, indent: str, width: int) -> Iterator[tuple[str, Sequence[str]]]:
    yield indent + shortened(plain(line.name), 2 * (width - len(indent))), line.cells
    for remark in line.remarks:
        yield indent + "  " + _places(plain(remark), 2 * (width - 4)), ()


def _places(remark: str, most: int) -> str:
    """A remark of at most so many columns: its places lose their source, then the last are counted.

    An amount stays with its place, so that no text seems to be about another one.
    """
    if cell_len(remark) <= most:
        return remark
    places = re.split(r", (?=[+-]\d)", re.sub(r" `[^`]*`(?=, [+-]\d|$)", "", remark))
    for count in range(len(places), 0, -1):
        more = f", and {len(places) - count} more" if count < len(places) else ""
        if cell_len(text := ", ".join(places[:count]) + more) <= most:
            return text
    return shortened(places[0], most)
