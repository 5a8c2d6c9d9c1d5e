"""What the page is made of: every run has one, names are text in it, and its files are whole."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError
from gradmeter.bench.report import cache, extra, figures, images, markdown, memory_figures, page
from gradmeter.bench.report.files import write_images, write_page
from gradmeter.bench.results import run_file
from gradmeter.bench.results.readings import Allocations
from gradmeter.bench.session import PAGE_FILE, REPORT_FILE, RUN_FILE
from gradmeter.bench.timelines import drawing
from gradmeter.bench.verdicts import scaling
from gradmeter.bench.verdicts.verdicts import Row

from ...thorough import examples
from ..command import PATIENCE, gradmeter
from ..large_runs import chain, large, sets
from ..run_files import MB, any_runs, case, ordinary, run, runs, strong
from .test_reports import HOSTILE, joined, named


class Text(HTMLParser):
    """The text of a page outside of its scripts, and which tags there are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: set[str] = set()
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.inside = tag

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text.append(data)


@settings(any_runs, max_examples=examples(15))
@given(runs())
def test_every_run_has_a_page(found):
    assert page.render(found).count("<main") == 1


@settings(max_examples=examples(15), deadline=None)
@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)))
def test_no_name_changes_what_the_page_is_made_of(name):
    usual, hostile = Text(page.render(named("a name"))), Text(page.render(named(name)))
    assert hostile.tags == usual.tags
    if name in HOSTILE:
        assert joined("".join(hostile.text)).count(joined(name)) >= 4


