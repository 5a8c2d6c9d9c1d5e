"""The page in a browser: all of it is drawn, equals the run, and reads well anywhere."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from gradmeter.bench.report import page
from gradmeter.bench.results import run_file
from gradmeter.bench.results.readings import Heap
from gradmeter.bench.session import PAGE_FILE, RUN_FILE
from gradmeter.bench.timelines import drawing
from gradmeter.bench.verdicts import verdicts

from ..browser import CHROMIUM, DRIVER
from ..large_runs import VARIANTS, chain, large, sets
from ..run_files import MB, case, ordinary, run, strong
from .test_reports import named

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="the page is tested in chromium, with its chromedriver"
)

HEBREW = "\u05e9\u05dc\u05d5\u05dd"
HOSTILE = (
    f"<img src=x onerror=document.title='pwned'>\"'</script>\n\u202e{HEBREW} &amp; {{{{ 7*7 }}}}"
)


@pytest.fixture(scope="module")
def measured(finished):
    """A run that was really made, and the page that was written with it."""
    folder, _ = finished
    return run_file.load(folder / RUN_FILE), folder / PAGE_FILE


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The page of 40 cases with verdicts, timelines and series."""
    path = tmp_path_factory.mktemp("many") / PAGE_FILE
    path.write_text(page.render(large(40)))
    return path


def undrawn(chromium) -> list[str]:
    """The charts in which there is no mark."""
    return chromium.run(
        """return [...document.querySelectorAll(".chart")].filter((chart) =>
          !chart.querySelector("svg .mark-rect path, svg .mark-rule line, svg .mark-symbol path"))
          .map((chart) => chart.ariaLabel)"""
    )


@pytest.mark.parametrize("source", ["measured", "many"])
def test_every_chart_is_drawn_and_nothing_complains(chromium, source, request):
    found = request.getfixturevalue(source)
    chromium.open(found[1] if isinstance(found, tuple) else found)
    chromium.draw()
    assert chromium.run("return document.querySelectorAll('.chart svg').length") > 5
    assert undrawn(chromium) == []
    assert chromium.errors() == []


def test_charts_are_drawn_only_when_they_come_into_view(chromium, many):
    chromium.open(many)
    count = "return document.querySelectorAll('.chart[data-drawn]').length"
    assert chromium.run(count) == 0
    chromium.run("document.querySelector('.chart').scrollIntoView()")
    wait(chromium)
    of_all = chromium.run("return document.querySelectorAll('.chart').length")
    assert 0 < chromium.run(count) < of_all / 3


def wait(chromium) -> None:
    """Wait until a chart is drawn."""
    chromium.driver.execute_async_script(
        """const look = () => document.querySelector(".chart[data-drawn=yes]")
          ? arguments[0]() : setTimeout(look, 20);
        look();"""
    )


def test_the_page_reaches_for_nothing(chromium, many):
    chromium.open(many)
    chromium.draw()
    assert chromium.run("return performance.getEntriesByType('resource').length") == 0
    assert "default-src 'none'" in many.read_text()


def test_memory_behind_the_charts_is_that_of_the_run(chromium, measured):
    found, path = measured
    chromium.open(path)
    count = "return document.querySelectorAll('.chart[data-kind=memory]').length"
    shown = [
        (row["name"].removesuffix(" (baseline)"), row["part"], row["value"], row["expected"])
        for i in range(chromium.run(count))
        for row in chromium.table(i, "memory")
    ]
    expected = []
    for case_ in found.cases:
        assert case_.figures
        assert case_.predicted
        hoped = case_.predicted
        for part, right in (("peak", hoped.peak), ("held", hoped.held), ("cycle", hoped.dropped)):
            expected.append((case_.variant, part, case_.figures[part], right))
    assert sorted(shown) == sorted(expected)


def test_every_case_is_in_one_section_with_its_figures(chromium, measured):
    found, path = measured
    chromium.open(path)
    shown = chromium.run(
        """return Object.fromEntries([...document.querySelectorAll("#cases tr[id]")].map((row) => {
          const heads = [...row.closest("table").tHead.rows[0].cells].map((head) => head.dataset.f);
          return [row.id, Object.fromEntries(heads.map((head, i) =>
            [head, row.cells[i].dataset.v ?? row.cells[i].textContent]))];
        }))"""
    )
    assert len(shown) == len(found.cases)
    for number, case_ in enumerate(found.cases, 1):
        row = shown[f"case-{number}"]
        assert row["name"].startswith(case_.variant)
        assert case_.figures
        for part in ("peak", "held", "cycle", "forward", "backward"):
            assert int(row.get(part, 0)) == case_.figures[part]


