"""Calls in the layers of Python's objects and of the heap, against known truth."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.meters import call_layers, heap, machine_code
from gradmeter.bench.meters.call import Call
from gradmeter.bench.results.layers import HEAP, PYTHON

LIMIT = 60.0
OVERHEAD = 4096  # of memray, at the peak


def floats(n):
    return [float(i) for i in range(1000, 1000 + n)]


def objects(target, *args):
    return call_layers.measure(Call(target, args), PYTHON, LIMIT).passes


def both(target, *args):
    return {
        layer: call_layers.measure(Call(target, args), layer, LIMIT) for layer in (PYTHON, HEAP)
    }


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 3000))
def test_a_list_of_floats_is_its_list_and_its_floats_to_the_byte(n):
    made = floats(n)
    (found,) = set(objects(floats, n))
    assert found.held == sys.getsizeof(made) + sum(map(sys.getsizeof, made))
    assert found.held <= found.peak <= found.held + 400  # integers and the range
    assert found.number >= n + 2
    assert found.allocated >= found.peak


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_array_data_is_no_python_object(sizes):
    (found,) = set(objects(lambda: [np.empty(n, np.uint8) for n in sizes]))
    each = sys.getsizeof(np.empty(0, np.uint8)) + 16  # and its shape
    assert found.peak < 1000 + each * len(sizes)


def test_a_block_that_is_taken_and_given_back_counts_each_time():
    def churn(k, n):
        for _ in range(k):
            bytes(n)

    few, many = (objects(churn, k, 5000)[-1] for k in (10, 60))
    assert many.number - few.number == 50
    assert many.allocated - few.allocated == 50 * sys.getsizeof(bytes(5000))
    assert many.peak == few.peak


def test_heap_and_objects_agree_on_what_is_held_and_the_heap_sees_native_memory_too():
    read = both(floats, 1000)
    (python,) = set(read[PYTHON].passes)
    (heap,) = set(read[HEAP].passes)
    assert python.held == heap.held
    assert python.peak <= heap.peak < python.peak + OVERHEAD
    data = np.ones(1009)  # a prime, so that the transform takes scratch of its own
    read = both(np.fft.fft, data)
    held = {16 * 1009 + 96}
    assert {each.held for each in read[HEAP].passes} == held
    assert all(each.peak > 3 * 16 * 1009 for each in read[HEAP].passes)
    assert all(each.peak < 5000 for each in read[PYTHON].passes)


def test_each_call_adds_what_it_keeps_and_one_that_replaces_adds_nothing():
    kept, last = [None] * 1000, {}

    def keep(n):
        kept[kept.index(None)] = bytearray(n)

    def replace(n):
        last["value"] = bytearray(n)

    size = sys.getsizeof(bytearray(700))
    assert {layer: read.growth for layer, read in both(keep, 700).items()} == {
        PYTHON: size,
        HEAP: size,
    }
    assert {read.growth for read in both(replace, 700).values()} == {0}
    assert kept.count(None) == 1000, "the calls were made in forks"
    assert not last


def test_passes_that_differ_are_all_there():
    read = both(lambda: bytes(random.randrange(10**6)))
    assert all(len({each.peak for each in layer.passes}) > 1 for layer in read.values())


@pytest.mark.parametrize("layer", [PYTHON, HEAP])
def test_a_layer_without_figures_says_why(layer, monkeypatch):
    def fail():
        raise KeyError("mine")

    assert "the call raised KeyError" in call_layers.measure(Call(fail), layer, LIMIT).missing
    monkeypatch.setattr(machine_code, "MACHINES", ("none",))
    monkeypatch.setattr(heap, "available", lambda: False)
    machine_code.counting.cache_clear()
    missing = call_layers.measure(Call(floats, (3,)), layer, LIMIT).missing
    expected = {
        PYTHON: "Python's objects are not counted: allocations are counted on Linux",
        HEAP: "it takes memray, which is not installed: pip install memray",
    }
    assert expected[layer] in missing
