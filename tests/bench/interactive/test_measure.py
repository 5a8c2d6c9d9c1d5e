"""gradmeter.measure: the exact bytes of a call, against what is known of it."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from functools import lru_cache, partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradmeter
from gradmeter.bench.errors import UsageError
from gradmeter.bench.meters.call import DisturbedError
from gradmeter.bench.meters.python_allocators import UnavailableError

from ...thorough import examples

N = 1000
BYTES = 8 * N
kept: list[np.ndarray] = []


def off() -> bool:
    """Whether nothing is left at work."""
    return not tracemalloc.is_tracing() and sys.gettrace() is None and gc.isenabled()


def doubled_twice(x):
    a = x + x
    return a + a


def ring(x):
    box = [x + x]
    box.append(box)


def test_a_call_has_its_figures_and_the_lines_at_its_peak():
    found = gradmeter.measure(doubled_twice, np.zeros(N))
    assert (found.peak, found.held, found.cycle, found.growth) == (2 * BYTES, BYTES, 0, 0)
    assert (found.name, found.calls, found.left, found.first) == ("doubled_twice", 2, 0, {})
    assert [place.text for place in found.lines.peak.stack] == ["return a + a"]
    assert [(o.place.text, o.bytes) for o in found.lines.explanation.alive] == [
        ("a = x + x", BYTES)
    ]
    assert found.lines.explanation.taken == BYTES
    assert off()


def test_what_only_the_collector_frees_is_in_cycles():
    found = gradmeter.measure(ring, np.zeros(N))
    assert (found.peak, found.held, found.cycle, found.growth) == (BYTES, BYTES, BYTES, 0)
    assert found.objects == 1


@given(st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=examples(20), deadline=None)
def test_growth_is_what_each_call_adds(added, returned):
    def call():
        kept.extend(np.empty(BYTES, np.uint8) for _ in range(added))
        return [np.empty(BYTES, np.uint8) for _ in range(returned)]

    found = gradmeter.measure(call)
    kept.clear()
    assert (found.growth, found.left, found.cycle) == (added * BYTES, added * BYTES, 0)
    assert found.held == (added + returned) * BYTES


def test_what_a_first_call_caches_is_said_and_is_no_growth():
    @lru_cache
    def table():
        return np.zeros(N)

    found = gradmeter.measure(lambda: np.negative(table()))
    assert (found.peak, found.growth) == (BYTES, 0)
    assert found.first == {"peak": 2 * BYTES, "held": 2 * BYTES}
    assert "the first call had peak 16,000 B" in repr(found)


def test_a_cache_that_each_call_replaces_does_not_grow():
    last = {}

    def call():
        last["x"] = np.zeros(N)

    found = gradmeter.measure(call)
    assert (found.left, found.growth, found.calls) == (BYTES, 0, 7)


def test_it_shows_as_text_and_as_one_html_of_a_notebook():
    found = gradmeter.measure(doubled_twice, np.zeros(N))
    line, *rest = repr(found).splitlines()
    assert line == "doubled_twice: peak 16,000 B, held 8,000 B, cycle 0 B, growth 0 B"
    assert rest[1] == "    return a + a"
    html = found._repr_html_()
    assert "<td>16,000 B</td>" in html
    assert "return a + a" in html
    assert "<lambda>" not in gradmeter.measure(lambda: np.zeros(N))._repr_html_()


def test_functions_without_lines_and_bound_ones_are_measured():
    x = np.ones((10, 10))
    found = gradmeter.measure(np.linalg.matrix_power, x, 2)
    assert found.held == x.nbytes
    assert gradmeter.measure(np.add, x, x).peak == x.nbytes
    assert gradmeter.measure(partial(doubled_twice, x)).name == "doubled_twice"


def test_the_functions_own_lines_are_watched_wherever_they_lie():
    found = gradmeter.measure(np.linspace, 0, 1, N)
    assert found.lines.peak.stack[-1].function == "linspace"


def test_arguments_are_the_callers_and_not_the_calls():
    found = gradmeter.measure(lambda function, name: np.zeros(N), function=1, name=2)
    assert found.peak == BYTES


def fails(x):
    y = x + x
    raise KeyError(len(y))


def stops():
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gradmeter.measure(fails, np.zeros(N)), KeyError, str(N)),
        (lambda: gradmeter.measure(stops), DisturbedError, "the call stopped tracemalloc"),
        (lambda: gradmeter.measure(doubled_twice(np.ones(2))), UsageError, r"measure\(f, x\)"),
    ],
)
def test_a_call_that_fails_leaves_nothing_at_work(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert off()


def test_a_measurement_inside_of_another_is_refused():
    with gradmeter.trace(), pytest.raises(UnavailableError, match="tracing already"):
        gradmeter.measure(doubled_twice, np.zeros(N))
    assert off()
