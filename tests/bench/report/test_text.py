"""No name and no message becomes markup, a link or a mention where a report is posted."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gradmeter.bench.report import comparison, gate, markdown, ordinary
from gradmeter.bench.report.text import markdown as escaped
from gradmeter.bench.report.text import plain

from ..run_files import ordinary as call
from ..run_files import run

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
INLINE = {"text", "text_special", "softbreak"}
LIVE = re.compile(r"@\w|#\w|\bgh-\d", re.IGNORECASE)
LINK = re.compile(r"://|\bwww\.|\b(mailto|xmpp):", re.IGNORECASE)  # as sources, not as rendered
HOSTILE = [
    "@team please", "mail@example.org", "owner/repo#123", "#1", "GH-7", "gh-7 GH-8",
    "https://example.org", "www.example.org", "WWW.example.org", "mailto:a@b.c",
    "[text](http://example.org)", "![image](x.png)", "<script>alert(1)</script>",
    "<https://example.org>", "<a@b.c>", "[ref]: http://example.org", "[ref][ref]", "`code`",
    "**bold** __bold__ _i_ *i* ~~s~~", "| a | b |", "&#64;team", "&lt;b&gt;", "$x^2$ $$y$$",
    "@\u200bteam", "@@team", "##12", "a://b", "\\@team", "&commat;team &num;12", "</details>",
]  # fmt: skip
pieces = st.lists(
    st.sampled_from(
        [*HOSTILE, "@", "#", ":", "/", "<", ">", "!", "[", "]", "(", ")", " ", "a", "1"]
    )
    | st.text(max_size=4),
    max_size=6,
).map("".join)


def inline(text: str) -> tuple[set[str], str]:
    """The kinds of inline parts of Markdown, and the text that a reader sees."""
    tokens = [child for token in RENDERER.parse(text) for child in token.children or []]
    return {token.type for token in tokens}, "".join(token.content for token in tokens)


def checked(text: str, kinds: set[str]) -> str:
    found, seen = inline(text)
    assert found <= kinds
    assert not LIVE.search(seen), seen
    return seen


@given(text=pieces)
@example(text="@team")
def test_text_stays_text(text):
    block = f"- x{escaped(text)}x"
    seen = checked(block, INLINE)
    assert not LINK.search(block), block
    assert seen.replace("\u200b", "") == f"x{plain(text)}x"
    assert not any(token.type == "html_block" for token in RENDERER.parse(block))


@pytest.mark.parametrize("text", HOSTILE)
def test_every_kind_of_live_text_is_kept_from_living(text):
    seen = checked(f"| a |\n| --- |\n| {escaped(text)} |", INLINE)
    assert html.unescape(seen)


@pytest.mark.parametrize("text", HOSTILE)
def test_reports_with_such_names_have_no_live_text(text):
    found = run(call(f"test_x.py::test[{text}]"), comparisons=[])
    kinds = INLINE | {"code_inline", "strong_open", "strong_close", "html_inline"}
    table = ordinary.table(found)
    assert not LIVE.search(inline(table)[1])
    assert inline(table)[0] <= INLINE
    checked(gate.as_markdown("Memory gate", [text, f"FAILED: {text}"]), kinds - {"html_inline"})
    for document in (markdown.render(found), comparison.render(found, [], [text])):
        assert not LIVE.search(inline(document)[1])
        assert not LINK.search(document)
        assert inline(document)[0] <= kinds
        blocks = [t.content for t in RENDERER.parse(document) if t.type == "html_block"]
        assert all(re.fullmatch(r"</?details>(<summary>.*</summary>)?\s*", b) for b in blocks)
