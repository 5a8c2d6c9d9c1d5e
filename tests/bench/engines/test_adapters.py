"""Every adapter against calculations by hand: values, gradients, bytes; in the workers of a run.

An engine that is not installed skips its tests, with the command that would install it;
`make test-engines` installs them all, and there one that is missing fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.runs.launcher import Process

from ..misbehaviour import spec

PATIENCE = 300
SIZE = 1_000_000
ARRAY = 8 * SIZE
SMALL = ARRAY // 4  # of a heap: Python objects, traces, and what is cached of them

SIMPLE = "dezero:core=simple"
OF_ARRAYS = [
    "engine",
    "dezero",
    SIMPLE,
    "autograd",
    "mygrad",
    "mygrad:memory_guard=off",
]
OF_THEIR_OWN = [
    "tinygrad",
    "torch",
    "torch:execution=compiled",
    "jax",
    "jax:execution=eager",
    "tensorflow",
    "tensorflow:execution=compiled",
]


@contextmanager
def worker(text: str, workload: str, size: int = SIZE, **changes) -> Iterator[Process]:
    """A worker that is ready to measure a variant."""
    variant = parse(text)
    engine = variant.engine
    if engine.version is None:
        words = f"{engine.name} is not installed; {engine.command}"
        assert not os.environ.get("GRADMETER_PEERS"), words
        pytest.skip(words)
    case = {"workload": workload, "size": size, "engine": engine.name}
    process = Process(spec(**case, settings=variant.of_engine, **changes), PATIENCE)
    try:
        process.ready()
        yield process
    finally:
        process.close()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """Where engines keep what they compile: shared, as by the workers of a run."""
    return tmp_path_factory.mktemp("scratch")


def computed(text: str, workload: str, scratch, size: int = 1000) -> dict[str, np.ndarray]:
    """What a variant computes, and the inputs it computes that from."""
    with worker(text, workload, size, scratch=str(scratch)) as process:
        answer = process.ask("check", path=str(scratch / "found.npz"))
    assert answer["seconds"] > 0
    with np.load(scratch / "found.npz") as found:
        inputs = workloads.arrays(workloads.get(workload), size, 0)
        return {**found, **{f"input {name}": array for name, array in inputs.items()}}


@pytest.mark.parametrize("variant", OF_ARRAYS + OF_THEIR_OWN)
def test_matyas_and_its_gradients_are_those_of_the_formula(variant, scratch):
    found = computed(variant, "matyas", scratch)
    x, y = found["input x"], found["input y"]
    near = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(found["result"], 0.26 * (x * x + y * y) - 0.48 * x * y, **near)
    np.testing.assert_allclose(found["gradient of x"], 0.52 * x - 0.48 * y, **near)
    np.testing.assert_allclose(found["gradient of y"], 0.52 * y - 0.48 * x, **near)


@pytest.mark.parametrize("variant", [v for v in OF_ARRAYS if v != SIMPLE] + OF_THEIR_OWN)
def test_five_training_steps_are_those_of_backpropagation_by_hand(variant, scratch):
    found = computed(variant, "training_step", scratch)
    x, t = found["input x"], found["input t"]
    w1, b1, w2, b2 = (found[f"input {name}"].copy() for name in ("w1", "b1", "w2", "b2"))
    for _ in range(5):
        hidden = np.tanh(x @ w1 + b1)
        error = hidden @ w2 + b2 - t
        loss = np.sum(error**2) / len(t)
        upper = 2 * error / len(t)
        lower = (upper @ w2.T) * (1 - hidden**2)
        w2 -= 0.05 * hidden.T @ upper
        b2 -= 0.05 * upper.sum(axis=0)
        w1 -= 0.05 * x.T @ lower
        b1 -= 0.05 * lower.sum(axis=0)
    assert found["result after training"] == pytest.approx(loss, rel=1e-12)
    for name, weights in (("w1", w1), ("b1", b1), ("w2", w2), ("b2", b2)):
        np.testing.assert_allclose(found[f"{name} after training"], weights, rtol=1e-11)


@pytest.mark.parametrize(
    "text",
    [
        "dezero",
        "dezero:core=simple",
        "autograd",
        "mygrad",
        "tinygrad",
        "torch",
        "jax",
        "tensorflow",
    ],
)
def test_without_gradients_the_value_is_the_same_and_there_are_none(text, scratch):
    found = computed(
        f"{text}{',' if ':' in text else ':'}enable_backprop=off", "squares-3", scratch
    )
    np.testing.assert_allclose(found["result"], found["input x"] ** 8, rtol=1e-12)
    assert not [name for name in found if name.startswith("gradient")]


# Arrays alive at the peak of n operations: x, what is saved, results and gradients. DeZero's
# power makes two temporaries of its own, that of its simple core one; autograd's seed, which the
# caller hands in, stays alive to the end, and where the operation only passes it on it is the
# gradient.
PEAKS = {
    ("engine", "squares-3"): 4,
    ("engine", "constant_sums-10"): 3,
    ("dezero", "squares-3"): 3 + 4,
    ("dezero", "constant_sums-10"): 10 + 2,
    (SIMPLE, "squares-3"): 3 + 3,
    (SIMPLE, "constant_sums-10"): 10 + 2,
    ("autograd", "squares-3"): 3 + 4,
    ("autograd", "constant_sums-10"): 3,
    ("mygrad", "squares-3"): 2 * 3 + 2,
    ("mygrad", "constant_sums-10"): 2 * 10 + 2,
}


@pytest.mark.parametrize(("variant", "workload"), PEAKS)
def test_engines_of_arrays_take_the_arrays_that_counting_by_hand_finds(variant, workload):
    with worker(variant, workload) as process:
        process.ask("check", path=os.devnull)
        passes = process.ask("allocations")["passes"]
    assert passes[0] == passes[1] == passes[2]
    arrays, rest = divmod(passes[0]["peak"], ARRAY)
    assert arrays == PEAKS[variant, workload]
    assert rest < 1000  # a Python number is an array of 8 bytes while NumPy computes with it


def test_the_books_core_lacks_what_the_package_has():
    variant = parse(SIMPLE)
    reason = variant.engine.reason("training_step", dict(variant.of_engine))
    assert reason == "dezero.core_simple has no matmul, tanh and sum"
    assert not variant.engine.reason("training_step", {})
    with worker(SIMPLE, "training_step", 80) as process:
        with pytest.raises(WorkerError, match="dezero has no operation tanh") as raised:
            process.ask("check", path=os.devnull)
        assert raised.value.kind == "cannot"
    assert {"dezero", SIMPLE} <= set(engines.installed())


# Arrays that may still be there besides: JAX gives some buffers back once its threads are
# done with them, or when Python's collector runs, which is off here.
AT_MOST_KEPT = {"jax:execution=eager": 2}


@pytest.mark.parametrize("variant", [*OF_THEIR_OWN, "engine"])
@pytest.mark.parametrize(("workload", "held"), [("squares-3", 3), ("goldstein_price", 5)])
def test_the_heap_holds_inputs_result_and_gradients_at_the_end(variant, workload, held, scratch):
    uncached = tuple(engines.get(variant.partition(":")[0]).uncached.items())
    more = {"objects": True, "environment": uncached, "scratch": str(scratch)}
    with worker(variant, workload, **more) as process:
        found = process.ask("heap")
    assert found["least"] == held * ARRAY
    assert len(found["passes"]) == 3
    for one in found["passes"]:
        kept = held + AT_MOST_KEPT.get(variant, 0)
        assert held * ARRAY <= one["held"] < kept * ARRAY + SMALL
        assert one["held"] <= one["peak"]


def test_what_an_engine_keeps_for_itself_shows_as_less_than_its_arrays_have(scratch):
    # tinygrad with its cache of freed buffers: what the run takes was taken before.
    with worker("tinygrad", "squares-3", objects=True, scratch=str(scratch)) as process:
        found = process.ask("heap")
    assert found["passes"][-1]["held"] < found["least"]
