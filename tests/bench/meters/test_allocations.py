"""The allocation meter against known truth: bytes of array data, alive and at their peak."""

from __future__ import annotations

import gc
import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.cases.program import END
from gradmeter.bench.meters.allocations import Allocations, UnavailableError, counting, measure

from ...engine import programs as graphs
from ...thorough import examples

MB = 1_000_000
# Sizes of one element, within NumPy's cache of small blocks, around 256 KiB, and a megabyte.
sizes = st.sampled_from([0, 1, 7, 1000, 1024, 262_143, 262_144, 262_145, MB])
steps = st.lists(
    st.tuples(
        st.sampled_from(["new", "zeros", "view", "copy", "drop", "grow", "object", "add"]),
        sizes,
        st.integers(0, 9),
    ),
    max_size=8,
)


@pytest.fixture(autouse=True, scope="module")
def _prepared():
    """Have the meter find NumPy's reports, for which it makes an array once."""
    with counting():
        pass


def array(size: int) -> np.ndarray:
    return np.empty(size, np.uint8)


def apply(step: tuple[str, int, int], held: list) -> None:
    """One step of a random program: something made, dropped or changed among what is held."""
    name, size, i = step
    if name == "new":
        held.append(array(size))
    elif name == "zeros":
        held.append(np.zeros(size, np.uint8))
    elif name == "object":  # its elements are Python's, its data is the array's
        held.append(np.array([str(j) for j in range(size % 1000)], object))
    elif held and name == "view":
        held.append(held[i % len(held)][1:].reshape(-1))
    elif held and name == "copy":
        held.append(held[i % len(held)].copy())
    elif held and name == "drop":
        held.pop(i % len(held))
    elif name == "grow":
        grown = array(size)
        grown.resize(2 * size, refcheck=False)
        held.append(grown)
    elif name == "add":  # with temporaries that die at once
        held.append(array(size) + array(size) * np.uint8(3))


@settings(max_examples=examples(60), deadline=None)
@given(steps, steps, steps)
def test_every_program_is_counted_as_the_oracle_counts_it(array_bytes, before, forward, backward):
    truth = {}

    def program():
        held = []
        for phase, steps_of in (("inputs", before), ("forward", forward), ("backward", backward)):
            yield phase
            oracle.reset_peak()
            for step in steps_of:
                apply(step, held)
            truth[phase] = oracle.peak
        truth["held"] = oracle.live
        truth["counts"] = (oracle.number, oracle.allocated)
        yield END
        del held

    with array_bytes() as oracle:
        found = measure(program)
    peak = max(truth[phase] for phase in ("inputs", "forward", "backward"))
    alive = (truth["forward"], truth["backward"], peak, truth["held"])
    assert found == Allocations(*alive, *truth["counts"])
    assert oracle.live == 0


@settings(max_examples=examples(50), deadline=None)
@given(graphs.programs(), st.sampled_from(["weak", "strong"]), st.booleans())
def test_every_graph_is_counted_as_the_oracle_counts_it(array_bytes, graph, references, retain):
    truth = {}

    def program():
        yield "forward"
        oracle.reset_peak()
        pool, result = graphs.run(graph)
        truth["forward"] = oracle.peak
        yield "backward"
        oracle.reset_peak()
        result.backward()
        truth["backward"] = oracle.peak
        truth["held"] = oracle.live
        truth["counts"] = (oracle.number, oracle.allocated)
        yield END
        del pool, result

    from gradmeter import engine

    with (
        engine.using_config("output_references", references),
        engine.using_config("retain_grad", retain),
    ):
        graphs.run(graph)[1].backward()  # what lives as long as the process is made now
        gc.collect()
        gc.disable()
        try:
            with array_bytes() as oracle:
                found = measure(program)
        finally:
            gc.enable()
            gc.collect()
    peak = max(truth["forward"], truth["backward"])
    alive = (truth["forward"], truth["backward"], peak, truth["held"])
    assert found == Allocations(*alive, *truth["counts"])


