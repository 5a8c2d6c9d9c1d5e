"""The allocation meter leaves the interpreter as it was: its allocators, tracing and collector."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from gradmeter.bench.cases.program import END
from gradmeter.bench.meters.allocations import counting, measure

from ...thorough import examples

DOMAINS = (0, 1, 2)


def allocators() -> list[bytes]:
    """What PyMem_GetAllocator says of each domain."""
    get = ctypes.pythonapi["PyMem_GetAllocator"]
    get.argtypes, get.restype = (ctypes.c_int, ctypes.c_void_p), None
    found = []
    for domain in DOMAINS:
        block = ctypes.create_string_buffer(5 * ctypes.sizeof(ctypes.c_void_p))
        get(domain, block)
        found.append(block.raw)
    return found


@pytest.fixture
def before():
    return allocators()


def raising():
    yield "forward"
    held = np.empty(1000)
    raise KeyError(len(held))


def raising_at_its_end():
    try:
        yield END
    finally:
        raise KeyError("while it was closed")


def test_a_count_leaves_allocators_and_tracing_as_they_were(before):
    with counting():
        assert allocators() == before
    assert allocators() == before
    assert not tracemalloc.is_tracing()


@pytest.mark.parametrize("program", [raising, raising_at_its_end])
def test_a_program_that_raises_is_heard_and_leaves_nothing_behind(before, program):
    with pytest.raises(KeyError):
        measure(program)
    assert not tracemalloc.is_tracing()
    assert allocators() == before
    with counting() as count:
        held = np.empty(1000, np.uint8)
        assert count.live == 1000
        del held


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_not_touched(enabled):
    (gc.enable if enabled else gc.disable)()
    try:
        measure(lambda: iter_closable())
        assert gc.isenabled() is enabled
        assert gc.get_debug() == 0
    finally:
        gc.enable()


def iter_closable():
    yield "forward"
    yield END


# Python objects of every size are made, resized and freed on both sides of each boundary,
# while other threads do the same: a block freed by another allocator than its own would
# abort the process, most surely under the debugging allocators.
CHURN = """
import gc, threading, tracemalloc
import numpy as np
from gradmeter.bench.meters.allocations import counting, measure
from gradmeter.bench.cases.program import END

sizes = [1, 8, 100, 511, 512, 513, 5_000, 100_000]
stop = threading.Event()

def churn(kept):
    kept.extend([bytearray(n), {i: str(i) for i in range(n % 97)}, "x" * n] for n in sizes)
    for grown in kept[-5:]:
        grown[0].extend(bytes(999))
    del kept[: len(kept) // 2]

def others():
    kept = []
    while not stop.is_set():
        churn(kept)

threads = [threading.Thread(target=others) for _ in range(2)]
for thread in threads:
    thread.start()
outer, arrays = [], []
for round in range(ROUNDS):
    churn(outer)
    with counting() as count:
        churn(outer)
        arrays.append(np.zeros(round * 1000, np.uint8))
        assert count.live == max(round * 1000, 1), (round, count.live)
        del arrays[:-1]
    def program():
        yield "forward"
        churn(outer)
        held = np.empty(12345, np.uint8)
        yield END
    assert measure(program).held == 12345
    gc.collect()
stop.set()
for thread in threads:
    thread.join()
assert not tracemalloc.is_tracing()
tracemalloc.start()
text = "x" * 100_000
assert tracemalloc.get_traced_memory()[0] >= 100_000, "tracemalloc works as ever"
tracemalloc.stop()
outer.clear(), arrays.clear(), gc.collect()
print("alive")
"""


@pytest.mark.parametrize("allocator", ["default", "malloc", "malloc_debug", "pymalloc_debug"])
def test_the_interpreter_works_afterwards_with_any_allocator(allocator):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CHURN.replace("ROUNDS", str(examples(40)))],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONMALLOC": allocator},
        timeout=60,
    )
    assert (done.stdout.strip(), done.returncode) == ("alive", 0), done.stderr[-2000:]


def test_where_the_interpreter_traces_from_its_start_the_meter_says_so():
    code = (
        "from gradmeter.bench.meters.selftest import run\n"
        "print([t['problem'] for t in run()][:3])\n"
        "import tracemalloc; print(tracemalloc.is_tracing())"
    )
    done = subprocess.run(
        [sys.executable, "-X", "tracemalloc=3", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    problems, tracing = done.stdout.splitlines()
    assert problems.count("tracing already") == 3
    assert tracing == "True"
