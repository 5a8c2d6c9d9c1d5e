from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from gradmeter.bench.lines.difference import differences
from gradmeter.bench.lines.kept import ORIGINS, kept
from gradmeter.bench.results.lines import FEW, FewLines, few

from ..meters.line_programs import HEADER, Model, checking, explained, models


@checking
@given(first=models(), second=models())
def test_differences_add_up_to_that_of_the_figure(first: Model, second: Model, tmp_path: Path):
    one = explained(first.text, tmp_path / "one.py")
    two = explained(second.text, tmp_path / "two.py")
    for figure, before, after in (
        ("peak", one.peak.bytes, two.peak.bytes),
        ("held", one.held, two.held),
    ):
        found = differences(one, two, figure)
        assert sum(each.bytes for each in found) == after - before
        assert all(each.bytes for each in found)


@checking
@given(model=models())
def test_lines_that_moved_are_no_changes(model: Model, tmp_path: Path):
    one = explained(model.text, tmp_path / "one.py")
    moved = [*HEADER, "", "# a comment", *model.text[len(HEADER) :]]
    two = explained(moved, tmp_path / "two.py")
    assert differences(one, two, "peak") == differences(one, two, "held") == []


def test_the_surplus_is_said_with_its_line(tmp_path: Path):
    text = [
        "import numpy as np", "kept = []", "def f0():", "    a = np.zeros(1000)",
        "    b = a * 2", "    kept.append(b)",
    ]  # fmt: skip
    one = explained(text, tmp_path / "one.py")
    two = explained([*text[:4], "    c = a + 1", *text[4:]], tmp_path / "two.py")
    [added] = differences(one, two, "peak")
    assert (added.bytes, added.place.line, added.place.text) == (8000, 5, "c = a + 1")
    assert differences(one, two, "held") == []
    three = explained([*text[:5], "    kept.append(b.copy())"], tmp_path / "three.py")
    assert differences(one, three, "held") == [], "as many bytes in another line of the function"
    four = explained([*text[:5], "    kept.append(b.copy())", text[5]], tmp_path / "four.py")
    [more] = differences(one, four, "held")
    assert (more.bytes, more.place.text) == (8000, "kept.append(b.copy())")


def sides(lines: int, planted: str = "") -> list[str]:
    """A program in which so many lines have an array each, of different sizes."""
    made = [f"    a{i} = np.zeros({1000 + i})" for i in range(lines)]
    return [
        "import numpy as np",
        "def f0():",
        *made,
        *([planted] if planted else []),
        "    return 0",
    ]


@pytest.mark.parametrize("lines", [2, FEW - 1, FEW, FEW + 3, ORIGINS + 5])
def test_lines_that_one_side_does_not_name_are_no_changes(lines: int, tmp_path: Path):
    before = explained(sides(lines), tmp_path / "before.py")
    planted = "    more = np.zeros(9000)"
    after = explained(sides(lines, planted), tmp_path / "after.py")
    for first in (few(before), few(kept(before)), kept(before)):
        assert differences(first, kept(before), "peak") == []
        assert differences(first, kept(before), "held") == []
        [added] = differences(first, kept(after), "peak")
        assert (added.bytes, added.place.text) == (72_000, planted.strip())


def test_a_line_that_may_be_among_the_others_before_is_not_named(tmp_path: Path):
    before = explained(sides(FEW + 3), tmp_path / "before.py")
    after = explained(sides(FEW + 3, "    more = np.zeros(10)"), tmp_path / "after.py")
    [added] = differences(few(before), kept(after), "peak")
    assert (added.bytes, added.place.function) == (80, "other lines")


@checking
@given(model=models())
def test_the_few_lines_of_a_baseline_add_up_and_are_read_as_they_were(model: Model, tmp_path: Path):
    reading = explained(model.text, tmp_path / "one.py")
    small = few(reading)
    assert sum(size for _, size in small.origins("peak")) == reading.peak.bytes
    assert sum(size for _, size in small.origins("held")) == sum(o.bytes for o in reading.ending)
    assert max(len(small.peak), len(small.held)) <= FEW + 2
    assert msgspec.json.decode(msgspec.json.encode(small), type=FewLines) == small
    assert differences(small, reading, "peak") == differences(small, reading, "held") == []


def test_a_line_of_no_place_is_refused():
    with pytest.raises(msgspec.ValidationError, match="one of the places"):
        msgspec.convert({"places": [["a.py", 1, "f", ""]], "peak": [[1, 8]]}, FewLines)
