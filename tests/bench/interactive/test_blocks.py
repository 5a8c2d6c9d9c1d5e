"""gradmeter.trace: a block's lines and operations, and what a notebook shows of them."""

from __future__ import annotations

import sys
import tracemalloc
from xml.etree import ElementTree

import numpy as np
import pytest

import gradmeter
from gradmeter import engine
from gradmeter.bench.errors import UsageError
from gradmeter.engine import Variable

BYTES = 8000


def ones():
    return np.zeros(1000)


def by_text(lines) -> dict[str, tuple[int, int]]:
    return {line.place.text: (line.increment, line.hits) for line in lines.lines}


def test_a_block_has_its_lines_without_any_operation_of_the_engine():
    with gradmeter.trace() as found:
        assert found.lines is None
        a = ones()
        b = [a + a for _ in range(2)]
        del a
    lines = by_text(found.lines)
    assert lines["a = ones()"] == (BYTES, 1)
    assert lines["return np.zeros(1000)"] == (BYTES, 1)
    assert lines["b = [a + a for _ in range(2)]"] == (2 * BYTES, 1)
    assert lines["del a"] == (-BYTES, 1)
    assert found.lines.held == sum(each.nbytes for each in b)
    assert sum(line.own for line in found.lines.lines) == found.lines.held
    assert not any("pytest" in line.place.file for line in found.lines.lines)
    assert str(found).startswith("trace: peak 24.0 kB (24,000 B) in ")


def test_operations_and_lines_agree_and_come_as_one_output():
    with gradmeter.trace() as found:
        y = engine.square(Variable(ones(), "under_scored"))
        y.backward()
    assert found.lines.peak.bytes == max(found.timeline.peaks)
    assert found.lines.held == found.timeline.levels[-1] == 3 * BYTES
    html = found._repr_html_()
    ElementTree.fromstring(f"<div>{html}</div>")
    assert html.count("<svg") == 2
    assert "under_scored" in html.partition("<svg")[0]
    assert "y = engine.square(Variable(ones(), " in html


def test_it_shows_in_words_until_it_has_ended_and_without_the_extra(monkeypatch):
    with gradmeter.trace() as found:
        assert found._repr_html_() == "<pre>the traced block has not ended</pre>"
        engine.square(Variable(np.ones(9), name="<x>")).backward()
    assert "<x>" not in found._repr_html_()
    assert repr(found) == str(found)
    missing = {"no_such_module": "no-such-package"}
    monkeypatch.setattr("gradmeter.bench.report.extra.PACKAGES", missing)
    html = found._repr_html_()
    assert "<svg" not in html
    assert html.endswith("<p>the charts need pip install no-such-package</p>")


def test_more_is_watched_where_that_is_asked_for():
    with gradmeter.trace(include="numpy") as found:
        np.linspace(0, 1, 10)
    assert any(line.place.function == "linspace" for line in found.lines.lines)
    with gradmeter.trace() as found:
        np.linspace(0, 1, 10)
    assert not any(line.place.function == "linspace" for line in found.lines.lines)
    with pytest.raises(UsageError, match="names no module"):
        gradmeter.trace(include=["*"])


def test_executed_text_says_that_it_has_no_source():
    with gradmeter.trace() as found:
        exec("a = np.zeros(1000)", {"np": np})
    assert "(executed text, no source)" in str(found)


def test_beside_another_tracer_there_are_operations_and_a_reason():
    sys.settrace(lambda *_: None)
    try:
        with gradmeter.trace() as found:
            engine.square(Variable(ones()))
    finally:
        sys.settrace(None)
    assert len(found.operations) == 1
    assert found.lines.peak.bytes == 2 * BYTES
    if not hasattr(sys, "monitoring"):  # which has room for several
        assert found.lines.lines == []
        assert "traces this program already" in found.lines.problem


def test_a_block_that_raises_keeps_its_lines():
    def fails():
        a = ones()
        raise KeyError(len(a))

    with pytest.raises(KeyError), gradmeter.trace() as found:
        fails()
    assert by_text(found.lines)["a = ones()"] == (BYTES, 1)
    assert not tracemalloc.is_tracing()
    assert sys.gettrace() is None


def test_a_block_that_stops_tracemalloc_says_so():
    with gradmeter.trace() as found:
        tracemalloc.stop()
    assert "the program stopped tracemalloc" in str(found)


def test_the_extension_without_ipython_says_how_to_get_it():
    with pytest.raises(UsageError, match=r"%load_ext gradmeter; .* pip install ipython"):
        gradmeter.load_ipython_extension(None)
