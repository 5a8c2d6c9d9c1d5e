"""How the site is built: `make docs`, or sphinx-build -c docs . build/docs.

The pages are Markdown that reads the same on GitHub, with the same links: so the source is the
whole repository, of which the site takes the files below. The navigation is what docs/index.md
lists: the links under one of its headings are the pages of one section.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

project = "gradmeter"
extensions = ["myst_nb"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "reports/*.md", "reports/*/report.md"]
exclude_patterns = [".venv", "build", "**/.ipynb_checkpoints", "reports/latest", "reports/compare"]
nitpicky = True
smartquotes = False  # two hyphens begin an option

html_theme = "furo"
html_title = "gradmeter"
html_extra_path = ["site"]
html_static_path = ["static"]
html_css_files = ["korean.css"]
html_copy_source = False

nb_execution_mode = "off"  # notebooks are run by their tests; the site shows what they hold
nb_ipywidgets_js: dict[str, object] = {}  # these would be loaded from the network
myst_heading_anchors = 4  # the anchors that GitHub gives

KOREAN = ("docs/ko/", "README.ko")
ENTRY = re.compile(r"^- \[(?P<title>[^]]+)\]\((?P<page>[^)#]+)\)", re.MULTILINE)


def _add_navigation(_: Sphinx, name: str, source: list[str]) -> None:
    """Append to the index a table of contents for each of its headings."""
    if name != root_doc:
        return
    _, *sections = re.split(r"^## ", source[0], flags=re.MULTILINE)
    for section in sections:
        heading, _, text = section.partition("\n")
        pages = [f"{entry['title']} <{entry['page']}>" for entry in ENTRY.finditer(text)]
        if pages:
            options = f":hidden:\n:caption: {heading}\n"
            source[0] += "\n".join(["\n\n```{toctree}", options, *pages, "```\n"])


def _say_language(_: Sphinx, name: str, __: str, context: dict[str, Any], *___: object) -> None:
    """Tell the browser, and what reads a page aloud, that a page is in Korean."""
    if name.startswith(KOREAN):
        context["language"] = "ko"


def setup(app: Sphinx) -> None:
    """Build the navigation from the index, and name the language of each page."""
    app.connect("source-read", _add_navigation)
    app.connect("html-page-context", _say_language)
