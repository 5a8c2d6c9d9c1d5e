"""Make names and messages safe to show, in terminals and in Markdown."""

from __future__ import annotations

import re

from rich import markup

from gradmeter.bench.text import plain as plain

_MARKDOWN = {ord(c): f"&#{ord(c)};" for c in "\\`*_{}[]<>&#|~!$"}
# Links that GitHub and its like find while they read Markdown: its first character is enough.
_LINKS = re.compile(r":(?=//)|(?i:\bw(?=ww\.))|(?i:(?<=mailto):|(?<=xmpp):)")
# Mentions, references and addresses are found in what is rendered, past character references.
_LIVE = re.compile(r"@(?!\W)|#(?!\W)|(?i:\bgh-)(?=\d|$)")
_GAP = "\u200b"  # takes no room; others put it into mentions, too


def escape(text: str) -> str:
    """Escape a text so that the console prints it as it is."""
    return markup.escape(plain(text))


def markdown(text: str) -> str:
    """Replace also what Markdown, HTML or a site with comments would interpret.

    It is read as it was, and copied so too, but for a space of no width in mentions, references
    and addresses.
    """
    gapped = _LIVE.sub(lambda match: match[0] + _GAP, plain(text)).translate(_MARKDOWN)
    unlinked = _LINKS.sub(lambda match: f"&#{ord(match[0])};", gapped)
    return unlinked.replace(_GAP, f"&#{ord(_GAP)};")
