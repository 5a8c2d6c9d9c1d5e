"""Render the newest steps as an Atom feed (RFC 4287)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from gradmeter.bench.history.overview import Overview
from gradmeter.bench.report import template
from gradmeter.bench.report.history_page import Entry
from gradmeter.bench.report.text import plain

MOST: Final = 50  # steps, the newest
_ATOM: Final = "http://www.w3.org/2005/Atom"
_IDS: Final = UUID("8d7f5f0e-2c0b-4c53-9a0c-6e1f0d9f6a41")  # the namespace of all ids
# What XML cannot hold, and `plain` leaves as it is.
_NO_XML: Final = re.compile("[\ufffe\uffff]")
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def render(overview: Overview, name: str, entries: Sequence[Entry], *, page: str, url: str) -> str:
    """Return the feed.

    Ids are those of commits, so that they are the same wherever and whenever it is made.

    Args:
        name: of the project.
        page: the address of the page, of which each entry's id is a fragment.
        url: the feed's own address; empty where it is not known, and links are relative.
    """
    newest = entries[:MOST]
    feed = Element("feed", {"xmlns": _ATOM})
    _text(feed, "title", f"{name}: steps of exact figures")
    first = overview.line.commits[0].id
    _text(feed, "id", url or _id(f"feed {first}"))
    _text(feed, "updated", _latest(_updated(overview, entry) for entry in newest))
    _text(feed, "generator", "gradmeter")
    if url:
        SubElement(feed, "link", {"rel": "self", "href": url})
    SubElement(feed, "link", {"rel": "alternate", "href": page, "type": "text/html"})
    for entry in newest:
        _entry(feed, overview, entry, page)
    ElementTree.indent(feed)
    text = ElementTree.tostring(feed, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _entry(feed: Element, overview: Overview, entry: Entry, page: str) -> None:
    commit = overview.line.by_name[entry.step.after]
    element = SubElement(feed, "entry")
    _text(element, "title", f"{entry.step.status}: {entry.head}")
    _text(element, "id", _id(entry.id))
    _text(element, "published", _latest([commit.date]))
    _text(element, "updated", _latest([_updated(overview, entry)]))
    _text(SubElement(element, "author"), "name", commit.author.strip() or "unknown")
    SubElement(element, "link", {"rel": "alternate", "href": f"{page}#{entry.id}"})
    body = template.macro("step_body", entry, False)
    _text(element, "content", body, plainly=False).set("type", "html")


def _text(parent: Element, tag: str, text: str, *, plainly: bool = True) -> Element:
    element = SubElement(parent, tag)
    element.text = _NO_XML.sub("\ufffd", plain(text) if plainly else text)
    return element


def _id(name: str) -> str:
    return f"urn:uuid:{uuid5(_IDS, name)}"


def _updated(overview: Overview, entry: Entry) -> str:
    """When a step became what it is: committed, accepted, or undone."""
    step = entry.step
    undone = {c.undone for c in step.changes if c.undone} & overview.line.by_name.keys()
    return _latest(
        [
            overview.line.by_name[step.after].date,
            *(each.when for each in step.acceptances),
            *(overview.line.by_name[name].date for name in undone),
        ]
    )


def _latest(dates: Iterable[str]) -> str:
    """The latest of dates as RFC 3339 has them; commits may have dates that are none."""
    return max((_read(date) for date in dates), default=_NEVER).isoformat(timespec="seconds")


def _read(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return _NEVER