def test_timelines_behind_the_charts_are_those_of_the_run(chromium, measured):
    found, path = measured
    chromium.open(path)
    traced = [row.case for row in verdicts.ordered(found)[0][1]]
    for i, case_ in enumerate(traced):  # the baseline, then the largest effect
        assert case_.timeline
        rows = chromium.table(i, "stack")
        assert max(row["peak"] for row in rows) == max(case_.timeline.peaks)
        for row in rows:
            assert sum(row[category] for category in drawing.CATEGORIES) == row["peak"]
        lives = chromium.table(i, "lives")
        counted = [a for a in case_.timeline.arrays if a.born >= 0]
        assert sorted((a.name, a.bytes) for a in counted) == sorted(
            (row["name"], row["bytes"]) for row in lives
        )


def test_timelines_name_their_operations_and_mark_the_peak(chromium, measured):
    found, path = measured
    chromium.open(path)
    chromium.draw()
    charts = chromium.run(
        """return ["stack", "lives"].map((kind) => [...document.querySelectorAll(
          `#effects .chart[data-kind="${kind}"]`)].map((chart) =>
          [...chart.querySelectorAll("text")].map((text) => text.textContent)))"""
    )
    traced = [row.case for row in verdicts.ordered(found)[0][1]]
    for case_, stack, lives in zip(traced, *charts, strict=True):
        assert case_.timeline
        names = {f"{o.name}#{o.number}" for o in case_.timeline.operations if o.number}
        assert names <= {*stack}
        assert names <= {*lives}
        peak = drawing.drawing(case_.timeline).peak
        assert peak
        arrays = f"{peak.peak / case_.array_bytes:.2f}".removesuffix(".00")
        assert f"peak {arrays} arrays in {peak.name}" in stack


def test_an_engine_without_exact_bytes_has_the_bars_of_its_heap(chromium, tmp_path):
    lacking = {"allocations": [], "cycles": None, "predicted": None}
    theirs = case(variant="theirs", heap=[Heap(peak=90 * MB, held=30 * MB)], **lacking)
    ours = case(heap=[Heap(peak=50 * MB, held=25 * MB)])
    (tmp_path / PAGE_FILE).write_text(page.render(run(ours, theirs)))
    chromium.open(tmp_path / PAGE_FILE)
    chromium.draw()
    labels = chromium.run(
        "return [...document.querySelectorAll('#cases .chart text')].map((t) => t.textContent)"
    )
    assert {text for text in labels if text.startswith(("peak", "heap peak"))} == {
        "heap peak 50.0 MB",
        "peak 5 arrays, as predicted",
        "heap peak 90.0 MB",
    }
    hollow = chromium.run(
        """return [...document.querySelectorAll("#cases .mark-rect.role-mark path")]
          .filter((bar) => bar.getAttribute("stroke")).map((bar) =>
          [bar.ariaLabel.includes("heap"), bar.getAttribute("fill-opacity") === "0"])"""
    )
    assert len(hollow) == 7
    assert all(is_heap == is_hollow for is_heap, is_hollow in hollow)


def test_what_tells_names_apart_is_seen_on_a_phone(chromium, tmp_path):
    names = [f"tests/a_long_path/test_file.py::TestIt::{'test_' * 12}[{i}]" for i in range(3)]
    (tmp_path / PAGE_FILE).write_text(page.render(run(*map(ordinary, names), comparisons=[])))
    chromium.open(tmp_path / PAGE_FILE, width=390)
    chromium.draw()
    labels = chromium.run(
        "return [...document.querySelectorAll('#cases .chart text')].map((t) => t.textContent)"
    )
    assert {text[-3:] for text in labels if "test_" in text} == {f"[{i}]" for i in range(3)}


