"""The page of a history in a browser, and through a parser: all of it is there, and as text."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selenium.webdriver.common.keys import Keys

from gradmeter.bench.history.first_parents import Commit, FirstParents
from gradmeter.bench.history.overview import Overview
from gradmeter.bench.history.steps import steps
from gradmeter.bench.history.tracks import tracks
from gradmeter.bench.numbers import bytes_text
from gradmeter.bench.report import history_page, site

from ..browser import CHROMIUM, DRIVER
from ..history.histories import COMMITS, recording
from .published import ACCEPTED, FAILED, LATE, NAMES, PEAKS, PYTHON, UNRECORDED, publishable
from .test_page import HEBREW, HOSTILE
from .test_page_files import Text
from .test_reports import joined

in_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="the page is tested in chromium, with its chromedriver"
)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A site: the names of its commits, its overview and its folder."""
    folder = tmp_path_factory.mktemp("published")
    ids, overview = publishable(folder / "project")
    site.write(overview, "project", folder / "site", run=None, url="")
    return ids, overview, folder / "site"


@pytest.fixture
def opened(chromium, published):
    chromium.open(published[2] / site.PAGE)
    return chromium


def choose(chromium, figure):
    chromium.run(
        """const select = document.getElementById("figure");
        select.value = arguments[0];
        select.dispatchEvent(new Event("change"));""",
        figure,
    )


def chart(title):
    """The script that finds the chart of a case, as c."""
    return f"""const c = [...document.querySelectorAll(".case")].find((each) =>
      each.querySelector("h3").textContent === {title!r}).querySelector(".chart");"""


@in_browser
def test_every_case_that_changed_has_a_chart_and_the_others_are_folded(opened, published):
    _, overview, _ = published
    opened.draw()
    drawn = opened.run(
        "return [...document.querySelectorAll('.case h3')].map((e) => e.textContent)"
    )
    found = {case.key[0]: [t for t in case.tracks if t.figure == "peak"] for case in
             tracks(overview).cases}  # fmt: skip
    assert set(found) >= NAMES
    assert set(drawn) == {name for name, (track,) in found.items() if track.changed}
    rows = "return [...document.querySelectorAll('#unchanged tbody th')].map((e) => e.textContent)"
    folded = opened.run(rows)
    assert set(folded) == set(found) - set(drawn)
    assert LATE in folded, "a case with one commit"
    assert opened.run(
        """return [...document.querySelectorAll(".chart")].every((chart) =>
          chart.querySelector("svg .mark-line path")
          && chart.querySelector("svg .mark-rule line"))"""
    )
    for index in range(len(drawn)):
        rows = [row for row in opened.table(index, "history") if row["value"] is not None]
        (track,) = found[drawn[index]]
        assert [(r["begin"] - 1, r["end"] - 1, r["value"]) for r in reversed(rows)] == [
            (level.commits[0], level.commits[-1], level.value) for level in track.levels
        ]
    assert opened.errors() == []


