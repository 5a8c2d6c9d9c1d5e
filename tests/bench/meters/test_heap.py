"""The heap meter against known truth: exactly what is taken from the C library, or the system."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.cases.program import END
from gradmeter.bench.meters import heap

# Objects that Python makes in between: a generator's frame, a phase's name.
SMALL = 4096


def program(take, sizes, dropped):
    """Take blocks one after the other, drop some as soon as the next is there."""
    kept = []
    for size, drop in zip(sizes, dropped, strict=True):
        yield "forward"
        kept.append(take(size))
        if drop:
            kept.pop()
    yield END


def expected(sizes, dropped):
    live = peak = 0
    for size, drop in zip(sizes, dropped, strict=True):
        peak = max(peak, live + size)
        live += 0 if drop else size
    return peak, live


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.integers(20, 400), st.booleans()), min_size=1, max_size=6),
    st.sampled_from(["array", "bytearray", "mmap"]),
)
def test_peak_and_held_are_those_of_the_blocks_that_were_taken(blocks, kind):
    takes = {
        "array": lambda size: np.empty(size, np.uint8),
        "bytearray": bytearray,
        "mmap": lambda size: mmap.mmap(-1, size),
    }
    sizes = [size * mmap.PAGESIZE for size, _ in blocks]
    dropped = [drop for _, drop in blocks]
    found = heap.measure(lambda: program(takes[kind], sizes, dropped))
    peak, held = expected(sizes, dropped)
    slack = SMALL + 200 * len(blocks)
    assert peak <= found.peak < peak + slack
    assert held <= found.held < held + slack


def test_the_collector_is_as_it_was_also_after_an_error():
    import gc

    def broken():
        yield "forward"
        raise ValueError("mine")

    was = gc.isenabled()
    with pytest.raises(ValueError, match="mine"):
        heap.measure(broken)
    assert gc.isenabled() is was
    found = heap.measure(lambda: program(lambda size: np.empty(size, np.uint8), [1 << 20], [False]))
    assert 1 << 20 <= found.held < (1 << 20) + SMALL


def test_every_pass_of_a_worker_is_the_same_to_some_bytes_and_holds_all_arrays():
    from gradmeter.bench.runs.launcher import Process

    from ..misbehaviour import spec

    process = Process(spec(size=10_000, objects=True), 60)
    try:
        process.ready()
        found = process.ask("heap")
    finally:
        process.close()
    assert found["least"] == 3 * 80_000
    peaks = [one["peak"] for one in found["passes"]]
    assert max(peaks) - min(peaks) < SMALL
    assert 4 * 80_000 <= min(peaks) < 4 * 80_000 + 20_000


def test_without_memray_there_is_no_figure_and_no_error(tmp_path):
    # A finder that finds no memray, as where the extra is not installed.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'memray' else found(name, *rest)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "from gradmeter.bench.meters import heap; print(heap.available())"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