def test_ratios_and_rounds_behind_the_charts_are_those_of_the_run(chromium, tmp_path):
    slow = strong(times=sets(0.013))
    found = run(case(times=sets(0.01)), slow)
    (tmp_path / PAGE_FILE).write_text(page.render(found))
    chromium.open(tmp_path / PAGE_FILE)
    [row] = chromium.table(0, "ratios")
    time = verdicts.time(slow, found.cases[0], found.options)
    assert time is not None
    assert [row["ratio"], row["low"], row["high"]] == pytest.approx(
        [time.ratio, time.low, time.high], rel=1e-3
    )
    assert row["verdict"] == time.word == "slower"
    rounds = chromium.table(0, "rounds")
    assert [float(ms) for row in rounds for ms in row["rounds"].split()] == pytest.approx(
        [1000 * s for c in found.cases for times in c.times for s in times.total], rel=1e-3
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(chromium, many, theme):
    chromium.open(many, width=390, height=844)
    chromium.run("document.documentElement.dataset.theme = arguments[0]", theme)
    chromium.draw()
    assert chromium.run("return document.documentElement.scrollWidth") <= 390
    wide = chromium.run(
        """return [...document.querySelectorAll(".chart svg text")].filter((text) => {
          const box = text.getBoundingClientRect();
          return box.left < -1 || box.right > innerWidth + 1;
        }).map((text) => text.textContent)"""
    )
    assert wide == []
    assert chromium.errors() == []


def test_the_theme_is_switched_with_the_keyboard(chromium, many):
    chromium.open(many)
    chromium.run("localStorage.clear(); document.documentElement.dataset.theme = 'light'")
    paper = "return getComputedStyle(document.body).backgroundColor"
    before = chromium.run(paper)
    button = chromium.driver.find_element("id", "theme")
    chromium.run("arguments[0].focus()", button)
    first = button.text
    button.send_keys(Keys.ENTER)
    assert chromium.run(paper) != before
    assert {first, button.text} == {"Use dark colours", "Use light colours"}
    chromium.open(many)  # the choice stays
    assert chromium.run(paper) != before
    chromium.driver.find_element("id", "theme").send_keys(Keys.SPACE)
    assert chromium.run(paper) == before


def test_the_page_follows_the_theme_of_the_system(chromium, many):
    chromium.open(many)
    chromium.run("localStorage.clear()")
    papers = []
    for value in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": value}]
        chromium.command("Emulation.setEmulatedMedia", features=features)
        chromium.open(many)
        papers.append(chromium.run("return getComputedStyle(document.body).backgroundColor"))
    chromium.command("Emulation.setEmulatedMedia", features=[])
    assert len(set(papers)) == 2


def test_hostile_names_are_text_everywhere(chromium, tmp_path):
    found = named(HOSTILE)
    traced = [
        type(c)(**{f: getattr(c, f) for f in c.__struct_fields__} | {"timeline": chain(3, 8 * MB)})
        for c in found.cases
    ]
    found = run(*traced)
    (tmp_path / PAGE_FILE).write_text(page.render(found))
    chromium.open(tmp_path / PAGE_FILE)
    chromium.draw()
    assert chromium.errors() == []
    assert "pwned" not in chromium.driver.title
    assert chromium.run("return document.images.length") == 0
    assert "onerror" in chromium.run(
        "return document.querySelector('.chart svg').textContent + document.body.innerText"
    )
    assert "onerror" in chromium.run(
        """const bar = document.querySelector(
          ".chart[data-kind=memory] .mark-rect.role-mark path");
        bar.dispatchEvent(new PointerEvent("pointermove", { bubbles: true }));
        bar.dispatchEvent(new MouseEvent("mousemove", { bubbles: true }));
        bar.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
        return document.getElementById("tip").textContent"""
    )
    assert chromium.run("return document.querySelectorAll('#tip img, #tip script').length") == 0


def test_the_page_is_for_every_reader(chromium, many):
    chromium.open(many)
    levels = chromium.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert chromium.run("return document.querySelectorAll('main').length") == 1
    assert chromium.run(
        """return [...document.querySelectorAll("table")].every((table) => table.caption
          && table.querySelectorAll("thead th:not([scope=col])").length === 0
          && [...table.tBodies].every((body) => [...body.rows].every((row) =>
            ["row", "rowgroup"].includes(row.cells[0].scope))))"""
    )
    assert chromium.run(
        """return [...document.querySelectorAll(".chart")].every((chart) =>
          chart.ariaLabel.length > 20 && chart.parentElement.querySelector("details table"))"""
    )
    links = "return [...document.querySelectorAll('nav a, .skip')].map((a) => a.hash.slice(1))"
    for target in chromium.run(links):
        assert chromium.run("return document.getElementById(arguments[0]) !== null", target)


def test_a_printed_page_has_every_chart(chromium, many):
    chromium.open(many)
    printed = base64.b64decode(chromium.command("Page.printToPDF")["data"])
    assert printed.startswith(b"%PDF")
    assert (
        chromium.run(
            """return [...document.querySelectorAll(".chart")].filter((chart) =>
          !chart.closest("details") && chart.dataset.drawn !== "yes").length"""
        )
        == 0
    )


def test_a_page_of_500_cases_is_small_and_opens(chromium, tmp_path):
    path: Path = tmp_path / PAGE_FILE
    path.write_text(page.render(large(500)))
    assert path.stat().st_size < 5_000_000
    chromium.open(path)
    assert chromium.run("return document.querySelectorAll('#cases tr[id]').length") == 500
    chromium.run("document.querySelector('.chart').scrollIntoView()")
    wait(chromium)
    assert chromium.errors() == []
    assert len(VARIANTS) * 125 == 500
