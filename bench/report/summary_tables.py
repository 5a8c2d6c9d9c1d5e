"""Render the summary of a run in Markdown: its tables, and what to know besides."""

from __future__ import annotations

from gradmeter.bench.report.one_screen import Screen
from gradmeter.bench.report.screen import Section
from gradmeter.bench.report.text import markdown


def as_markdown(screen: Screen) -> str:
    """A screen as Markdown; empty where it has nothing to say."""
    parts = [markdown(" ".join(screen.legend)), *map(_table, screen.sections)]
    remarks = [*screen.remarks, *filter(None, [screen.next])]
    lines = [
        f"- {f'**{markdown(remark.label)}**: ' if remark.label else ''}{markdown(remark.text)}"
        for remark in remarks
    ]
    return "\n\n".join(filter(None, [*parts, "\n".join(lines)]))


def _table(section: Section) -> str:
    """A table, in which the title of each block is a row of its own."""
    lines = []
    for block in section.blocks:
        if block.title:
            lines.append(f"| **{markdown(block.title)}** |" + " |" * len(section.heads))
        for line in block.lines:
            cells = " | ".join(markdown(cell) for cell in (line.name.strip(), *line.cells))
            lines.append(f"| {cells} |")
            blank = " |" * len(section.heads)
            lines += [f"| {markdown(remark)} |{blank}" for remark in line.remarks]
    if lines:
        heads = "".join(f" {head} |" for head in section.heads)
        lines = [f"| |{heads}", "| --- |" + " ---: |" * len(section.heads), *lines]
    return "\n".join([*lines, *(["", markdown(section.rest)] if section.rest else [])]).strip()
