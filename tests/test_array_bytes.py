"""The oracle of array bytes itself, against what is known without it."""

from __future__ import annotations

import contextvars
import gc
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core.multiarray import get_handler_name
from numpy.lib import tracemalloc_domain

from .thorough import examples

numpys_domain = tracemalloc.DomainFilter(True, tracemalloc_domain)

sizes = st.integers(1, 5_000)
places = st.integers(0, 9)
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([np.empty, np.zeros]), sizes),
        st.tuples(st.just("drop"), places),
        st.tuples(st.just("resize"), places, sizes),
        st.tuples(st.just("view"), places),
    ),
    max_size=40,
)


@given(steps)
def test_live_peak_and_blocks_are_those_of_a_tally_by_hand(array_bytes, steps):
    tally: list[int] = []
    peak = 0
    arrays: list[np.ndarray] = []
    with array_bytes() as counter:
        for what, *arguments in steps:
            if callable(what):
                arrays.append(what(arguments[0], np.uint8))
                tally.append(arguments[0])
            elif arrays:
                place = arguments[0] % len(arrays)
                if what == "drop":
                    del arrays[place], tally[place]
                elif what == "resize":
                    arrays[place].resize(arguments[1], refcheck=False)
                    tally[place] = arguments[1]
                else:
                    assert arrays[place][::-1].base is arrays[place]
            peak = max(peak, sum(tally))
            assert (counter.live, counter.blocks) == (sum(tally), len(tally))
            assert counter.peak == peak
        arrays.clear()
        assert (counter.live, counter.blocks) == (0, 0)


@settings(max_examples=examples(25))
@given(st.lists(sizes, max_size=20), places)
def test_it_agrees_with_tracemalloc_in_numpys_domain(array_bytes, sizes, dropped):
    def traced():
        snapshot = tracemalloc.take_snapshot()
        return sum(t.size for t in snapshot.filter_traces([numpys_domain]).traces)

    tracemalloc.start(1)
    try:
        with array_bytes() as counter:
            arrays = [np.zeros(n) for n in sizes]
            del arrays[:dropped]
            assert counter.live == traced() == 8 * sum(sizes[dropped:])
    finally:
        tracemalloc.stop()


def test_known_sizes(array_bytes):
    with array_bytes() as counter:
        for make, size in [
            (lambda: np.empty(1_000_000), 8_000_000),
            (lambda: np.zeros((100, 100), np.float32), 40_000),
            (lambda: np.empty(()), 8),
            (lambda: np.empty(0), 1),  # NumPy asks for one byte, so that there is an address
            (lambda: np.float64(3.0), 0),  # a NumPy scalar is no array
            (lambda: np.broadcast_to(np.empty(()), (1000, 1000)), 8),
            (lambda: np.asfortranarray(np.empty((3, 5))).T, 15 * 8),
        ]:
            kept = make()
            assert counter.live == size
            del kept
            assert counter.live == 0


def test_temporaries_count_towards_the_peak_and_no_longer(array_bytes):
    a = np.ones(100)
    with array_bytes() as counter:
        b = (a + a) + a  # too small for NumPy to reuse the temporary
        assert (counter.peak, counter.live) == (1600, 800)
        counter.reset_peak()
        assert counter.peak == 800
        del b
        np.add(a, a, out=a)
        assert (counter.peak, counter.live) == (800, 0)


def boom():
    raise ValueError("boom")


def test_a_block_that_dies_while_an_exception_is_on_its_way_lets_it_pass(array_bytes):
    with array_bytes() as counter:
        for _ in range(3):
            with pytest.raises(ValueError, match=r"^boom$"):
                np.zeros(100) + (np.zeros(50) * boom())
            assert counter.live == 0
        assert counter.peak == 1200


def test_a_new_block_in_the_place_of_a_dead_one_is_alive(array_bytes):
    with array_bytes() as counter:
        for n in range(1, 200):
            array = np.empty(n, np.uint8)
            assert counter.live == n
            del array


def test_deaths_are_seen_whether_tracemalloc_comes_or_goes(array_bytes):
    with array_bytes() as counter:
        first, second, third = np.empty(10), np.empty(20), np.empty(30)
        tracemalloc.start()
        del first
        assert counter.live == 400
        del second
        tracemalloc.stop()
        assert counter.live == 240
        del third
        assert counter.live == 0


def test_arrays_from_outside_do_not_count_and_survivors_die_later(array_bytes):
    outside = np.empty(1000)
    with array_bytes() as counter:
        del outside
        assert (counter.live, counter.peak) == (0, 0)
        survivor = np.arange(7.0)
    after = np.empty(1000)
    assert get_handler_name(after) != "array_bytes"
    assert get_handler_name(survivor) == "array_bytes"
    gc.collect()
    survivor.resize(9, refcheck=False)
    assert survivor.tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 0]
    assert counter.live == 72
    del survivor
    assert counter.live == 0


def test_nested_blocks_each_count_what_was_made_in_them(array_bytes):
    with array_bytes() as outer:
        first = np.empty(10)
        with array_bytes() as inner:
            second = np.empty(20)
            del first
            assert (outer.live, inner.live) == (160, 160)
        third = np.empty(30)
        assert (outer.live, inner.live) == (400, 160)
        del second, third
    assert (outer.live, inner.live, outer.peak, inner.peak) == (0, 0, 400, 160)


def test_the_handler_comes_back_after_an_error(array_bytes):
    before = get_handler_name()
    with array_bytes():
        assert get_handler_name() == "array_bytes"
    with pytest.raises(KeyError), array_bytes():
        raise KeyError
    assert get_handler_name() == before


def test_a_thread_counts_in_a_copy_of_the_context(array_bytes):
    kept = []

    def work():
        for n in range(1, 100):
            kept.append(np.empty(n))
            np.empty(n)

    with array_bytes() as counter:
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (counter.live, counter.blocks) == (4 * 8 * 4950, 4 * 99)
        kept.clear()
        assert counter.live == 0
