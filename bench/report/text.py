"""Make names and messages safe to show, in terminals and in Markdown."""

from __future__ import annotations

from gradmeter.bench.text import plain as plain

_MARKDOWN = {ord(c): f"&#{ord(c)};" for c in "\\`*_{}[]<>&#|~!"}


def markdown(text: str) -> str:
    """Replace also the characters that Markdown or HTML would interpret."""
    return plain(text).translate(_MARKDOWN)
