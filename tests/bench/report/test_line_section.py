"""The page's lines: the peak by line, the source with bars, and the timeline by lines."""

from __future__ import annotations

import re

import pytest

from gradmeter.bench.report import line_figures, page
from gradmeter.bench.results.lines import (
    Explanation,
    Line,
    Lines,
    LineTimeline,
    Moment,
    Origin,
    Peak,
    Place,
)
from gradmeter.bench.session import PAGE_FILE

from ..browser import CHROMIUM, DRIVER
from ..run_files import MB, case, run

FORWARD = Place("theirs/core.py", 10, "Pow.forward", "y = x ** self.c")
BACKWARD = Place("theirs/core.py", 20, "Mul.backward", "gx = gy * <b>x</b>")
INPUTS = Place("", 0, "the workload's inputs")


def lines(saved: int) -> Lines:
    """A peak of the input, so many saved arrays, and one that the line itself takes."""
    peak = 16 * MB + saved * 8 * MB
    alive = [
        Origin(place=FORWARD, count=saved, bytes=saved * 8 * MB, watched=True),
        Origin(place=INPUTS, count=1, bytes=8 * MB, watched=False),
    ]
    return Lines(
        lines=[
            Line(place=FORWARD, hits=saved, peak=peak - 8 * MB, before=8 * MB,
                 increment=saved * 8 * MB, own=saved * 8 * MB),
            Line(place=BACKWARD, hits=1, peak=peak, before=peak - 8 * MB,
                 increment=-8 * MB, own=-8 * MB),
        ],
        peak=Peak(bytes=peak, before=peak - 8 * MB, interval=9, hit=1, stack=[BACKWARD]),
        held=saved * 8 * MB, outside=8 * MB, events=12, threads=1, ending=tuple(alive),
        explanation=Explanation(alive=alive, steps=[], instruction="gy * x", taken=8 * MB),
    )  # fmt: skip


def timeline(saved: int) -> LineTimeline:
    """The moments of the same: one for the input, one for each saved array, one backward."""
    moments = [Moment(None, "inputs", 8 * MB, 8 * MB, [])]
    for i in range(saved):
        parts = [(2, 8 * MB), (0, i * 8 * MB)]
        moments.append(Moment(0, "forward", (i + 2) * 8 * MB, (i + 2) * 8 * MB, parts))
    parts = [(2, 8 * MB), (0, saved * 8 * MB)]
    moments.append(Moment(1, "backward", (saved + 2) * 8 * MB, saved * 8 * MB, parts))
    peak = (saved + 2) * 8 * MB
    return LineTimeline(
        places=[FORWARD, BACKWARD, INPUTS], moments=moments, peak=peak, held=saved * 8 * MB
    )


@pytest.fixture(scope="module")
def two():
    """A run of an engine and of one that saves two arrays more, both measured by lines."""
    return run(
        case(lines=lines(3)),
        case(variant="theirs", lines=lines(5), line_timeline=timeline(5), predicted=None),
    )


def test_the_lines_of_a_comparison_are_on_the_same_scales(two):
    (panel,) = line_figures.panels(two)
    mine, theirs = panel.views
    assert [bar.share for bar in mine.parts] == pytest.approx([60, 20, 20])
    assert [bar.share for bar in theirs.parts] == pytest.approx([100, 20, 20])
    assert mine.stack is None
    assert theirs.stack is not None
    assert len(theirs.stack.table.rows) == len(timeline(5).moments)
    for row, moment in zip(theirs.stack.table.rows, timeline(5).moments, strict=True):
        assert sum(row[3:]) == row[2] == moment.peak
    assert panel.difference.startswith("theirs peaks at 16.0 MB more than engine (baseline)")
    assert [(bar.text, bar.bytes) for bar in panel.differing] == [("y = x ** self.c", "+16.0 MB")]


def test_a_run_without_lines_has_no_section():
    assert line_figures.panels(run()) == []
    assert 'id="lines"' not in page.render(run())


def test_many_lines_and_arrays_stay_few_on_the_page():
    places = [Place("f.py", i, "f", f"line {i}") for i in range(30)]
    moments = [
        Moment(i, "forward", 30 * MB, 30 * MB, [(j, MB) for j in range(30)]) for i in range(30)
    ]
    many = LineTimeline(places=places, moments=moments, peak=30 * MB, held=0)
    figure, key = line_figures.line_stack(
        "it", many, MB, 30 * MB, 30, line_figures.largest_lines([many])
    )
    assert len(key) == 7
    assert all(sum(row[3:]) == 30 * MB for row in figure.table.rows)


def test_a_line_has_the_same_colour_in_every_variant():
    few = run(
        case(line_timeline=timeline(1), lines=lines(1)),
        case(variant="theirs", line_timeline=timeline(5), lines=lines(5)),
    )
    (panel,) = line_figures.panels(few)
    mine, theirs = (view.key for view in panel.views)
    shared = mine.keys() & theirs.keys()
    assert len(shared) > 1
    assert all(mine[place] == theirs[place] for place in shared)


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="the page is tested in chromium")
def test_the_section_is_drawn_fits_a_phone_and_escapes_source(two, tmp_path, chromium):
    path = tmp_path / PAGE_FILE
    path.write_text(page.render(two))
    assert "gx = gy * &lt;b&gt;x" in path.read_text()
    rows = line_figures.panels(two)[0].views[1].stack.table.rows
    for width in (1200, 390):
        chromium.open(path, width=width)
        chromium.draw()
        drawn = chromium.run(
            "return document.querySelectorAll('#lines svg .mark-rect path').length"
        )
        assert drawn == sum(1 for row in rows for size in row[3:] if size)
        wide = chromium.run("return document.documentElement.scrollWidth")
        assert wide <= width
        bars = chromium.run(
            "return [...document.querySelectorAll('#lines .bar')].map("
            "(bar) => [bar.textContent, parseFloat(getComputedStyle(bar, '::after').width)])"
        )
        assert bars
        assert all(drawn > 0 for text, drawn in bars if re.search(r"\d", text))
    assert chromium.errors() == []
