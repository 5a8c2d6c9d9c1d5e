from __future__ import annotations

from pathlib import Path

from hypothesis import given

from gradmeter.bench.lines.difference import differences

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
