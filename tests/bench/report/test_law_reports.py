"""The laws of a run in its reports: one table, the same in each, and what they say only once."""

from __future__ import annotations

import re
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from gradmeter.bench.laws import extra
from gradmeter.bench.report import comparison, markdown, page
from gradmeter.bench.report import laws as law_report
from gradmeter.bench.results import run_file
from gradmeter.bench.session import PAGE_FILE, REPORT_FILE, RUN_FILE
from gradmeter.bench.verdicts import law_search

from ...thorough import examples
from ..browser import CHROMIUM, DRIVER
from ..command import TINY, gradmeter
from ..measured_laws import following
from ..run_files import STRONG, WEAK, case, run
from .test_page_files import Text
from .test_reports import HOSTILE, every_table, joined, shown

SIZES = [1000, 5000, 40_000]
WEAK_LAWS = {
    "peak": lambda size, n: 8 * size * (n + 2),
    "held": lambda size, n: 24 * size + 8,
}
STRONG_LAWS = {**WEAK_LAWS, "peak": lambda size, n: 8 * size * (n + 3)}


def law_lines(text: str) -> list[str]:
    """The lines of the table of laws in a terminal, blanks apart."""
    lines = [" ".join(line.split()) for line in text.split("\n")]
    start = next(i for i, line in enumerate(lines) if line.startswith("Laws"))
    return lines[start : lines.index("", start)]


def markdown_rows(text: str) -> list[list[str]]:
    """The rows of the table of laws in a Markdown report."""
    section = text.partition("## Laws\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.split("\n") if line.startswith("|")]
    return [row for row in rows if len(row) > 2][2:]


def chains(sizes=SIZES, depths=(3, 4, 9)):
    return following({WEAK: WEAK_LAWS, STRONG: STRONG_LAWS, "again": WEAK_LAWS}, sizes, depths)


def test_every_report_has_the_laws_before_the_long_tables():
    found = chains()
    text = every_table(found)
    assert law_lines(text)[:7] == [
        "Laws in arrays of 8 N bytes, N = 1,000, 5,000 and 40,000, n = 3, 4 and 9",
        "variant peak held cycle forward backward",
        "chain-n",
        f"{WEAK} (baseline), n + 2 3 + 8 B 0 0 0",
        "again",
        f"{STRONG} n + 3 3 + 8 B 0 0 0",
        law_report.HOLDS + ", n the depth.",
    ]
    assert text.index("Laws in") < text.index("chain-3 x 1,000")
    rendered = markdown.render(found)
    assert markdown_rows(rendered) == [
        [f"{WEAK} (baseline), again", "n + 2", "3 + 8 B", "0", "0", "0"],
        [STRONG.replace("_", "&#95;"), "**n + 3**", "3 + 8 B", "0", "0", "0"],
    ]
    assert rendered.index("## Laws") < rendered.index("<details>")
    html = page.render(found)
    assert html.index('id="laws"') < html.index('id="cases"')
    assert html.count('<td class="other"><span>n + 3</span></td>') == 1


def test_a_change_is_told_once_as_a_law_and_not_at_every_size():
    found = chains()
    said = f"{STRONG} on chain-n, in arrays: peak n + 3 instead of n + 2."
    assert "".join(Text(markdown.render(found)).text).count(said) == 1
    cell = "n\N{NO-BREAK SPACE}+\N{NO-BREAK SPACE}2\N{NO-BREAK SPACE}→ n\N{NO-BREAK SPACE}+"
    depths = 3  # a row for each, which all sizes share
    assert "".join(Text(page.render(found)).text).count(cell) == depths
    assert markdown.render(found).count("instead of") == 1
    assert "instead of" not in shown(found) + every_table(found)
    compared = "".join(Text(comparison.render(found, [])).text)
    assert compared.count("on chain-n, in arrays: peak n + 3 instead of n + 2.") == 1


def test_what_no_law_covers_is_told_at_its_size():
    odd = {**WEAK_LAWS, "peak": lambda size, n: 8 * size * (n + 2) + size % 7}
    found = following({WEAK: WEAK_LAWS, STRONG: odd}, SIZES, ())
    text = " ".join(every_table(found).split())
    for size in SIZES:
        assert f"on chain x {size:,}: " in text
    assert f"gradmeter law chain --variant {STRONG} looks for where" in text


def test_more_sizes_are_asked_for_where_they_would_tell():
    two = every_table(chains(SIZES[:2]))
    assert "? 0 0 0" in law_lines(two)[4] + law_lines(two)[3]
    assert "?: two sizes tell no formula of more than one term; one more size may." in two
    assert "more size" not in every_table(chains())
    assert "more depth" in every_table(chains([1000], (3, 4)))


def test_a_law_may_count_the_objects_in_cycles_and_the_bytes_of_no_arrays():
    cycle = {**WEAK_LAWS, "cycle": lambda size, n: 8 * n}
    found = following({WEAK: WEAK_LAWS, STRONG: cycle}, SIZES, (3, 4, 9))
    kept = (
        f"keeps 8 n B in reference cycles (n objects) until the collector runs; {WEAK} keeps none"
    )
    assert f"{STRONG} on chain-n, in arrays: {kept}." in "".join(Text(markdown.render(found)).text)
    cases = [msgspec.structs.replace(c, array_bytes=c.size + 1) for c in found.cases]
    text = every_table(msgspec.structs.replace(found, cases=cases))
    assert "Laws in bytes" in text
    assert "8 N (n + 2) B" in " ".join(text.split())


@pytest.mark.parametrize("report", [shown, every_table, markdown.render, page.render])
def test_without_sympy_one_sentence_says_what_to_install(report, monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    text = " ".join(report(chains()).split())
    assert text.count("pip install sympy") == 1
    assert "instead of" in text or "->" in text
    assert "pip install" not in report(run())


@settings(deadline=None, max_examples=10)
@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)))
def test_names_are_text_in_the_tables_of_laws(name):
    def named(text: str):
        cases = [
            case(workload=text, variant=text + end, size=size, array_bytes=8 * size)
            for size in (10, 20)
            for end in ("", "2")
        ]
        return run(*cases, comparisons=[])

    terminal_text, html = every_table(named(name)), page.render(named(name))
    assert all(cell_len(line) <= 80 for line in terminal_text.split("\n"))
    assert Text(html).tags == Text(page.render(named("a name"))).tags
    rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tags = [
        Counter(re.findall(r"<(\w+)", rendered.render(markdown.render(named(text)))))
        for text in (name, "a name")
    ]
    if name == name.strip() != "":
        assert tags[0] == tags[1]
    if name in HOSTILE:
        assert joined(terminal_text).count(joined(name)) >= 3


