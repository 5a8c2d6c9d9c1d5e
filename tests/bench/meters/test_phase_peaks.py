"""The peaks of lines in each phase: figures as of the other meters, places known by hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gradmeter.bench.meters import allocations, cycles, phase_peaks
from gradmeter.bench.meters.watched_files import WatchedFiles

HERE = WatchedFiles(files=[__file__])


def temporary(count):
    """Take so many bytes for a moment."""
    return np.empty(count, np.uint8)[:0]


class Loop:
    """An object that refers to itself."""

    def __init__(self, count):
        self.array = np.empty(count, np.uint8)
        self.me = self


LEAKED = []


def program(count=1000):
    """Phases whose bytes are known."""
    yield "inputs"
    x = np.empty(count, np.uint8)
    yield "forward"
    y = np.empty(2 * count, np.uint8)
    temporary(3 * count)
    yield "backward"
    Loop(5 * count)
    LEAKED.append(np.empty(7 * count, np.uint8))
    z = np.empty(count, np.uint8)
    del y
    yield "end"
    del x, z


def test_the_figures_are_those_that_were_allocated():
    figures = phase_peaks.measure(program).figures
    assert figures == {
        "peak": 16_000,
        "forward": 6_000,
        "backward": 16_000,
        "held": 14_000,
        "cycle": 5_000,
        "dropped": 12_000,
        "growth": 7_000,
    }


@pytest.mark.parametrize("watches", [None, HERE], ids=["alone", "with lines"])
def test_the_figures_are_those_of_the_other_meters(watches):
    figures = phase_peaks.measure(program, watches).figures
    with cycles.collector_off():
        reading = allocations.measure(program)
        left = cycles.measure(lambda: list(program()))
    assert figures["peak"] == reading.peak
    assert figures["forward"] == reading.forward
    assert figures["backward"] == reading.backward
    assert figures["held"] == reading.held
    assert figures["cycle"] == left.bytes
    assert figures["dropped"] == left.dropped
    assert figures["growth"] == left.leaked


def test_the_largest_line_of_a_phase_has_its_figure():
    reading = phase_peaks.measure(program, HERE)
    assert not reading.problem
    for figure in ("peak", "forward", "backward"):
        assert max(reading.places[figure].values()) == reading.figures[figure]
    forward = {
        place.partition("`")[2].rstrip("`"): peak
        for place, peak in reading.places["forward"].items()
    }
    assert forward["y = np.empty(2 * count, np.uint8)"] == 3_000
    assert forward["return np.empty(count, np.uint8)[:0]"] == 6_000
    [first] = [place for place in reading.places["forward"] if "[:0]" in place]
    assert "test_phase_peaks.py" in first
    assert " temporary `" in first


def test_lines_that_allocate_nothing_are_no_places():
    places = phase_peaks.measure(program, HERE).places["backward"]
    assert not any("del y" in place for place in places)
    assert any("LEAKED" in place for place in places)


def test_a_phase_without_an_allocation_has_what_was_there():
    def quiet():
        yield "forward"
        x = np.empty(100, np.uint8)
        yield "backward"
        del x
        yield "end"

    assert phase_peaks.measure(quiet, HERE).figures["backward"] == 100


def test_of_places_with_the_peak_a_line_is_before_what_runs_outside_of_lines(tmp_path):
    """What is alive when a phase begins is there before its first line runs."""
    engine = tmp_path / "engine.py"
    engine.write_text("import numpy as np\ndef kept(count): return np.empty(count, np.uint8)\n")
    names = {}
    exec(compile(engine.read_text(), engine, "exec"), names)

    def outside():
        yield "forward"
        x = names["kept"](100)
        yield "backward"
        del x
        yield "end"

    with ThreadPoolExecutor(1) as pool:  # under whose stack there is no program, as pytest-xdist's
        watches = WatchedFiles(files=[str(engine)])
        peaks = pool.submit(phase_peaks.measure, outside, watches).result().places["peak"]
    line, other = peaks
    assert "engine.py:2 kept" in line
    assert other == "code that is neither the engine's nor the workload's"
    assert set(peaks.values()) == {100}


def test_without_lines_there_are_no_places():
    assert phase_peaks.measure(program).places == {}
