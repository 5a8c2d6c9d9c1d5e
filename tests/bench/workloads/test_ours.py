"""Workloads: their inputs, their exact gradients, and that a new one is one function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.bench import workloads
from gradmeter.bench.cases.program import program, sources
from gradmeter.bench.engines import get as engine_named
from gradmeter.bench.errors import UsageError
from gradmeter.bench.workloads import ours

from ...thorough import examples

NAMES = [
    "squares-1",
    "squares-3",
    "squares-30",
    "self_products-1",
    "self_products-30",
    "constant_sums-1",
    "constant_sums-30",
    "step17_loop",
    "diamond",
    "matyas",
    "goldstein_price",
    "training_step",
]
SIZES = [1, 2, 7, 8, 9, 100, 1001]
EXACT = [name for name in NAMES if workloads.get(name).exact]


class Plain:
    """The operations in NumPy alone, with more digits than float64 has."""

    square = staticmethod(np.square)
    exp, log, tanh = np.exp, np.log, np.tanh
    maximum, sum, matmul = np.maximum, np.sum, np.matmul


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def finished(workload: workloads.Workload, size: int, seed: int = 0, **variant):
    """The inputs and the result at the end of the workload's program."""
    found = []
    adapter = engine_named("engine").make(**variant)
    with adapter.using():
        data = sources(workload, size, seed)
        for _ in program(workload, adapter, data, lambda *both: found.extend(both)):
            pass
    return found


def test_every_family_is_tried_here():
    assert {name.partition("-")[0] for name in NAMES} == {
        name.partition("-")[0] for name in workloads.names()
    }


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=examples(15), deadline=None)
@given(size=st.sampled_from(SIZES), seed=st.integers(0, 2**32))
def test_the_exact_gradient_is_that_of_central_differences(name, size, seed):
    workload = workloads.get(name)
    inputs = workloads.arrays(workload, size, seed)
    exact = workload.exact(**inputs)
    assert exact.keys() == inputs.keys() - workload.constants
    wide = {k: v.astype(np.longdouble) for k, v in inputs.items()}
    for key, gradient in exact.items():
        # Where 30 squares stretch it, it has to be smaller.
        step = np.longdouble(2.0 ** (-42 if "s-30" in name else -20))
        ups, downs = ({**wide, key: wide[key] + h} for h in (step, -step))
        difference = workload.function(Plain, *ups.values()) - workload.function(
            Plain, *downs.values()
        )
        estimate = (difference / (2 * step)).astype(float)
        scale = np.max(np.abs(estimate))
        assert gradient.shape == inputs[key].shape
        np.testing.assert_allclose(gradient, estimate, rtol=1e-5, atol=1e-7 * scale)


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=examples(15), deadline=None)
@given(size=st.sampled_from(SIZES), seed=st.integers(0, 2**32))
def test_the_exact_gradient_is_that_of_the_engine(name, size, seed):
    workload = workloads.get(name)
    inputs, _ = finished(workload, size, seed)
    exact = workload.exact(**workloads.arrays(workload, size, seed))
    for key, gradient in exact.items():
        scale = np.max(np.abs(gradient))
        tolerance = workload.tolerance
        np.testing.assert_allclose(inputs[key].grad, gradient, tolerance, tolerance * scale)


