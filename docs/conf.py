"""How the site is built: `make docs`, or sphinx-build docs build/docs.

The pages are Markdown that reads the same on GitHub. The navigation is what index.md lists: the
links under one of its headings are the pages of one section.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

project = "gradmeter"
author = "the gradmeter project"
extensions = ["myst_nb"]
html_theme = "furo"
html_title = "gradmeter"
html_copy_source = False
html_show_sphinx = False
exclude_patterns = ["conf.py"]

nb_execution_mode = "off"  # notebooks are run by their tests; the site shows what they hold
nb_ipywidgets_js: dict[str, object] = {}  # these would be loaded from the network
myst_heading_anchors = 4  # the anchors that GitHub gives
nitpicky = True

DOCS = Path(__file__).parent
ENTRY = re.compile(r"^- \[(?P<title>[^]]+)\]\((?P<page>[^)#]+)\)", re.MULTILINE)
LINK = re.compile(r"(?<!!)(?P<text>\[[^]]*\])\((?P<path>\.\./[^)#]+)(#[^)]*)?\)")


def _link_outside(app: Sphinx, name: str, source: list[str]) -> None:
    """Let links to files outside of the site, such as reports, lead to copies of these."""
    folder = Path(app.env.doc2path(name)).parent

    def link(match: re.Match[str]) -> str:
        inside = (folder / match["path"]).resolve().is_relative_to(DOCS)
        return match[0] if inside else f"{match['text']}(path:{match['path']})"

    source[0] = LINK.sub(link, source[0])


def _add_navigation(_: Sphinx, name: str, source: list[str]) -> None:
    """Append to index.md a table of contents for each of its headings."""
    if name != "index":
        return
    _, *sections = re.split(r"^## ", source[0], flags=re.MULTILINE)
    for section in sections:
        heading, _, text = section.partition("\n")
        pages = [f"{entry['title']} <{entry['page']}>" for entry in ENTRY.finditer(text)]
        if pages:
            options = f":hidden:\n:caption: {heading}\n"
            source[0] += "\n".join(["\n\n```{toctree}", options, *pages, "```\n"])


def setup(app: Sphinx) -> None:
    """Build the navigation from the index, and take what pages link to along."""
    app.connect("source-read", _link_outside)
    app.connect("source-read", _add_navigation)