def test_an_array_of_n_bytes_is_n_bytes():
    for size in (1, 1023, 1024, 1025, 262_144, MB, 50 * MB):
        with counting() as count:
            held = array(size)
            assert (count.live, count.peak) == (size, size)
            del held
            assert (count.live, count.peak) == (0, size)


def test_a_peak_between_two_looks_is_seen_and_belongs_to_its_phase():
    def program():
        yield "inputs"
        x = array(1000)
        yield "forward"
        y = array(5 * MB)
        y = array(3)
        yield "backward"
        z = array(70)
        yield END
        del x, y, z

    alive = (1000 + 5 * MB + 3, 1000 + 3 + 70, 1003 + 5 * MB, 1073)
    assert measure(program) == Allocations(*alive, number=4, allocated=1073 + 5 * MB)


def test_a_phase_that_comes_again_is_known_by_its_largest():
    def program():
        for size in (10, 5 * MB, 20):
            yield "forward"
            array(size)
            yield "backward"
            array(size // 2)
        yield END

    alive = (5 * MB, 5 * MB // 2, 5 * MB, 0)
    assert measure(program) == Allocations(*alive, number=6, allocated=45 + 15 * MB // 2)


def test_what_is_not_there_is_zero():
    def nothing():
        yield END

    assert measure(nothing) == Allocations(0, 0, 0, 0, number=0, allocated=0)


def test_what_is_made_before_the_first_phase_counts_towards_the_peak():
    def program():
        x = array(2 * MB)
        x = array(MB)
        yield "forward"
        yield END
        del x

    assert measure(program).peak == 3 * MB


def test_views_are_free_and_keep_their_base_counted():
    with counting() as count:
        view = array(MB)[::2].reshape(-1, 2).T
        assert count.live == MB
        del view
        assert count.live == 0


def test_what_lived_before_is_not_counted_and_may_die_inside():
    before = array(5 * MB)
    with counting() as count:
        view = before[:3]
        del before, view
        assert count.live == 0
        held = array(10)
        assert count.live == 10
        del held


def test_an_array_may_outlive_the_count():
    with counting():
        held = [array(MB) for _ in range(3)]
    held[0][:] = 1
    with counting() as count:
        held.clear()
        assert count.live == 0


def test_python_objects_are_never_counted():
    with counting() as count:
        held = [{str(i): [i] * 50} for i in range(10_000)]
        text = "x" * (10 * MB)
        raw = bytearray(10 * MB)
        assert (count.live, count.peak) == (0, 0)
        del held, text, raw


def test_reset_peak_starts_from_what_is_alive():
    with counting() as count:
        held = array(10)
        array(MB)
        count.reset_peak()
        assert count.peak == 10
        array(5)
        assert count.peak == 15
        del held


def test_inside_a_count_another_is_refused_and_the_first_goes_on():
    with counting() as count:
        held = array(100)
        for again in (lambda: counting().__enter__(), partial(measure, lambda: iter([END]))):
            with pytest.raises(UnavailableError, match="tracing already"):
                again()
        assert tracemalloc.is_tracing()
        more = array(11)
        assert (count.live, count.peak) == (111, 111)
        del held, more


def test_where_tracemalloc_is_at_work_it_is_left_as_it_was():
    tracemalloc.start(7)
    try:
        held = array(MB)
        before = tracemalloc.get_traced_memory()[0]
        assert before >= MB
        with pytest.raises(UnavailableError, match="tracemalloc is tracing already"):
            measure(lambda: iter([END]))
        assert tracemalloc.is_tracing()
        assert tracemalloc.get_traceback_limit() == 7
        assert tracemalloc.get_traced_memory()[0] >= MB
        assert tracemalloc.get_object_traceback(held) is not None
    finally:
        tracemalloc.stop()