def test_without_the_extra_the_page_is_refused_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install "):
        write_page(run(), tmp_path / PAGE_FILE)
    with pytest.raises(UsageError, match="vl-convert-python"):
        write_images(run(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_made_once_and_can_be_done_without(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = []
    for _ in range(2):
        assert cache.cached_text("a key", lambda: made.append(1) or "text") == "text"
    assert made == [1]
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache.cached_text("a key", lambda: "other") == "other"


def test_a_run_leaves_its_page_beside_it(finished):
    folder, said = finished
    assert "<!DOCTYPE html>" in (folder / PAGE_FILE).read_text()
    assert PAGE_FILE in said.stdout.replace("\n", "")


def test_the_command_writes_the_page_and_the_images(finished, tmp_path):
    folder, _ = finished
    out, pictures = tmp_path / "x.html", tmp_path / "images"
    said = gradmeter("report", folder, "-o", out, "--images", pictures)
    assert (said.returncode, said.stderr) == (0, "")
    assert out.read_text() == (folder / PAGE_FILE).read_text()
    names = {path.stem for path in pictures.glob("*.svg")}
    assert {"largest", "timeline", "lives", "views"} <= names
    for name in names:
        root = ElementTree.parse(pictures / f"{name}.svg").getroot()
        assert root.tag.endswith("svg")
        assert "var(" not in (pictures / f"{name}.svg").read_text()
        assert (pictures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    shown = (pictures / REPORT_FILE).read_text()
    assert shown.count("](") == len(names & set(images.TELLING))


def test_what_cannot_be_written_is_said(finished, tmp_path):
    folder, _ = finished
    said = gradmeter("report", folder / RUN_FILE, "-o", tmp_path / "nowhere" / "x.html")
    assert said.returncode == 2
    assert "nowhere" in said.stderr.replace("\n", "")


def test_a_short_report_shows_no_image_that_was_not_written():
    assert "![" not in markdown.render(large(8))


def test_an_image_is_named_as_text():
    image = markdown.Image("a b.svg", "[x](y)", "](z)")
    text = markdown.render(run(), [image])
    assert "](a%20b.svg)" in text
    assert "](y)" not in text
    assert "](z)" not in text


def test_a_timeline_for_a_notebook_needs_nothing_else():
    html = images.timeline_html(chain(4, 8 * MB))
    root = ElementTree.fromstring(f"<div>{html}</div>")
    assert "http" not in html.replace("http://www.w3.org/", "")
    assert [e.get("role") for e in root.iter("div") if e.get("role")] == ["img", "img"]
    assert all(e.get("aria-label") for e in root.iter("div") if e.get("role"))


def test_the_largest_effect_on_time_is_shown_where_memory_is_equal():
    found = run(case(times=sets(0.01)), case(variant="other", times=sets(0.02)))
    shown = images.chosen(found)["largest"]
    assert shown.kind == "ratios"
    assert "slower" in shown.fact


def test_moments_add_up_to_what_is_alive(finished):
    folder, _ = finished
    for case_ in run_file.load(folder / RUN_FILE).cases:
        assert case_.timeline
        assert case_.memory
        drawn = drawing.drawing(case_.timeline)
        assert drawn.peak
        assert drawn.peak.peak == case_.memory.peak
        assert all(sum(m.parts.values()) == m.peak for m in drawn.moments)
        for span in drawn.spans:
            assert 0 <= span.begin <= span.end <= len(drawn.moments)
            assert span.held is None or span.begin <= span.held[0] < span.held[1] <= span.end


@given(st.floats(-3, 3), st.floats(0.01, 1e6), st.sets(st.integers(1, 10**6), min_size=3))
def test_the_slope_of_a_power_is_its_exponent(exponent, factor, sizes):
    points = [(x, factor * x**exponent) for x in sizes]
    assert scaling.slope(points) == pytest.approx(exponent, abs=1e-5)


def test_one_point_has_no_slope():
    assert scaling.slope([(1, 1.0)]) is None
    assert scaling.slope([(2, 2.0), (2, 2.1)]) is None
    assert scaling.slope([(1, 1.0), (3, 0.0)]) is None


def test_a_line_through_two_points_is_called_that():
    sizes = [case(size=10), case(size=1000)]
    facts = [f.fact for f in figures.growth(run(*sizes))]
    assert facts
    assert all("two points only" in fact for fact in facts)
    facts = [f.fact for f in figures.growth(run(*sizes, case(size=100)))]
    assert facts
    assert not any("two points only" in fact for fact in facts)


def test_series_are_cases_that_differ_in_one_thing():
    cases = [
        make(workload=f"squares-{depth}", size=size)
        for depth in (3, 10, 30)
        for size in (10, 1000)
        for make in (case, strong)
    ]
    found = scaling.series(run(*cases))
    assert sorted((s.name, s.along) for s in found) == [
        *[("squares x 1,000", "depth")] * 2,
        *[("squares x 10", "depth")] * 2,
        *[("squares-10", "size")] * 2,
        *[("squares-3", "size")] * 2,
        *[("squares-30", "size")] * 2,
    ]
    points = {"depth": [3, 10, 30], "size": [10, 1000]}
    assert all([x for x, _ in s.points] == points[s.along] for s in found)


def test_a_traced_case_is_told_what_would_lower_its_peak_and_what_closes_its_cycle(finished):
    folder, _ = finished
    text = page.render(run_file.load(folder / RUN_FILE))
    assert "cycle: Variable ._edge -&gt; Square ._outputs[0] -&gt; Variable" in text
    assert "the graph holds" in text


def test_a_page_whose_charts_are_cached_loads_nothing_that_draws_them(finished, tmp_path):
    folder, _ = finished
    said = gradmeter("report", folder, "-o", tmp_path / "first.html")
    assert said.returncode == 0, said.stderr
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from gradmeter.bench.report import files\n"
        "from gradmeter.bench.results import run_file\n"
        f"files.write_page(run_file.load(Path({str(folder / RUN_FILE)!r})), Path('again.html'))\n"
        "assert not {'altair', 'vl_convert'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=PATIENCE)
    first, again = (tmp_path / name for name in ("first.html", "again.html"))
    assert again.read_text() == first.read_text()


def test_the_bars_of_a_tests_call_are_of_bytes_and_not_of_arrays():
    def call(variant: str, peak: int):
        figures = Allocations(forward=0, backward=0, peak=peak, held=0)
        return ordinary("t.py::test_it", variant=variant, allocations=[figures] * 2)

    before, after = call("HEAD~1", MB), call("working-tree", 2 * MB)
    figure = memory_figures.memory([Row(before, before, None), Row(after, before, None)])
    assert figure is not None
    assert figure.kind == "calls"