@settings(deadline=None, max_examples=examples(30))
@given(
    st.lists(st.integers(1, 2**40), min_size=2, max_size=5, unique=True),
    st.lists(st.integers(0, 2**62), min_size=10, max_size=10),
    st.sampled_from([(), (3,), (3, 4, 5)]),
    st.integers(1, 9),
)
def test_figures_of_any_kind_have_reports_that_fit(sizes, numbers, depths, itemsize):
    def figure(at: int):
        return lambda size, n: (numbers[at] * size + numbers[(at + n) % 10]) % 2**62

    figures = {name: figure(i) for i, name in enumerate(("peak", "held", "forward"))}
    found = following({WEAK: figures, "x" * 90: {**figures, "peak": figure(7)}}, sizes, depths)
    cases = [msgspec.structs.replace(c, array_bytes=itemsize * c.size) for c in found.cases]
    found = msgspec.structs.replace(found, cases=cases)
    text = every_table(found)
    assert text.startswith("Laws")
    for lines in (text, shown(found)):
        assert all(cell_len(line) <= 80 for line in lines.split("\n"))
    assert len({len(row) for row in markdown_rows(markdown.render(found)) if len(row) > 2}) == 1


@pytest.fixture(scope="module")
def three_sizes(tmp_path_factory):
    """A run that was really made, at three sizes: its folder, and what was said."""
    folder = tmp_path_factory.mktemp("laws") / "run"
    words = [word for n in (2, 3, 5) for word in ("--workload", f"constant_sums-{n}")]
    said = gradmeter(
        "run", *TINY, "--size", 64, "--size", 256, *words, "--variant", WEAK, "--variant", STRONG,
        "--sets", 0, "--exact", "--out", folder, "--all",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr + said.stdout
    return folder, said.stdout


def test_a_real_run_at_three_sizes_says_its_laws(three_sizes):
    folder, said = three_sizes
    assert law_lines(said) == [
        "Laws in arrays of 8 N bytes, N = 16, 64 and 256, n = 2, 3 and 5",
        "pre-",
        "variant peak held cycle forward backward dicted",
        "constant_sums-n",
        f"{WEAK} (baseline) 3 + 8 B 3 0 3 + 8 B 3 equal",
        f"{STRONG} n + 2 n + 2 n + 2 n + 1 n + 2 equal",
        "+ 8 B",
        law_report.HOLDS + ", n the depth.",
    ]
    text = (folder / REPORT_FILE).read_text()
    bold = ["**n + 2**", "**n + 2**", "**n + 2**", "**n + 1 + 8 B**", "**n + 2**", "equal"]
    assert markdown_rows(text)[1][1:] == bold
    assert law_lines(gradmeter("show", "--all", folder).stdout) == law_lines(said)


def test_the_run_file_holds_no_laws(three_sizes):
    folder, _ = three_sizes
    assert b"law" not in (folder / RUN_FILE).read_bytes()
    assert law_search.of_run(run_file.load(folder / RUN_FILE))


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="the page is tested in chromium")
@pytest.mark.parametrize("width", [390, 1200])
def test_the_table_is_whole_on_the_page_and_scrolls_by_itself(three_sizes, width, chromium):
    folder, _ = three_sizes
    chromium.open(folder / PAGE_FILE, width=width)
    rows = chromium.run(
        """return [...document.querySelectorAll("#laws tbody tr")].map((row) =>
          [...row.cells].map((cell) => cell.textContent))"""
    )
    assert rows[2] == [STRONG, "n + 2", "n + 2", "n + 2", "n + 1 + 8 B", "n + 2", "equal"]
    assert chromium.run("return document.documentElement.scrollWidth") <= width
    broken = chromium.run(
        """return [...document.querySelectorAll("#laws td span")].filter((span) =>
          span.getClientRects().length > 1).map((span) => span.textContent)"""
    )
    assert broken == []
    assert chromium.errors() == []