@in_browser
def test_a_chart_tells_the_commit_under_the_pointer_and_with_the_keys(opened, published):
    ids, _, _ = published
    opened.draw()
    opened.run(
        chart(PEAKS) + "c.scrollIntoView({ block: 'center' }); c.focus({ focusVisible: true })"
    )
    keys = opened.driver.switch_to.active_element
    tip = "return document.getElementById('tip').innerText"
    keys.send_keys(Keys.HOME)
    assert ids[0][:12] in opened.run(tip)
    keys.send_keys(Keys.PAGE_DOWN)
    shown = opened.run(tip)
    assert f"commit {ids[ACCEPTED][:12]}, 2023-12-04" in shown
    assert "author A. Reader" in shown
    assert f"Change number {ACCEPTED}" in shown
    assert "peak 24.0 MB (24,000,000 B)" in shown
    assert "step +8.0 MB, undone" in shown
    assert f"23.0 MB src/smoothing.py:{ACCEPTED + 1} `x = np.array(x)`" in shown
    assert ids[ACCEPTED][:12] in keys.get_attribute("aria-valuetext")
    keys.send_keys(Keys.ARROW_RIGHT)
    assert ids[ACCEPTED + 1][:12] in opened.run(tip)
    keys.send_keys(Keys.PAGE_DOWN)
    assert ids[FAILED[0]][:12] in opened.run(tip)
    assert "not measured the build fails: gcc" in opened.run(tip)
    keys.send_keys(Keys.ESCAPE)
    assert opened.run("return document.getElementById('tip').hidden")
    where = opened.run(
        chart(PEAKS)
        + """const r = c.querySelector("svg .background").getBoundingClientRect();
        return [r.left, r.right, r.top + r.height / 2]"""
    )
    seen = set()
    for part in range(21):
        x = where[0] + (where[1] - where[0]) * part / 20
        opened.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=where[2])
        seen.add(opened.run(tip).split()[1])
    assert {ids[0][:12] + ",", ids[-1][:12] + ","} < seen
    assert len(seen) > 15
    assert opened.errors() == []


@in_browser
def test_what_was_not_recorded_is_no_thick_line_and_what_failed_is_a_band(opened):
    opened.draw()
    stretches = opened.run(
        chart(PEAKS) + "return [...c.querySelectorAll('svg .mark-rule.role-mark line')].length"
    )
    rows = [r for r in opened.table(0, "history") if r["value"] is None]
    assert [(r["begin"] - 1, r["end"] - 1) for r in rows] == [(FAILED[0], FAILED[-1])]
    assert stretches > len(UNRECORDED) // 2
    assert opened.run(chart(PEAKS) + "return c.querySelectorAll('svg .mark-rect path').length") == 1


@in_browser
def test_series_of_different_versions_are_drawn_apart(opened):
    choose(opened, "python_peak")
    opened.draw()
    title = opened.run("return document.querySelector('.case h3').textContent")
    assert title == PYTHON
    key = opened.run(
        "return [...document.querySelectorAll('.case .key li')].map((e) => e.innerText)"
    )
    assert len(set(key)) == 2
    assert {row["series"] for row in opened.table(0, "history")} == {1, 2}
    assert opened.run("return document.querySelectorAll('.case svg .mark-line path').length") == 2
    assert opened.errors() == []


@in_browser
def test_a_case_of_a_step_leads_to_its_chart_and_a_search_to_its_case(opened, published):
    ids, _, _ = published
    opened.run(
        f"""document.querySelector("#step-{ids[41]} a").click()"""
    )  # of allocations, at a commit after one without figures
    assert opened.run("return document.getElementById('figure').value") == "allocations"
    opened.draw()
    told = opened.run("return document.activeElement.getAttribute('aria-valuetext')")
    assert ids[41][:12] in told
    choose(opened, "peak")
    opened.run(
        """const search = document.getElementById("search");
        search.value = "smoothing PEAKS";
        search.dispatchEvent(new Event("input"));"""
    )
    assert opened.run("return document.querySelectorAll('.case:not([hidden])').length") == 1
    assert "1 case changed, 0 did not" in opened.run(
        "return document.getElementById('count').value"
    )


@in_browser
def test_steps_are_shown_by_what_became_of_them(opened):
    shown = """return [...document.querySelectorAll(".step")].filter((e) =>
      getComputedStyle(e).display !== "none").map((e) => e.dataset.status)"""
    assert set(opened.run(shown)) == {"open", "accepted", "less"}
    opened.run("document.getElementById('show-open').click()")
    assert set(opened.run(shown)) == {"accepted", "less"}
    assert "lists are worth it" in opened.run("return document.querySelector('#steps').innerText")


@in_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(chromium, published, theme):
    chromium.open(published[2] / site.PAGE, width=390, height=844)
    chromium.run("document.documentElement.dataset.theme = arguments[0]", theme)
    chromium.draw()
    assert chromium.run("return document.documentElement.scrollWidth") <= 390


