"""The cycles meter against known truth: what only the collector frees, and what nobody does."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.meters.cycles import Cycles, collector_off, measure

from ...thorough import examples

FLAGS = (0, gc.DEBUG_UNCOLLECTABLE, gc.DEBUG_SAVEALL)


class Link:
    """One object and nothing more: no dictionary to be counted beside it."""

    __slots__ = ("__weakref__", "array", "to")


class Stubborn(Link):
    """It cannot be collected the first time: it comes back when it is finalized."""

    __slots__ = ()
    kept: list[Stubborn] = []  # noqa: RUF012

    def __del__(self):
        Stubborn.kept.append(self)


@pytest.fixture(autouse=True)
def the_collector_is_put_back():
    yield
    gc.set_debug(0)
    gc.enable()
    gc.garbage.clear()
    Stubborn.kept.clear()
    gc.collect()


def ring(objects: int, nbytes: int, kind: type[Link] = Link) -> Link:
    """A cycle of so many objects, the first of which holds an array."""
    links = [kind() for _ in range(objects)]
    for link, to in zip(links, links[1:] + links[:1], strict=True):
        link.to = to
    links[0].array = np.empty(nbytes, np.uint8)
    return links[0]


@settings(max_examples=examples(15), deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 10**6)), max_size=5))
def test_cycles_of_k_bytes_in_j_objects_are_just_that(rings):
    def run():
        for objects, nbytes in rings:
            ring(objects, nbytes)
        np.empty(12345)  # dropped without the collector's help

    objects, nbytes = (sum(r[i] for r in rings) for i in (0, 1))
    types = {"Link": objects} if objects else {}
    assert measure(run) == Cycles(nbytes, nbytes, objects, types, 0)


def test_a_cycle_that_is_returned_is_dropped_and_counted():
    assert measure(lambda: ring(3, 1000)) == Cycles(1000, 1000, 3, {"Link": 3}, 0)


def test_what_somebody_still_holds_is_leaked_and_in_no_cycle():
    held = []

    def run():
        held.append(np.empty(500, np.uint8))
        held.append(ring(2, 70))
        ring(4, 1000)

    assert measure(run) == Cycles(1570, 1000, 4, {"Link": 4}, 570)


def test_what_comes_back_when_finalized_is_leaked():
    def run():
        ring(1, 1000, Stubborn)

    found = measure(run)
    assert (found.dropped, found.bytes, found.leaked) == (1000, 0, 1000)


def test_nothing_is_nothing():
    assert measure(lambda: None) == Cycles(0, 0, 0, {}, 0)


def test_cycles_that_were_there_before_are_nobody_s():
    gc.disable()
    ring(50, 1000)
    assert measure(lambda: ring(1, 10)) == Cycles(10, 10, 1, {"Link": 1}, 0)


def test_types_are_counted_by_name():
    class Other(Link):
        __slots__ = ()

    def run():
        first, second = ring(2, 100), ring(3, 0, Other)
        first.to.to, second.array = second, first

    assert measure(run).types == {"Link": 2, "Other": 3}


def test_the_objects_that_were_looked_at_are_gone_afterwards():
    seen = []

    def run():
        seen.append(weakref.ref(ring(3, 100)))

    measure(run)
    assert [ref() for ref in seen] == [None]
    assert not any(isinstance(o, Link) for o in gc.get_objects())


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("raises", [False, True])
def test_collector_flags_and_garbage_are_put_back_as_they_were(flags, enabled, raises):
    garbage = ["there before"]
    gc.collect()
    gc.garbage[:] = garbage
    gc.set_debug(flags)
    (gc.enable if enabled else gc.disable)()

    def run():
        ring(2, 100)
        if raises:
            raise KeyError

    if raises:
        with pytest.raises(KeyError):
            measure(run)
    else:
        measure(run)
    after = (gc.isenabled(), gc.get_debug(), gc.garbage[:1], tracemalloc.is_tracing())
    assert after == (enabled, flags, garbage, False)
    assert raises or not any(isinstance(o, Link) for o in gc.garbage)


@pytest.mark.parametrize("flags", FLAGS)
def test_the_figures_do_not_depend_on_the_debugging_flags(flags):
    gc.collect()
    gc.set_debug(flags)
    assert measure(lambda: ring(3, 1000)) == Cycles(1000, 1000, 3, {"Link": 3}, 0)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_put_back_also_where_the_block_switches_it(enabled):
    (gc.enable if enabled else gc.disable)()
    with collector_off():
        assert not gc.isenabled()
        (gc.disable if enabled else gc.enable)()
    assert gc.isenabled() is enabled


def test_garbage_from_before_is_not_counted():
    gc.collect()
    gc.garbage.append(np.empty(100))
    assert measure(lambda: ring(1, 10)) == Cycles(10, 10, 1, {"Link": 1}, 0)
    assert len(gc.garbage) == 1
