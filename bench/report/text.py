"""Names and messages as they may be shown: whatever is in them, they stay text on one line."""

from __future__ import annotations

import unicodedata

# Line and paragraph ends, control characters, and the marks that turn the direction of text.
_UNSAFE = {"Cc", "Cf", "Zl", "Zp", "Cs"}
_MARKDOWN = {ord(c): f"&#{ord(c)};" for c in "\\`*_{}[]<>&#|~!"}


def plain(text: str) -> str:
    """Replace what would end a line, steer a terminal or turn the direction of reading."""
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) in _UNSAFE else c for c in text)


def markdown(text: str) -> str:
    """Replace also what Markdown or HTML would take for something else than text."""
    return plain(text).translate(_MARKDOWN)
