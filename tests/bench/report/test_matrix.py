"""The picture at the top of the page: a cell for each case, its colour, its sign and its link."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selenium.webdriver.common.keys import Keys

from gradmeter.bench.report import matrix, matrix_cells, page, sections, summary
from gradmeter.bench.results.readings import Allocations, Failure, Heap
from gradmeter.bench.results.run import Comparison
from gradmeter.bench.session import PAGE_FILE
from gradmeter.bench.verdicts import law_search, verdicts
from gradmeter.bench.verdicts.verdicts import Row

from ...thorough import examples
from ..browser import CHROMIUM, DRIVER
from ..large_runs import sets
from ..run_files import MB, any_runs, case, ordinary, run, runs

in_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="the page is tested in chromium, with its chromedriver"
)
UNIT = 8 * MB
# Peaks in arrays, by the step of the colours that they have beside the baseline's 20.
PEAKS = {
    "more1": 21, "more2": 28, "more3": 38, "more4": 60,
    "less1": 19, "less2": 15, "less3": 11, "less4": 5, "equal": 20,
}  # fmt: skip
SIZES = (1000, 10_000)


def with_peak(arrays: int, seconds: float = 0.01, **changes):
    """A case with this peak, in arrays."""
    figures = Allocations(forward=UNIT, backward=UNIT, peak=arrays * UNIT, held=arrays * MB)
    return case(
        allocations=[figures] * 2, times=sets(seconds), array_bytes=UNIT, predicted=None, **changes
    )


def picture(found):
    """The grids of a run by measure."""
    short = summary.of_run(found, law_search.of_run(found))
    return {grid.measure: grid for grid in matrix.grids(found, short, sections.anchors(found))}


@pytest.fixture(scope="module")
def rainbow():
    """A run whose cells have every colour, on two workloads of two sizes, and what can go wrong."""
    failure = Failure("measure", "MemoryError", "no memory for <b>that</b>")
    gone = {"allocations": [], "times": [], "cycles": None, "predicted": None}
    found, comparisons = [], []
    for workload in ("first_workload", "한국어로_쓴_작업"):
        for size in SIZES:
            where = {"workload": workload, "size": size}
            found.append(with_peak(20, **where))
            found += [
                with_peak(peak, 0.0100001 * peak / 20, variant=f"engine:kind={kind}", **where)
                for kind, peak in PEAKS.items()
            ]
            found += [
                case(variant="failed", failure=failure, **gone, **where),
                case(variant="lacking", failure=Failure("make", "cannot", "no"), **gone, **where),
                case(variant="heap", heap=[Heap(peak=90 * MB, held=9)], **gone, **where),
            ]
            names = [c.variant for c in found if (c.workload, c.size) == (workload, size)]
            comparisons.append(Comparison(**where, baseline=names[0], candidates=names[1:]))
    return run(*found, comparisons=comparisons)


@pytest.fixture(scope="module")
def opened(rainbow, tmp_path_factory):
    """The page of that run."""
    path = tmp_path_factory.mktemp("rainbow") / PAGE_FILE
    path.write_text(page.render(rainbow), encoding="utf-8")
    return path


@settings(any_runs, max_examples=examples(15))
@given(runs())
def test_of_every_run_each_row_has_a_cell_for_each_column(found):
    short = summary.of_run(found, law_search.of_run(found))
    places = sections.anchors(found)
    for grid in matrix.grids(found, short, places):
        for line in grid.lines:
            assert len(line.cells) == len(grid.columns)
            assert {cell.anchor for cell in line.cells} <= {"", *places.values()}
    anchors = [a for s in sections.sections(found, places, {}) for a in s.anchors if a]
    assert sorted(anchors) == sorted(places.values())


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(1, 2**30))
def test_a_cell_tells_by_its_sign_and_its_colour_whether_it_is_more(before, after, unit):
    def alone(peak: int):
        figures = Allocations(forward=0, backward=0, peak=peak, held=0)
        return case(allocations=[figures] * 2, array_bytes=unit, variant=str(peak))

    cell = matrix_cells.candidate_cell("peak", Row(alone(after), alone(before), None), {}, "case-1")
    kind, sign = (
        ("equal", "=") if after == before else ("more", "+") if after > before else ("less", "-")
    )
    assert cell.kind.startswith(kind)
    assert cell.text.startswith(sign)
    assert f"{after:,} B" in cell.title
    assert f"{before:,} B" in cell.title
    if min(before, after) > 0 and before != after:
        factor = max(before, after) / min(before, after)
        assert int(cell.kind[-1]) == 1 + (factor > 1.1) + (factor > 1.5) + (factor > 2)
        assert not re.fullmatch(r"[+-]?0(\.0+)?", cell.text)


def test_sizes_that_look_the_same_are_one_row_with_the_figures_of_both(rainbow):
    grids = picture(rainbow)
    assert [line.sizes for line in grids["peak"].lines] == [SIZES, SIZES]
    for cell in grids["peak"].lines[0].cells[:10]:
        assert [f"x {size:,}: " in cell.title for size in SIZES] == [True, True]
    other = [
        with_peak(30, workload="first_workload", size=SIZES[1], variant=c.variant)
        if (c.workload, c.size, c.variant) == ("first_workload", SIZES[1], "engine:kind=more1")
        else c
        for c in rainbow.cases
    ]
    lines = picture(msgspec.structs.replace(rainbow, cases=other))["peak"].lines
    assert [line.sizes for line in lines] == [(SIZES[0],), (SIZES[1],), SIZES]


def test_every_colour_is_that_of_its_step(rainbow):
    for measure in ("peak", "time"):
        cells_of = picture(rainbow)[measure].lines[0].cells[1:10]
        kinds = [cell.kind for cell in cells_of]
        assert kinds[:8] == [*PEAKS][:8]
    assert [cell.text for cell in picture(rainbow)["peak"].lines[0].cells[-3:]] == [
        "failed", "-", "90.0 MB",
    ]  # fmt: skip


def test_a_run_without_comparisons_shows_what_each_case_takes():
    found = run(*(with_peak(n, workload=f"w{n}") for n in (5, 10, 40)), comparisons=[])
    (grid,) = picture(found).values()
    assert [name for name, _ in grid.columns] == ["peak", "held", "median"]
    assert [line.cells[0].text for line in grid.lines] == ["5", "10", "40"]
    assert [line.cells[0].share for line in grid.lines] == pytest.approx([12.5, 25, 100])


def test_tests_of_one_function_are_told_apart_by_their_end():
    names = ["a/t.py::C::test_it[1-x]", "a/t.py::C::test_it[2-x]", "a/t.py::two[1]", "a/t.py::f"]
    (grid,) = picture(run(*map(ordinary, names), comparisons=[])).values()
    assert [(line.heading, line.name) for line in grid.lines] == [
        ("a/t.py::C::test_it", "[1-x]"),
        ("", "[2-x]"),
        ("a/t.py", "two[1]"),
        ("", "f"),
    ]


TESTS = [f"{file}.py::{test}" for file in "ab" for test in ("f", "C::g", "h[1]", "h[x]", "C::h[1]")]


@given(st.lists(st.sampled_from(TESTS), min_size=1, unique=True))
def test_headings_and_names_together_are_the_whole_names(names):
    (grid,) = picture(run(*map(ordinary, names), comparisons=[])).values()
    shown, heading = [], ""
    for line in grid.lines:
        heading = line.heading or heading
        shown.append(heading + ("" if line.name.startswith("[") else "::") + line.name)
    assert shown == names


def test_of_very_many_rows_those_with_the_largest_effects_are_shown():
    count = matrix.MOST + 50
    found = [
        with_peak(20 + (candidate * (n % 7)), workload=f"w{n}x", variant=f"v{candidate}")
        for n in range(count)
        for candidate in (0, 1)
    ]
    pairs = [
        Comparison(workload=f"w{n}x", size=MB, baseline="v0", candidates=["v1"])
        for n in range(count)
    ]
    grid = picture(run(*found, comparisons=pairs))["peak"]
    assert len(grid.lines) == matrix.MOST
    assert "50 more" in grid.left_out
    shown = {line.name for line in grid.lines}
    assert {f"w{n}x" for n in range(count) if n % 7 > 1} <= shown


def visible(chromium) -> list[list[list[str]]]:
    """The texts of the cells that are seen: of each table, of each row."""
    return chromium.run(
        """return [...document.querySelectorAll(".matrix")].filter((box) => box.offsetParent)
          .map((box) => [...box.querySelectorAll("tbody tr")].map((row) => [...row.cells]
            .map((cell) => (cell.querySelector("b") ?? cell).textContent)))"""
    )


@in_browser
def test_each_case_has_a_cell_with_its_figure(chromium, opened, rainbow):
    chromium.open(opened)
    titles = chromium.run(
        """return Object.fromEntries([...document.querySelectorAll(".of-peak td")].map((cell) =>
          [cell.querySelector("a")?.hash.slice(1), cell.title]))"""
    )
    rows = [row for c in rainbow.comparisons for row in verdicts.rows(rainbow, c)]
    by_key = sections.anchors(rainbow)
    for row in rows:
        if row.exact and row.case.size == SIZES[0]:
            assert row.case.memory
            assert f"peak {row.case.memory.peak:,} B" in titles[by_key[row.case.key]]
    ((first, second),) = visible(chromium)
    assert first[1:] == second[1:]
    assert first[1] == "20"
    expected = [f"{peak - 20:+}" if peak != 20 else "=" for peak in PEAKS.values()]
    assert first[2:] == [*expected, "failed", "-", "90.0 MB"]
    assert chromium.errors() == []


@in_browser
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_the_keyboard_switches_what_is_shown(chromium, opened, tmp_path, scripts):
    path = opened
    if not scripts:
        path = tmp_path / PAGE_FILE
        html = opened.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?s)<script.*?</script>", "", html), encoding="utf-8")
    chromium.open(path)
    chromium.run("document.getElementById('show-peak').focus()")
    shown = [visible(chromium)[0][0][2]]
    for _ in range(2):
        chromium.run("return document.activeElement").send_keys(Keys.ARROW_RIGHT)
        tables = visible(chromium)
        assert len(tables) == 1
        shown.append(tables[0][0][2])
    assert shown[:2] == ["+1", "+0.12"]
    assert shown[2].startswith("1.05")
    assert chromium.errors() == []


@in_browser
def test_a_click_leads_to_the_case(chromium, opened, rainbow):
    chromium.open(opened)
    link = chromium.driver.find_element("css selector", ".of-peak tbody td:nth-of-type(3) a")
    name = link.get_attribute("href").partition("#")[2]
    row = chromium.driver.find_element("id", name)
    assert not row.is_displayed()
    link.click()
    assert row.is_displayed()
    assert "kind=more2" in row.text
    box = "const box = arguments[0].getBoundingClientRect(); "
    seen = f"{box} return box.top >= 0 && box.bottom <= innerHeight"
    assert chromium.run(seen, row)


PLACE = """const cell = document.activeElement.closest("td");
return cell && [cell.closest("tr").sectionRowIndex, cell.cellIndex]"""


@in_browser
def test_the_picture_is_one_stop_of_the_tab_key_in_which_arrow_keys_move(chromium, opened):
    chromium.open(opened)

    def press(*keys):
        chromium.run("return document.activeElement").send_keys(*keys)
        return chromium.run(PLACE)

    chromium.run("document.getElementById('show-peak').focus()")
    assert press(Keys.TAB) == [0, 1]
    assert press(Keys.ARROW_RIGHT) == [0, 2]
    assert press(Keys.ARROW_DOWN) == [1, 2]
    assert press(Keys.ARROW_DOWN) == [1, 2]  # the last row
    assert press(Keys.END) == [1, 13]
    assert press(Keys.HOME) == [1, 1]
    assert press(Keys.ARROW_LEFT) == [1, 1]
    assert press(Keys.CONTROL, Keys.HOME) == [0, 1]
    assert press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT) == [0, 3]
    assert press(Keys.TAB) is None  # out of the picture,
    assert press(Keys.SHIFT, Keys.TAB) == [0, 3]  # and back to the cell that was left
    assert chromium.run("return document.activeElement.closest('table').role") == "grid"
    press(Keys.ENTER)
    row = chromium.driver.find_element("css selector", ":target")
    assert row.is_displayed()
    assert "kind=more2" in row.text


@in_browser
def test_a_cell_with_the_focus_is_seen_on_a_phone(chromium, opened):
    chromium.open(opened, width=390, height=844)
    chromium.run("document.querySelector('.of-peak a').focus()")
    for key in [Keys.ARROW_RIGHT] * 5 + [Keys.ARROW_LEFT] * 4:
        chromium.run("return document.activeElement").send_keys(key)
        assert chromium.run(
            """const cell = document.activeElement.getBoundingClientRect();
            const x = (cell.left + cell.right) / 2, y = (cell.top + cell.bottom) / 2;
            return document.activeElement.contains(document.elementFromPoint(x, y))
              && document.activeElement.contains(document.elementFromPoint(cell.left + 2, y));"""
        )


@in_browser
def test_the_first_stops_of_the_tab_key_skip_what_stands_before(chromium, opened):
    chromium.open(opened)
    targets = []
    for _ in range(2):
        chromium.run("return document.activeElement").send_keys(Keys.TAB)
        box = "return document.activeElement.getBoundingClientRect().left >= 0"
        assert chromium.run(box)
        targets.append(chromium.run("return document.activeElement.hash"))
    assert targets == ["#main", "#cases"]
    chromium.run("return document.activeElement").send_keys(Keys.ENTER, Keys.TAB)
    assert chromium.run("return document.activeElement.closest('section').id") == "cases"


CONTRAST = """
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) =>
  c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) =>
  sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const colours = (text) => [...text.matchAll(/rgba?\\(([^)]*)\\)/g)].map((found) =>
  found[1].split(/[ ,/]+/).map(Number)).filter((colour) => colour[3] !== 0);
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const style = getComputedStyle(at);
    const found = colours(`${style.backgroundImage} ${style.backgroundColor}`);
    if (found.length) return found;
  }
};
return [...document.querySelectorAll(arguments[0])].filter((e) => e.offsetParent).map((element) => {
  const [ink] = colours(getComputedStyle(element).color);
  const ratios = ground(element).map((paper) => {
    const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
  return [element.closest("td, th, li, span").className, Math.min(...ratios)];
})"""


@in_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_each_colour(chromium, opened, theme):
    chromium.open(opened)
    chromium.run("document.documentElement.dataset.theme = arguments[0]", theme)
    kinds = set()
    for measure in ("peak", "time"):
        chromium.run(f"document.getElementById('show-{measure}').checked = true")
        found = chromium.run(
            CONTRAST, ".matrix td b, .matrix small, .matrix th, .chips b, .scale i"
        )
        found = [(kind, ratio) for kind, ratio in found if "step" not in kind]
        kinds |= {kind for kind, _ in found}
        assert [each for each in found if each[1] < 4.5] == []
    assert kinds >= {*PEAKS, "own", "failed", "none"}


@in_browser
def test_more_and_less_have_marks_besides_their_colours(chromium, opened):
    chromium.open(opened)
    marks = chromium.run(
        """return [...document.querySelectorAll(".of-peak td b")].map((b) =>
          [b.closest("td").className.slice(0, 4), getComputedStyle(b, "::before").content])"""
    )
    assert {mark for kind, mark in marks if kind == "more"} == {'"▲"'}
    assert {mark for kind, mark in marks if kind == "less"} == {'"▼"'}


@in_browser
def test_on_a_phone_the_picture_scrolls_in_its_box(chromium, opened):
    chromium.open(opened, width=390, height=844)
    assert chromium.run("return document.documentElement.scrollWidth") <= 390
    boxes = chromium.run(
        """return [...document.querySelectorAll(".matrix")].filter((box) => box.offsetParent)
          .map((box) => {
            box.scrollLeft = 500;
            const name = box.querySelector("tbody th[scope=row]").getBoundingClientRect();
            const stops = box.querySelectorAll("a:not([tabindex='-1'])").length;
            return [box.scrollWidth > box.clientWidth, Math.round(name.left), stops];
          })"""
    )
    assert all(wide and 0 <= left < 40 and stops == 1 for wide, left, stops in boxes)


@in_browser
def test_the_picture_is_a_table_for_every_reader_and_in_print(chromium, opened):
    chromium.open(opened)
    assert chromium.run(
        """return [...document.querySelectorAll(".matrix table")].every((table) => table.caption
          && [...table.tHead.rows[0].cells].slice(1).every((head) => head.scope === "col")
          && [...table.tBodies].every((body) => [...body.rows].every((row) =>
            ["row", "rowgroup"].includes(row.cells[0].scope))))"""
    )
    chromium.command("Emulation.setEmulatedMedia", media="print")
    chromium.run("document.getElementById('show-time').checked = true")
    assert len(visible(chromium)) == 1
    shown = "return getComputedStyle(document.querySelector('label[for=show-{}]')).display"
    assert chromium.run(shown.format("time")) != "none"
    assert chromium.run(shown.format("peak")) == "none"
    chromium.command("Emulation.setEmulatedMedia", media="")