@in_browser
def test_a_printed_page_has_every_chart(opened):
    printed = base64.b64decode(opened.command("Page.printToPDF")["data"])
    assert printed.startswith(b"%PDF")
    left = "return document.querySelectorAll('.chart:not([data-drawn=yes])').length"
    assert opened.run(left) == 0


@in_browser
def test_bytes_are_written_as_everywhere(opened):
    chance = random.Random(0)
    counts = [int(10 ** chance.uniform(0, 13)) for _ in range(300)]
    counts += [1000 * n + 250 for n in range(9, 60)] + [999_949, 999_950, 10_000, 9_999]
    # One case of all of these values, in the page's own script.
    ids = [f"{number:040x}" for number in range(len(counts))]
    line = FirstParents(tuple(Commit(c, "a", "2026-01-01", "s") for c in ids), frozenset(ids))
    made = [recording(c, {("t", 0, ""): {"peak": n}}) for c, n in zip(ids, counts, strict=True)]
    overview = Overview(
        "HEAD", line, tuple(made), steps(made, line.order), {}, frozenset(), frozenset()
    )
    path = opened.driver.current_url.removeprefix("file://").replace("index.html", "bytes.html")
    found = tracks(overview)
    entries = history_page.entries(overview, found)
    with open(path, "w") as file:
        file.write(history_page.render(overview, found, "t", entries, run="", feed=""))
    opened.driver.get(f"file://{path}")
    opened.draw()
    cells = opened.run(
        """return [...document.querySelectorAll(".case td[data-v]")].map((cell) =>
          [Number(cell.dataset.v), cell.textContent])"""
    )
    assert len(cells) == len(found.cases[0].tracks[0].levels)
    assert [text for _, text in cells] == [bytes_text(count) for count, _ in cells]


def named(name, commits=3):
    """A history whose case, figure, commits and reasons have a name."""
    line = FirstParents(
        tuple(Commit(c, name, "2026-01-01T00:00:00+00:00", name) for c in COMMITS[:commits]),
        frozenset(COMMITS[:commits]),
    )
    made = [
        recording(c, {(name, 0, name): {"peak": n, "held": 1, name: n}})
        for n, c in enumerate(COMMITS[: commits - 1])
    ]
    problems = {COMMITS[commits - 1]: name}
    return Overview(
        "HEAD", line, tuple(made), steps(made, line.order), problems, frozenset(), frozenset()
    )


def rendered(overview, name="a name"):
    found = tracks(overview)
    entries = history_page.entries(overview, found)
    return history_page.render(overview, found, name, entries, run="", feed="feed.xml")


@settings(max_examples=25, deadline=None)
@given(
    st.one_of(st.sampled_from([HOSTILE, "x" * 5000, "-->", "<!--", "]]>"]), st.text(max_size=20))
)
@example(HOSTILE)
def test_no_name_changes_what_the_page_is_made_of(name):
    usual, hostile = Text(rendered(named("a name"))), Text(rendered(named(name), name))
    assert hostile.tags == usual.tags
    if name == HOSTILE:
        assert joined("".join(hostile.text)).count(joined("onerror=document.title='pwned'")) >= 4


@in_browser
def test_hostile_names_are_text_everywhere(chromium, tmp_path):
    (tmp_path / "x.html").write_text(rendered(named(HOSTILE), HOSTILE))
    chromium.open(tmp_path / "x.html")
    chromium.draw()
    chromium.run("document.querySelector('.chart').focus({ focusVisible: true })")
    for key in (Keys.HOME, Keys.ARROW_RIGHT, Keys.END):
        chromium.driver.switch_to.active_element.send_keys(key)
        assert "onerror" in chromium.run("return document.getElementById('tip').textContent")
    assert chromium.errors() == []
    assert not chromium.driver.title.startswith("pwned")
    assert chromium.run("return document.images.length") == 0
    assert HEBREW in chromium.run("return document.querySelector('.case h3').textContent")
    assert chromium.run("return document.querySelectorAll('.case').length") == 1
