"""The built site: it loads nothing from a network, and its links lead somewhere. See make docs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from .pages import TOP, pages

SITE = TOP / "build/docs"
LOADED = {"src", "srcset", "poster", "data", "background"}
ELSEWHERE = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)


class Page(HTMLParser):
    """What a page loads, where it links to, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.loads += [value for name, value in given.items() if name in LOADED]
        if "href" in given:
            relation = given.get("rel", "")
            unloaded = {"search", "index", "next", "prev", "canonical"}
            is_load = tag in ("link", "image", "use") and relation not in unloaded
            (self.loads if is_load else self.links).append(given["href"])
        self.loads += re.findall(r"url\(([^)]*)\)", given.get("style", ""))


def loaded(path: Path, text: str) -> Iterator[str]:
    """What a file of the site loads from elsewhere."""
    found: list[str] = []
    if path.suffix == ".html":
        found = Page(text).loads
        styles = re.findall(r"<style.*?</style>", text, flags=re.DOTALL)
        found += [url for style in styles for url in re.findall(r"url\(([^)]*)\)", style)]
        found += re.findall(r"(?:import|fetch|import\()\s*\(?[\"']([^\"']+)[\"']", text)
    elif path.suffix == ".css":
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        found = re.findall(r"url\(([^)]*)\)|@import\s+([\"'][^\"']+)", text)
        found = ["".join(each) for each in found]
    elif path.suffix in (".js", ".mjs"):
        found = re.findall(r"(?:fetch|import|importScripts)\s*\(\s*[\"'`]([^\"'`]+)", text)
    return (url for url in found if ELSEWHERE.match(url.strip("'\" ")))


@pytest.fixture(scope="module")
def site() -> dict[Path, str]:
    """The text files of the site, which make docs has built."""
    assert (SITE / "index.html").exists(), "there is no site; make docs builds it, then runs this"
    kinds = (".html", ".css", ".js", ".mjs")
    return {path: path.read_text() for path in SITE.rglob("*") if path.suffix in kinds}


def test_nothing_is_loaded_from_a_network(site):
    found = [(str(path), url) for path, text in site.items() for url in loaded(path, text)]
    assert found == []


def test_pages_say_their_language(site):
    korean = re.compile(r'[^>]*>\s*<html[^>]* lang="ko"')
    spoken = {path for path, text in site.items() if korean.match(text)}
    assert spoken == {SITE / "README.ko.html", *(SITE / "docs" / "ko").glob("*.html")}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<img src="https://example.org/a.png">'),
        ("a.html", '<link rel="stylesheet" href="//example.org/a.css">'),
        ("a.html", '<script type="module" src="https://example.org/a.js"></script>'),
        ("a.html", "<style>@font-face { src: url(https://example.org/a.woff) }</style>"),
        ("a.html", '<script>import("https://example.org/a.mjs")</script>'),
        ("a.css", "@import 'https://example.org/a.css';"),
        ("a.css", "a { background: url('https://example.org/a.png') }"),
        ("a.js", "fetch('https://example.org/a.json')"),
    ],
)
def test_a_load_from_elsewhere_is_seen(name, text):
    assert list(loaded(Path(name), text))
    ours = text.replace("https:", "").replace("//example.org/", "")
    assert list(loaded(Path(name), ours + '<a href="https://example.org">a link</a>')) == []


def test_every_page_is_built_and_every_link_inside_leads_somewhere(site):
    names = {path.relative_to(TOP).with_suffix(".html") for path in pages()}
    assert names <= {path.relative_to(SITE) for path in site}
    read = {path: Page(text) for path, text in site.items() if path.suffix == ".html"}
    wrong = []
    for path, page in read.items():
        for link in page.links:
            address, anchor = urldefrag(link)
            if ELSEWHERE.match(address) or ":" in address:
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            known = read[target].anchors if target in read else set()
            if not target.exists() or (anchor and target in read and unquote(anchor) not in known):
                wrong.append((str(path), link))
    assert wrong == []
