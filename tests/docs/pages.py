"""The pages of the documentation: their blocks of code, the comments before these, their links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DOCS = TOP / "docs"
# A fence, with the comment before it where there is one; and comments that stand alone.
_PART = re.compile(
    r"^(?:<!-- *(?P<comment>(?:(?!-->).)*?) *-->\n+)?"
    r"(?P<fence>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=fence)$"
    r"|^<!-- *(?P<alone>(?:(?!-->).)*?) *-->$",
    re.MULTILINE | re.DOTALL,
)
_INDENTED = re.compile(r"(?:^ {4}(?! *[-*0-9]).*\n)+", re.MULTILINE)
_LINK = re.compile(r"!?\[(?:[^]\\]|\\.)*\]\((?P<target>[^)\s]+)\)")
# A script: what is more indented than its "run", which a hyphen may stand before.
_STEP = re.compile(
    r"^(?P<margin> *)(?P<hyphen>- )?run: *(?P<first>.*)\n"
    r"(?P<rest>(?:(?P=margin)(?(hyphen)   | ).*\n|\n)*)",
    re.MULTILINE,
)
_CONTINUED = re.compile(r"\s*\\\n\s*")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)


def pages() -> list[Path]:
    """Every page in Markdown: the README, its translations, CONTRIBUTING, and all of docs/."""
    return [*sorted(TOP.glob("README*.md")), TOP / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def name(page: Path) -> str:
    """The path of a page from the top, for the name of a test."""
    return page.relative_to(TOP).as_posix() if page.is_relative_to(TOP) else page.name


@dataclass(frozen=True)
class Block:
    """A fenced block, or a comment that stands alone, whose text is empty then.

    Attributes:
        comment: the HTML comment before the block, without its brackets; empty for none.
        start, stop: where the text lies in the page.
    """

    comment: str
    language: str
    text: str
    start: int
    stop: int

    def told(self, word: str) -> str | None:
        """What its comment says after a word and a colon; None where it says another word."""
        first, colon, rest = self.comment.partition(":")
        return rest.strip() if colon and first == word else None


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in their order."""
    for match in _PART.finditer(page):
        if match["alone"] is not None:
            yield Block(match["alone"], "", "", match.start(), match.start())
        else:
            yield Block(
                match["comment"] or "", match["language"].strip(), match["text"],
                match.start("text"), match.end("text"),
            )  # fmt: skip


def prose(page: str) -> str:
    """A page without its blocks, comments and code."""
    return _CODE.sub("", _INDENTED.sub("", _PART.sub("", page)))


def links(page: str) -> list[str]:
    """The targets of a page's links and images."""
    return [match["target"] for match in _LINK.finditer(prose(page))]


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub gives them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", _PART.sub("", page), flags=re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number = sum(
            other == slug or re.fullmatch(rf"{slug}-\d+", other) is not None for other in found
        )
        found.add(f"{slug}-{number}" if number else slug)
    return found


def commands(page: str) -> Iterator[str]:
    """The command lines that a page shows: in consoles, shells and workflows, and indented ones."""
    for block in blocks(page):
        text = _CONTINUED.sub(" ", block.text)
        if block.language == "console":
            yield from (line[2:] for line in text.splitlines() if line.startswith("$ "))
        elif block.language in ("sh", "bash", "shell"):
            yield from text.splitlines()
        elif block.language in ("yaml", "yml"):
            yield from _steps(text)
    for indented in _INDENTED.findall(_PART.sub("\n", page)):
        yield from (line.strip() for line in _CONTINUED.sub(" ", indented).splitlines())


def _steps(workflow: str) -> Iterator[str]:
    """The lines of the scripts of a workflow, whole or a part; those of a folded one are one."""
    for match in _STEP.finditer(workflow):
        yield from _script(match["first"], match["rest"])


def _script(first: str, rest: str) -> Iterator[str]:
    if first.startswith("|"):
        yield from (line.strip() for line in rest.splitlines())
    elif first.startswith(">"):
        yield " ".join(rest.split())
    else:
        yield first


def inline(page: str) -> Iterator[str]:
    """The code in the text of a page, which may be a part of a command line."""
    for code in re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", _INDENTED.sub("", _PART.sub("", page))):
        yield " ".join(code.split())
