"""Fill the templates of pages: each is one file with its styles, its scripts and its charts."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from gradmeter.bench.report import compiled_charts
from gradmeter.bench.report.colours import PALETTE
from gradmeter.bench.report.tables import Column, Figure, Value
from gradmeter.bench.report.text import plain


def render(
    name: str,
    kinds: Collection[str],
    *,
    styles: Sequence[str] = ("page.css",),
    scripts: Sequence[str] = ("page.js",),
    **content: object,
) -> str:
    """Return a page.

    Args:
        name: of its template.
        kinds: of the charts that it draws.
        styles: the names of its style sheets.
        scripts: the names of its scripts.
        content: the values that its template names.
    """
    return _environment().get_template(name).render(
        **content,
        colours=PALETTE,
        css=[Markup(_source(each)) for each in styles],
        scripts=[Markup(_source(each)) for each in scripts],
        library=Markup(_library() if kinds else ""),
        kinds={kind: compiled_charts.chart(kind) for kind in sorted(kinds)},
    )  # fmt: skip


def macro(name: str, *arguments: object) -> str:
    """Return what a macro of macros.html.j2 makes."""
    module: Any = _environment().get_template("macros.html.j2").module
    return str(getattr(module, name)(*arguments))


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_source),
    )
    environment.filters.update(plain=plain, pieces=_pieces, amounts=_amounts, dates=_dates)
    environment.globals.update(zip=zip, cell=_cell, height=_height)
    return environment


def _pieces(text: str) -> list[str]:
    """The parts of a name between which a line may break, so that none breaks within a word."""
    return re.findall(r"(?:[^\W_]|\.(?=[^\W_]))+[\W_]*|[\W_]+", text)


def _amounts(note: str) -> str:
    """A note of a cell, whose lines break only between its amounts."""
    amounts = note.replace(" ", "\N{NO-BREAK SPACE}").replace("→\N{NO-BREAK SPACE}", "→ ")
    return amounts.replace("heap\N{NO-BREAK SPACE}", "heap ")


def _dates(text: str) -> Markup:
    """A text whose dates stay on their lines, and in which no line begins with a dot of a list."""
    dots = str(escape(text)).replace(" · ", "\N{NO-BREAK SPACE}· ")
    return Markup(re.sub(r"\d{4}-\d\d-\d\d", r'<span class="whole">\g<0></span>', dots))


def _source(name: str) -> str:
    return (files("gradmeter.bench.report") / name).read_text(encoding="utf-8")


def _library() -> str:
    return compiled_charts.library().replace("</script", r"<\/script")


SHORT = 24  # characters of a text that stays on its line


def _cell(column: Column, value: Value, first: bool) -> Markup:
    """Render one cell; the raw number is an attribute where the text differs from it."""
    if column.text is None:
        pieces = _pieces(plain(str(value))) if first else [plain(str(value))]
        text = f"<bdi>{'<wbr>'.join(map(escape, pieces))}<wbr></bdi>"
        if first:
            return Markup(f'<th scope="row">{text}</th>')
        short = " short" if len(str(value)) <= SHORT else ""
        return Markup(f'<td class="text{short}">{text}</td>')
    if value is None:
        return Markup("<td>-</td>")
    text = escape(column.text(value))
    number = "" if text == str(value) else f' data-v="{value}"'
    return Markup(f"<td{number}>{text}</td>")


ROW = {
    "memory": 20,
    "memory and heap": 20,
    "calls": 20,
    "calls and heap": 20,
    "views": 20,
    "ratios": 36,
    "rounds": 8,
    "lives": 14,
}


def _height(figure: Figure) -> int:
    """Estimate a chart's height in pixels, so that the page does not jump when it is drawn."""
    rows = min(len(figure.table.rows), figure.most or len(figure.table.rows))
    if figure.kind == "many lives":
        return 45 + 5 * rows
    return 45 + ROW[figure.kind] * rows if figure.kind in ROW else 240