@settings(max_examples=examples(60), deadline=None)
@given(name=st.sampled_from(NAMES), size=st.integers(1, 300), seed=st.integers(0, 2**63))
def test_inputs_are_the_same_for_a_size_and_seed_and_others_for_another(name, size, seed):
    workload = workloads.get(name)
    first = workloads.arrays(workload, size, seed)
    assert same(first, workloads.arrays(workloads.get(name), size, seed))
    assert not same(first, workloads.arrays(workload, size, seed + 1))
    assert not same(first, workloads.arrays(workload, size + 1, seed))
    assert all(a.dtype == np.float64 and np.isfinite(a).all() for a in first.values())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_arrays_are_of_the_size_that_was_asked_for(name, size):
    workload = workloads.get(name)
    inputs = workloads.arrays(workload, size, 0)
    if name == "training_step":
        x, t = inputs["x"], inputs["t"]
        assert x.shape == (size // min(size, 8), min(size, 8))
        assert size - 8 < x.size <= size
        assert t.shape == (len(x), 1)
    else:
        assert {a.shape for a in inputs.values()} == {(size,)}


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_every_workload_runs_and_stays_finite(name, size):
    inputs, result = finished(workloads.get(name), size)
    assert np.isfinite(result.data).all()
    assert all(np.isfinite(getattr(v, "data", v)).all() for v in inputs.values())


def test_every_iteration_of_fresh_data_has_its_own_and_the_last_is_what_is_left():
    workload = workloads.get("step17_loop")
    data = sources(workload, 50, 3)
    assert len(data) == 10
    assert len({one["x"].tobytes() for one in data}) == 10
    _, result = finished(workload, 50, 3)
    np.testing.assert_allclose(result.data, data[-1]["x"] ** 8)


def test_a_program_never_writes_into_its_sources():
    for name in NAMES:
        workload = workloads.get(name)
        data = sources(workload, 16, 0)
        before = [{k: v.copy() for k, v in one.items()} for one in data]
        adapter = engine_named("engine").make()
        with adapter.using():
            for _ in program(workload, adapter, data):
                pass
        assert all(same(a, b) for a, b in zip(data, before, strict=True))


def test_training_learns():
    workload = workloads.get("training_step")
    start = workloads.arrays(workload, 8000, 0)
    inputs, _ = finished(workload, 8000)

    def loss(weights: dict[str, np.ndarray]) -> float:
        variables = [engine.Variable(np.asarray(a)) for a in weights.values()]
        return float(workload.function(engine, *variables).data)

    trained = {k: getattr(v, "data", v) for k, v in inputs.items()}
    assert loss(trained) < loss(start)
    assert all(not np.array_equal(trained[k], start[k]) for k in ("w1", "b1", "w2", "b2"))


@pytest.mark.parametrize(
    "name",
    [
        *("", "square", "squares", "squares-", "squares-0", "squares-03", "squares--3"),
        *("squares-3.5", "squares-3-3", "squares-3 ", "squares-3\n", "squares-99999999"),
        *("squares-N", "squares-1\u0663", "squares-\u0663"),
        *("diamond-3", "Matyas", "N", "family", "get", "[red]"),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_meant_or_the_list(name):
    with pytest.raises(UsageError) as error:
        workloads.get(name)
    message = str(error.value)
    family = name.removesuffix("-3")
    if meant := {"squares": "takes a depth; write squares-3", "diamond": "write diamond"}.get(
        family
    ):
        assert (
            message == f"the workload {family} {'takes no depth; ' * (family == 'diamond')}{meant}"
        )
        return
    assert message.startswith(f"there is no workload {name!r}; ")
    assert "; did you mean " in message or all(known in message for known in workloads.names())


@pytest.mark.parametrize("family", ["squares", "self_products", "constant_sums"])
@pytest.mark.parametrize("depth", [100, 1023, 1024, 100_000])
def test_any_depth_makes_a_workload_or_is_refused(family, depth):
    try:
        workload = workloads.get(f"{family}-{depth}")
    except UsageError:
        return
    assert np.isfinite(workloads.arrays(workload, 3, 0)["x"]).all()


@pytest.mark.parametrize("family", ["squares", "self_products"])
@pytest.mark.parametrize("depth", [30, 40, 60])
def test_a_gradient_of_twice_the_size_is_never_within_the_tolerance(family, depth):
    try:
        workload = workloads.get(f"{family}-{depth}")
    except UsageError:
        return
    assert workload.exact is None or workload.tolerance < 0.1


def test_a_workload_added_by_one_function_works(monkeypatch):
    monkeypatch.setattr(ours, "_families", dict(ours._families))

    @ours.family(depth=True)
    def cubes(depth: int) -> workloads.Workload:
        def function(_operations, x):
            for _ in range(depth):
                x = x * x * x
            return x

        return workloads.Workload(
            name=f"cubes-{depth}",
            meaning="cubes of cubes",
            function=function,
            inputs=lambda size, rng: {"x": rng.uniform(0.9, 1.1, size)},
            exact=lambda x: {"x": 3**depth * x ** (3**depth - 1)},
        )

    assert "cubes-N" in workloads.names()
    workload = workloads.get("cubes-2")
    inputs, _ = finished(workload, 7)
    exact = workload.exact(**workloads.arrays(workload, 7, 0))["x"]
    np.testing.assert_allclose(inputs["x"].grad, exact)
    with pytest.raises(UsageError, match="takes a depth; write cubes-3"):
        workloads.get("cubes")


@given(st.integers(1, 40), st.integers(1, 50))
def test_the_segments_of_a_chain_are_the_chain(depth, count):
    chain = workloads.Chain(lambda operations, x: [*x, operations], depth)
    pieces = chain.segments(count)
    assert len(pieces) == min(count, depth)
    lengths = [piece.depth for piece in pieces]
    assert max(lengths) - min(lengths) <= 1
    x = []
    for number, piece in enumerate(pieces):
        x = piece(number, x)
    assert len(x) == depth
    assert x == sorted(x)


@pytest.mark.parametrize("variant", [{"checkpoint": 2}, {"checkpoint": 100},
                                     {"checkpoint": 3, "execution": "compiled"}])  # fmt: skip
@pytest.mark.parametrize("name", ["squares-3", "self_products-5", "constant_sums-7"])
def test_a_chain_in_segments_computes_the_same(name, variant):
    workload = workloads.get(name)
    inputs, result = finished(workload, 100)
    again, same_result = finished(workload, 100, **variant)
    np.testing.assert_allclose(same_result.data, result.data, rtol=1e-13)
    np.testing.assert_allclose(again["x"].grad, inputs["x"].grad, rtol=1e-13)


@pytest.mark.parametrize("name", ["diamond", "matyas", "goldstein_price", "training_step"])
def test_what_is_no_chain_is_refused_with_the_reason(name):
    with pytest.raises(ValueError, match="takes a chain"):
        finished(workloads.get(name), 8, checkpoint=2)
    assert "takes a chain" in engine_named("engine").reason(name, {"checkpoint": 2})


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("self_products-30")])
def test_compiled_computes_the_same(name):
    workload = workloads.get(name)
    inputs, result = finished(workload, 100)
    again, compiled = finished(workload, 100, execution="compiled")
    np.testing.assert_allclose(compiled.data, result.data, rtol=1e-12)
    for key, x in inputs.items():
        if key not in workload.constants:
            np.testing.assert_allclose(again[key].data, x.data, rtol=1e-12)
            if x.grad is not None:
                np.testing.assert_allclose(again[key].grad, x.grad, rtol=1e-12)


@pytest.mark.parametrize("name", ["squares-3", "goldstein_price"])
def test_a_longer_workload_computes_so_many_operations_more(name):
    workload = workloads.get(name)
    inputs = workloads.arrays(workload, 4, 0)
    assert workloads.longer(workload, 0) is workload

    def operations(count):
        result = workloads.longer(workload, count).function(
            engine, *map(engine.Variable, inputs.values())
        )
        seen, waiting = set(), [result]
        while waiting:
            creator = waiting.pop().creator
            if creator is not None and creator not in seen:
                seen.add(creator)
                waiting += creator.inputs
        return len(seen)

    assert operations(2) == operations(0) + 2
