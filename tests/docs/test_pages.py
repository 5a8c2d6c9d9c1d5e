"""The pages: each opens with what it is for, leads where its links say, and shows what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .command_lines import calls, wrong
from .pages import DOCS, TOP, anchors, blocks, commands, inline, links, name, pages
from .shown import source

PAGES = pages()
NOTEBOOKS = sorted(path for path in DOCS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
OPENINGS = ("After this page you can ", "이 쪽을 읽으면 ", "이 글을 읽으면 ")

every_page = pytest.mark.parametrize("page", PAGES, ids=name)


def texts(path: Path) -> str:
    """A page, or the Markdown of a notebook."""
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def opening(text: str) -> str:
    """The first paragraph after the title, in one line."""
    return " ".join(re.sub(r"^# .*\n+", "", text).split("\n\n")[0].split())


def broken(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere in this repository."""
    found = []
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        missing = not target.exists() or not target.is_relative_to(TOP)
        if missing or (anchor and anchor not in anchors(texts(target))):
            found.append(link)
    return found


def navigation() -> set[Path]:
    """The pages that the index lists, and so the site's navigation."""
    index = DOCS / "index.md"
    listed = re.findall(r"^- \[[^]]+\]\(([^)#]+)\)", index.read_text(), flags=re.MULTILINE)
    return {index, *((DOCS / page).resolve() for page in listed)}


def test_the_readme_is_one_short_page():
    assert len((TOP / "README.md").read_text().splitlines()) < 150


@pytest.mark.parametrize("page", [page for page in PAGES if "README" not in page.name], ids=name)
def test_a_page_opens_with_one_sentence_that_says_what_one_can_do_after_it(page):
    sentence = opening(page.read_text())
    assert sentence.startswith(OPENINGS), sentence
    assert len(re.findall(r"[.?!](?= |$)", sentence)) == 1, sentence


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=name)
def test_every_link_leads_to_a_file_and_an_anchor(page):
    assert broken(page, texts(page)) == []


def test_a_link_to_nothing_is_seen(tmp_path):
    page = DOCS / "index.md"
    text = "[a](no.md) [b](how-to/migrate.md#no) [c](#here) ![d](no.png) `[e](no.md)`\n# Here\n"
    assert broken(page, text) == ["no.md", "how-to/migrate.md#no", "#here", "no.png"]
    assert anchors("# Here, *there*\n## `a` and [b](c)\n## Here, there\n") == {
        "here-there", "a-and-b", "here-there-1",
    }  # fmt: skip


def test_every_page_is_in_the_navigation():
    assert {*DOCS.rglob("*.md"), *NOTEBOOKS} <= navigation()


@every_page
def test_commands_and_options_that_are_shown_exist(page):
    text = page.read_text()
    problems = [wrong(line, whole=True) for line in commands(text)]
    problems += [wrong(line, whole=False) for line in inline(text)]
    assert [problem for problem in problems if problem] == []


@pytest.mark.parametrize("path", sorted((TOP / ".github").rglob("*.yml")), ids=name)
def test_commands_of_workflows_exist(path):
    lines = list(commands(f"```yaml\n{path.read_text()}```\n"))
    assert any("gradmeter" in line or "pytest" in line for line in lines)
    assert [problem for line in lines if (problem := wrong(line, whole=True))] == []


@pytest.mark.parametrize(
    "line",
    [
        "gradmeter nothing",
        "gradmeter run --nothing",
        "gradmeter law squares-30 --at",
        "gradmeter trace squares-3 | gradmeter nothing",
        "pytest --bench-nothing",
        "gradmeter compare --rev main -- pytest --bench-nothing",
        "make nothing",
        "python -m tests.docs.nothing",
        "gradmeter run --size many",
    ],
)
def test_what_does_not_exist_is_seen(line):
    assert wrong(line, whole=True)


def test_the_commands_of_a_page_are_found():
    page = """
```console
$ gradmeter list \\
    engines
out
$ make bench
```

Or:

    gradmeter run --resume   # go on

```yaml
- run: gradmeter check --against x
- run: |
    gradmeter compare --rev a \\
      --rev b
- name: folded
  run: >-
    gradmeter show
    x
  with: {run: no}
```
"""
    assert [words for line in commands(page) for words in calls(line)] == [
        ["gradmeter", "list", "engines"],
        ["make", "bench"],
        ["gradmeter", "check", "--against", "x"],
        ["gradmeter", "compare", "--rev", "a", "--rev", "b"],
        ["gradmeter", "show", "x"],
        ["gradmeter", "run", "--resume"],
    ]


@every_page
def test_every_console_says_where_its_output_is_from(page):
    for block in blocks(page.read_text()):
        if block.language == "console":
            source(block)
