"""Counted functions: the same function, and every call of it is counted, from any thread."""

from __future__ import annotations

import ctypes
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.meters import array_reports, machine_code
from gradmeter.bench.meters.allocations import counting
from gradmeter.bench.meters.machine_code import Counted, Tally, UnsupportedError

from ...thorough import examples

SIZES = {"second": lambda a, b, c: b, "third": lambda a, b, c: c, "product": lambda a, b, c: b * c}
_HOLDS = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t)


@settings(max_examples=examples(30), deadline=None)
@given(
    st.sampled_from(sorted(SIZES)),
    st.lists(st.tuples(*[st.integers(0, 2**31)] * 3), max_size=5),
)
def test_a_counted_function_is_the_same_function(size, calls):
    seen = []
    plain = _HOLDS(lambda *args: seen.append(args) or sum(args) % 2**31)
    tally = Tally()
    address = ctypes.cast(plain, ctypes.c_void_p).value
    (counted,) = machine_code.counting(tally, (Counted(address, size),))
    function = _HOLDS(counted)
    assert [function(*args) for args in calls] == [sum(args) % 2**31 for args in calls]
    assert seen == calls
    assert (tally.calls, tally.bytes) == (len(calls), sum(SIZES[size](*args) for args in calls))


def test_another_machine_is_refused(monkeypatch):
    monkeypatch.setattr(machine_code, "MACHINES", ("none",))
    with pytest.raises(UnsupportedError, match="on Linux and none only"):
        machine_code.counting(Tally(), (Counted(1, "third"),))


def test_where_nothing_is_counted_bytes_are_all_the_same(monkeypatch):
    monkeypatch.setattr(machine_code, "MACHINES", ("none",))
    machine_code.counting.cache_clear()
    try:
        with counting() as count:
            array = np.empty(77, np.uint8)
            assert (count.live, count.number, count.allocated) == (77, None, None)
            del array
    finally:
        machine_code.counting.cache_clear()


def test_blocks_of_every_thread_are_counted_and_none_after_the_end():
    def make() -> None:
        for _ in range(100):
            np.empty(10, np.uint8)

    with array_reports.counted() as tally:
        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        make()
    make()
    assert (tally.calls, tally.bytes) == (500, 5000)


def test_an_error_on_its_way_stays_the_same_error_and_the_word_is_put_back():
    with pytest.raises(ZeroDivisionError), array_reports.counted() as tally:
        np.empty(3, np.uint8) + np.empty(4, np.uint8)[: 1 // 0]
    assert tally.calls == 2
    with counting() as count:
        np.empty(5, np.uint8)
        assert (count.peak, count.number) == (5, 1)


def test_without_numpy_nothing_is_counted(monkeypatch):
    array_reports._slots.cache_clear()
    monkeypatch.delitem(sys.modules, "numpy")
    with pytest.raises(UnsupportedError, match="NumPy is not imported"), array_reports.counted():
        pass
