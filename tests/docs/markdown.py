"""Texts of the code, such as docstrings and helps, as Markdown that reads the same everywhere."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable


def cell(text: str) -> str:
    """A text as the cell of a table: in one line."""
    return plain(" ".join(text.replace("\\[", "[").split())).replace("|", "\\|")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table, of cells that are Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    heads = list(heads)
    return "\n".join([f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *lines, ""])


def sentence(text: str) -> str:
    """The first sentence of a text, in one line."""
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]


def text_of(text: str) -> str:
    """A docstring or a help text in Markdown: what is indented is code, or a list of names."""
    parts = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text.replace("\\[", "[").replace("\b", ""))):
        head, _, rest = part.partition("\n")
        if re.fullmatch(r"(Args|Attributes|Raises|Returns|Yields):", head):
            named = head in ("Args:", "Attributes:", "Raises:")
            items = re.split(r"^ {4}(?! )", rest, flags=re.MULTILINE) if named else [rest]
            lines = [_item(" ".join(item.split()), named=named) for item in items if item.strip()]
            parts.append(f"**{head[:-1]}**\n\n" + "\n".join(lines))
        elif head.startswith("    ") or (head.endswith(":") and rest.startswith("  ")):
            code = rest if head.endswith(":") and not head.startswith(" ") else part
            parts += [plain(head)] if code is rest else []
            parts.append(f"```text\n{textwrap.dedent(code)}\n```")
        else:
            parts.append(plain(part))
    return "\n\n".join(parts) + "\n"


def _item(text: str, *, named: bool) -> str:
    name, colon, rest = text.partition(": ")
    return f"- `{name}`: {plain(rest)}" if named and colon else f"- {plain(text)}"


def plain(text: str) -> str:
    """A paragraph: code and options as code, and nothing else that Markdown takes for its own."""
    pieces = re.split(r"(``.+?``|`[^`]+`|(?<![\w-])--[a-z][\w-]*(?:=[\w,]+)?)", text)
    pieces[1::2] = [f"`{piece.strip('`')}`" for piece in pieces[1::2]]
    pieces[::2] = [re.sub(r"([*<_\[\]])", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces)
