"""The tutorial: its notebooks show anew what they show, and both languages say the same."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from .pages import TOP, blocks, commands, inline, links, prose
from .test_pages import OPENINGS, opening, texts
from .tutorial import COMMAND, ENGLISH, KOREAN, NAMES, executed, read, translated

HANGUL = re.compile("[가-힣]")
FIGURE = re.compile(r"\(?[n\d][n \d+]*\)? arrays|[\d.,]+ [kMG]?B\b")
PAIRS = {
    "README.md": "README.ko.md",
    "docs/tutorial/index.md": "docs/ko/index.md",
    **{f"docs/tutorial/{name}.ipynb": f"docs/ko/{name}.ipynb" for name in NAMES},
}

every_notebook = pytest.mark.parametrize("name", NAMES)
every_pair = pytest.mark.parametrize("english", PAIRS)


def exact(cell) -> list[str]:
    """What a cell's outputs say, without pictures: they differ with the version of what draws.

    Of a command only the figures: lines of source have other numbers after a change, and how far a
    law is verified is a matter of seconds.
    """
    outputs = cell.get("outputs", ())
    shown = [output.get("text") or output.data["text/plain"] for output in outputs]
    if cell.source.startswith(COMMAND):
        return [figure for text in shown for figure in FIGURE.findall(text)]
    html = [str(output.get("data", {}).get("text/html", "")) for output in outputs]
    return shown + [re.sub("<svg.*?</svg>", "", each, flags=re.DOTALL) for each in html]


def said(name: str) -> str:
    """All exact outputs of a committed notebook."""
    return "\n".join(text for cell in read(ENGLISH / f"{name}.ipynb").cells for text in exact(cell))


@every_notebook
def test_a_notebook_shows_anew_what_it_shows(name, tmp_path):
    committed = read(ENGLISH / f"{name}.ipynb")
    fresh = executed(committed, tmp_path)
    for before, after in zip(committed.cells, fresh.cells, strict=True):
        if before.cell_type == "code":
            assert exact(after) == exact(before), before.source


@every_notebook
def test_a_notebook_has_figures_and_a_picture_and_no_warning(name):
    outputs = [output for cell in read(ENGLISH / f"{name}.ipynb").cells
               for output in cell.get("outputs", ())]  # fmt: skip
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}
    assert "error" not in {output.output_type for output in outputs}
    assert re.search(r"peak [\d,]+ B, held [\d,]+ B", said(name))
    assert "<svg" in str(outputs)


@every_notebook
def test_bytes_in_the_text_are_figures_that_were_measured(name):
    figures = set(re.findall(r"(\d+(?:,\d{3})*) B\b", texts(ENGLISH / f"{name}.ipynb")))
    assert figures
    assert figures <= set(re.findall(r"\d+(?:,\d{3})*", said(name)))


def test_the_text_s_laws_are_those_that_are_found():
    assert {"(n + 1) arrays", "(n + 3) arrays", "248.0 GB", "264.0 GB"} <= set(
        said("17-memory").splitlines()
    )
    assert {"14 arrays", "112.0 GB"} <= set(said("23-functions").splitlines())


def test_step_17_is_in_exact_bytes():
    assert "peak 640,000 B, held 0 B, cycle 0 B, growth 0 B" in said("17-memory")
    assert "cycle 3,200,000 B in 240 objects, growth 0 B" in said("17-memory")


@every_notebook
def test_the_korean_notebook_has_the_same_code_and_outputs(name):
    english, korean = read(ENGLISH / f"{name}.ipynb"), read(KOREAN / f"{name}.ipynb")
    assert korean == translated(english, korean), f"python -m tests.docs.tutorial {name}"


LANGUAGES = {"README.ko.md": "README.md", "../ko/index.md": "../tutorial/index.md"}


def in_korean(link: str) -> str:
    """The link of the Korean page, for one of the English page."""
    return LANGUAGES.get(link, link.replace("docs/tutorial/", "docs/ko/"))


def facts(text: str) -> dict[str, object]:
    """What a page says in any language: its figures, code, commands and links."""
    lines = [line.partition("#") for line in commands(text)]
    words = re.sub(r"\]\([^)]*\)", "]", prose(text)) + " ".join(line[2] for line in lines)
    return {
        "figures": Counter(re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", words)),
        "code": set(inline(text)),
        "commands": [line[0].rstrip() for line in lines],
        "blocks": [(block.comment, block.language, block.text) for block in blocks(text)],
        "links": sorted(links(text)),
        "headings": re.findall(r"^#+(?= )", text, flags=re.MULTILINE),
    }


def parts(path: str) -> list[str]:
    """The parts of a page that are compared one by one: a notebook's cells, or its sections."""
    if path.endswith(".ipynb"):
        cells = read(TOP / path).cells
        return [cell.source for cell in cells if cell.cell_type == "markdown"]
    return re.split(r"^(?=## )", (TOP / path).read_text(), flags=re.MULTILINE)


@every_pair
def test_both_languages_state_the_same_facts(english):
    ours, theirs = parts(english), parts(PAIRS[english])
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        expected = facts(one) | {"links": sorted(map(in_korean, links(one)))}
        assert facts(other) == expected
        assert HANGUL.search(other)


@pytest.mark.parametrize(
    "changed",
    [
        "peak 160,008 B of `x`: [a](b.md)",
        "peak of `x`: [a](b.md)",
        "peak 160,000 B of `y`: [a](b.md)",
        "peak 160,000 B of `x`: [a](c.md)",
        "peak 160,000 B of `x`: a",
        "# peak 160,000 B of `x`: [a](b.md)",
        "peak 160,000 B of `x`: [a](b.md)\n\n    gradmeter list\n",
        "peak of `x`: [a](b.md)\n\n    # peak 160,008 B\n",
        "peak 160,000 B of `x`: [a](b.md)\n```console\n$ make\n```\n",
    ],
)
def test_another_fact_is_seen(changed):
    assert facts(changed) != facts("peak 160,000 B of `x`: [a](b.md)")
    assert facts("`x`의 최대 메모리는 160,000 B: [ㄱ](b.md)") == facts(
        "peak 160,000 B of `x`: [a](b.md)"
    )


@pytest.mark.parametrize("path", [*PAIRS, *PAIRS.values()])
def test_a_page_of_the_tutorial_opens_with_what_one_can_do_after_it(path):
    if not path.startswith("README"):
        assert opening(texts(TOP / path)).startswith(OPENINGS)
