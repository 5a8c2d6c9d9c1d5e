"""Make names and messages safe to show: whatever they hold, they stay text on one line."""

from __future__ import annotations

import unicodedata

# Line and paragraph ends, control characters, and the marks that turn the direction of text.
_UNSAFE = {"Cc", "Cf", "Zl", "Zp", "Cs"}


def plain(text: str) -> str:
    """Replace what would end a line, control a terminal or turn the direction of reading."""
    if text.isprintable():  # which none of these is
        return text
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) in _UNSAFE else c for c in text)
