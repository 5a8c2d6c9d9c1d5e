"""The timeline meter: every byte has a name, and the figures are those of the other meters."""

from __future__ import annotations

import gc
import json
import sys
import threading
import tracemalloc
import weakref
from functools import partial

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.program import END, program, sources
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.meters import allocations, timeline, watch
from gradmeter.bench.meters.births import find_births
from gradmeter.bench.meters.cycles import collector_off
from gradmeter.bench.meters.cycles import measure as measure_cycles
from gradmeter.bench.results.readings import ArrayLife, Timeline
from gradmeter.bench.timelines import explain
from gradmeter.engine import Function, Variable, no_grad, using_config

from ...engine import programs
from ...thorough import examples

WORKLOADS = [name.replace("-N", "-4") for name in workloads.names()]
VARIANTS = [
    "engine",
    "engine:output_references=strong",
    "engine:retain_grad=on",
    "engine:retain_graph=on",
    "engine:enable_backprop=off",
    "engine:output_references=strong,retain_grad=on,retain_graph=on",
]
N = 1000
BYTES = 8 * N


def read(found: timeline.Timeline) -> Timeline:
    """As the run file has it."""
    plain = json.loads(json.dumps(timeline.as_plain(found)))
    return msgspec.convert(plain, Timeline)


def traced(run) -> Timeline:
    """The timeline of ``run()``, whose result is held at the end."""

    def make():
        yield "forward"
        held = run()
        yield END
        del held

    return read(timeline.measure(make))


def lives(found: Timeline) -> dict[str, ArrayLife]:
    assert len({life.name for life in found.arrays}) == len(found.arrays)
    return {life.name: life for life in found.arrays}


def leaf(name=None, value=1.5) -> Variable:
    return Variable(np.full(N, value), name)


def check(found: Timeline) -> None:
    """What holds in every timeline."""
    assert len(found.levels) == len(found.peaks)
    for i, high in enumerate(found.peaks):
        assert high >= found.levels[i]
        assert high >= (found.levels[i - 1] if i else 0)
        assert sum(part.bytes for part in explain.alive_at(found, i)) == high
    for o in found.operations:
        assert (o.before, o.after) == (found.levels[o.begin], found.levels[o.end])
        assert o.peak == max(found.peaks[o.begin + 1 : o.end + 1])
    assert min(explain.unexplained(found)) >= 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", WORKLOADS)
def test_no_byte_is_unexplained_and_the_other_meters_agree(name, variant):
    workload, settings_ = workloads.get(name), dict(parse(variant).settings)
    adapter = engines.get("engine").make(**settings_)
    make = partial(program, workload, adapter, sources(workload, N, 0))

    def run():
        for _phase in make():
            pass

    with adapter.using(), collector_off():
        run()
        memory, cycles = allocations.measure(make), measure_cycles(run)
        found = read(timeline.measure(make))
        again = read(timeline.measure(make))
    check(found)
    assert found == again
    assert explain.peak(found)[0] == memory.peak
    assert found.levels[-1] == memory.held
    assert (found.dropped, found.leaked) == (cycles.dropped, cycles.leaked)
    assert bool(found.loop) == (cycles.objects > 0)
    assert set(explain.unexplained(found)) == {0}
    assert not any(o.raised for o in found.operations)


# Making a program smaller takes minutes: after every step, garbage is collected.
@settings(
    max_examples=examples(40), deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
@given(programs.programs(), st.sampled_from(VARIANTS))
def test_of_any_program_the_figures_hold_and_nothing_is_kept(steps, variant):
    adapter = engines.get("engine").make(**dict(parse(variant).settings))

    def make():
        yield "forward"
        pool, total = programs.run(steps)
        if adapter.records:
            with np.errstate(all="ignore"):
                total.backward()
        yield END
        del pool, total

    with adapter.using(), collector_off():
        for _phase in make():
            pass
        memory = allocations.measure(make)
        found = read(timeline.measure(make))
        assert found == read(timeline.measure(make))
    check(found)
    assert (explain.peak(found)[0], found.levels[-1]) == (memory.peak, memory.held)
    assert found.leaked == 0
    assert bool(found.loop) == ("strong" in variant)
    # Without a graph, what "declared" puts aside is nobody's, until its object is gone.
    calls = [name for name, *_ in steps].count("declared") * (not adapter.records)
    assert set(explain.unexplained(found)) <= {programs.BYTES * n for n in range(calls + 1)}
    assert not any(life.name.endswith("of store") for life in found.arrays)


def test_the_life_of_every_array_of_a_small_program():
    def run():
        x = leaf("x")
        y = engine.exp(engine.square(x) + 1.0)
        y.backward()
        return x, y

    run()
    found = traced(run)
    assert [explain.title(o) for o in found.operations] == [
        "square#1 forward", "add#2 forward", "exp#3 forward", "exp#3 backward",
        "add#2 backward", "square#1 backward", "the end of the backward",
    ]  # fmt: skip
    told = {
        life.name: (life.kind, life.bytes, explain.birth(found, life), explain.death(found, life))
        for life in found.arrays
    }
    assert told == {
        "x": ("input", BYTES, "at the start", "alive at the end"),
        "square#1": ("output", BYTES, "in square#1 forward", "dies after add#2 forward"),
        "add#2": ("output", BYTES, "in add#2 forward", "dies after exp#3 forward"),
        "exp#3": ("output", BYTES, "in exp#3 forward", "alive at the end"),
        "grad of exp#3": ("gradient", 8, "before the trace", "alive at the end"),
        # First it was the gradient of add#2, into which that of x was written.
        "grad of x": ("gradient", BYTES, "in exp#3 backward", "alive at the end"),
    }
    saved = {life.name: (life.saved, life.released) for life in found.arrays if life.saved}
    assert saved == {"x": (1, 11), "exp#3": (5, 7)}


def test_views_and_broadcasts_are_the_array_that_they_show():
    def run():
        base = np.ones((N, 2))
        x = Variable(base.T, "x")
        y = Variable(np.broadcast_to(base[:1], (N, 2)), "y")
        z = Variable(np.lib.stride_tricks.as_strided(base, (2,), (8,)), "z")
        m = Variable(np.frombuffer(memoryview(base), count=4), "m")
        return [x * 2.0, engine.sum(y), z * 2.0, m * 2.0], base

    found = traced(run)
    inputs = [life for life in found.arrays if life.kind == "input"]
    assert [(a.name, a.bytes, a.born) for a in inputs] == [("x", 2 * BYTES, 0)]
    assert set(explain.unexplained(found)) == {0}


def test_a_result_that_shows_its_input_has_a_gradient_of_its_own():
    class Half(Function):
        def forward(self, x):
            return x[::2]

        def backward(self, gy):
            return np.repeat(gy, 2)

    def run():
        y = Half()(leaf("x"))
        y.backward(retain_grad=True)
        return y

    found = traced(run)
    assert {(life.name, life.bytes) for life in found.arrays} >= {
        ("x", BYTES),
        ("grad of x", BYTES),
        ("grad of Half#1", BYTES // 2),
    }
    assert not any(life.kind == "output" for life in found.arrays)


def test_arrays_from_before_the_trace_are_told_and_not_counted():
    x = leaf("x")
    found = traced(lambda: engine.square(x))
    born = lives(found)["x"]
    assert (born.born, born.bytes) == (-1, BYTES)
    assert found.levels == [0, BYTES, BYTES]
    assert explain.born_before(found) == [born]


def test_float32_and_arrays_of_no_elements():
    def run():
        return (
            Variable(np.ones(N, np.float32), "x") * np.float32(2),
            Variable(np.ones(0), "none") * 2.0,
        )

    found = traced(run)
    sizes = {life.name: life.bytes for life in found.arrays}
    assert sizes == {"x": 4 * N, "mul#1": 4 * N, "none": 1, "mul#2": 1}
    assert set(explain.unexplained(found)) == {0}


def test_what_numpy_made_and_no_operation_uses_is_other():
    def run():
        mine = np.ones(N)
        y = engine.square(leaf("x"))
        late = np.ones(3 * N)
        return mine, -y, late

    found = traced(run)
    check(found)
    assert explain.unexplained(found) == [BYTES, BYTES, 4 * BYTES, 4 * BYTES, 4 * BYTES]


@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_an_operation_that_raises_is_told_and_what_follows_is_not_inside_of_it(phase):
    class Raises(Function):
        def forward(self, x):
            if phase == "forward":
                raise KeyError
            return x + 1.0

        def backward(self, gy):
            raise KeyError

    def run():
        x = leaf("x")
        for _ in range(3):
            with pytest.raises(KeyError):
                Raises()(x).backward()
        y = engine.square(x)
        y.backward()
        return x, y

    run()
    found = traced(run)
    gc.collect()
    raised = [o for o in found.operations if o.raised]
    assert [(o.name, o.phase) for o in raised] == [("Raises", phase)] * 3
    # It ends where the next one begins.
    for o in raised:
        following = found.operations[found.operations.index(o) + 1]
        assert (o.end, o.after) == (following.begin, following.before)
    assert explain.when(found, len(found.levels) - 1) == "after the end of the backward"
    check(found)


def test_what_runs_inside_of_an_operation_lies_inside_of_it():
    def run():
        y = programs.Recomputing()(leaf("x"))
        y.backward()
        return y

    run()
    found = traced(run)
    outer = [o for o in found.operations if o.name == "Recomputing"]
    inner = [o for o in found.operations if o.name != "Recomputing"]
    forward, backward = outer
    assert all(
        forward.begin < o.begin < o.end < forward.end
        or backward.begin < o.begin < o.end < backward.end
        for o in inner[:-1]
    )
    assert inner[-1].name == "store"
    assert inner[-1].begin > backward.end
    assert max(o.peak for o in inner[:-1]) == backward.peak
    check(found)


def test_an_operation_from_before_the_trace_has_no_number():
    y = engine.square(leaf("x"))
    with using_config("retain_graph", True):
        found = traced(y.backward)
    assert explain.title(found.operations[0]) == "square backward"
    check(found)


def test_no_grad_saves_nothing():
    def run():
        with no_grad():
            return engine.square(engine.square(leaf()))

    found = traced(run)
    assert [life.saved for life in found.arrays] == [None] * 3
    assert found.arrays[0].name == "input of square#1"


def test_two_sweeps_and_several_graphs():
    def run():
        x, w = leaf("x"), leaf("w")
        for _ in range(2):
            (x * w).backward()
            w.data -= w.grad
            w.cleargrad()
        return x, w

    run()
    found = traced(run)
    check(found)
    assert [o.name for o in found.operations].count("store") == 2
    names = [life.name for life in found.arrays]
    # The second grad of x is added to the first, in place.
    assert names.count("grad of w") == 2
    assert set(explain.unexplained(found)) == {0}


def test_other_threads_are_traced_too():
    def work():
        x = leaf()
        for _ in range(20):
            engine.square(engine.exp(x * 0.0)).backward()

    def run():
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    run()
    found = traced(run)
    assert len(found.operations) == 3 * 20 * 7
    assert found.levels[-1] == 0
    assert not any(o.raised for o in found.operations)
    assert len({o.number for o in found.operations if o.phase == "forward"}) == 3 * 20 * 3


def test_the_trace_leaves_nothing_behind():
    refs = []
    x = leaf("x")
    before = dict(weakref.finalize._registry)

    def run():
        y = engine.square(x)
        refs.append(weakref.ref(y.data))
        return y

    traced(run)
    assert [ref() for ref in refs] == [None]
    assert weakref.finalize._registry.keys() <= before.keys()
    assert not tracemalloc.is_tracing()


def test_tracing_that_is_on_already_is_left_on():
    tracemalloc.start()
    try:
        with pytest.raises(allocations.UnavailableError, match="already"):
            traced(lambda: None)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_births_are_where_unexplained_bytes_rose_by_enough_and_stayed():
    # 5 bytes come in interval 1, and 3 in interval 3 of which 2 go in 4.
    levels = [0, 5, 5, 8, 6, 6]
    assert find_births(levels, [(5, 6, 5)]) == [1]
    assert find_births(levels, [(4, 6, 1), (5, 6, 5)]) == [3, 1]
    assert find_births(levels, [(5, 6, 7)]) == [5]  # never there: it explains nothing before
    assert find_births(levels, [(0, 2, 5)]) == [0]


def test_an_interruption_at_any_line_of_the_meter_leaves_a_timeline_that_can_be_read():
    """As Ctrl-C between two lines of an event that is being recorded."""

    def is_interrupted_at(number: int) -> bool:
        lines = iter(range(10**6))

        def interrupt(frame, kind, _argument):
            if frame.f_code.co_filename != watch.__file__ or frame.f_code.co_name == "_died":
                return None  # what is raised in a finalizer, Python ignores
            if kind == "line" and next(lines) == number:
                raise KeyboardInterrupt
            return interrupt

        x = Variable(np.ones(N))
        before = sys.gettrace()
        with timeline.watching() as (watched, _):
            sys.settrace(interrupt)
            try:
                engine.square(engine.square(x)).backward()
            except KeyboardInterrupt:
                return True
            finally:
                sys.settrace(before)
                watched.stop()
                read(timeline.timeline(watched, 0, 0, ()))
        return False

    number = 0
    while is_interrupted_at(number):
        number += 1
    assert number > 100
