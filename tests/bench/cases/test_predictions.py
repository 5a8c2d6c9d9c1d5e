"""Predicted memory is measured memory, to the byte: all variants, depths, and sizes."""

from __future__ import annotations

from functools import partial
from itertools import product

import pytest

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.program import program, sources
from gradmeter.bench.laws.names import parameters
from gradmeter.bench.meters import allocations, cycles
from gradmeter.bench.meters.cycles import collector_off

ENGINE = engines.get("engine")
GRAPH = [s for s in ENGINE.settings if s.name not in ("execution", "checkpoint")]
VARIANTS = [
    {**dict(zip([s.name for s in GRAPH], values, strict=True)), "execution": "eager"}
    for values in product(*[s.values for s in GRAPH])
]
PLAIN = {s.name: s.default for s in ENGINE.settings}
# On both sides of 256 KiB, from where NumPy computes in a temporary's place.
SIZES = [1, 7, 32_767, 32_768, 40_000]
CHAINS = ["squares", "self_products", "constant_sums"]
NAMES = [f"{chain}-{depth}" for chain in CHAINS for depth in (1, 2, 3, 10)] + ["step17_loop"]
REST = ["diamond", "matyas", "goldstein_price", "training_step"]


def measured(workload: workloads.Workload, size: int, variant: dict, passes: int = 1):
    """Each pass's bytes, and the cycles, of a workload that has run once before."""
    adapter = ENGINE.make(**variant)
    with adapter.using():
        make = partial(program, workload, adapter, sources(workload, size, 0))
        once = sources(workload, size if size < 10 else 8, 0)

        def run(make=make) -> None:
            for _ in make():
                pass

        run(partial(program, workload, adapter, once))
        with collector_off():
            found = [allocations.measure(make) for _ in range(passes)]
        return found, cycles.measure(run)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_every_prediction_is_equal_to_what_is_measured(name, size):
    workload = workloads.get(name)
    assert workload.predict is not None
    number = 0
    for variant in VARIANTS:
        predicted = workload.predict(variant)
        if predicted is None:
            continue
        number += 1
        [found], left = measured(workload, size, variant)
        expected = predicted.at(parameters(name, size), 8 * size)
        assert {
            "peak": found.peak,
            "forward": found.forward,
            "backward": found.backward,
            "held": found.held,
            "dropped": left.dropped,
        } == expected, variant
        assert not left.leaked
        assert left.bytes == left.dropped
        assert (left.objects > 0) == (left.bytes > 0)
    # Recording off, weak and strong, weak with gradients kept: there is always something.
    assert number >= 11


@pytest.mark.parametrize("name", ["squares-3", "constant_sums-3", "matyas", "training_step"])
def test_every_pass_agrees_to_the_byte(name):
    for variant in VARIANTS:
        found, _ = measured(workloads.get(name), 1000, variant, passes=3)
        assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", [*NAMES, *REST])
def test_no_case_needs_more_than_its_estimate(name):
    """The estimate is what a case is refused by when it would not fit."""
    workload = workloads.get(name)
    size = 10_000
    for variant in VARIANTS:
        [found], left = measured(workload, size, variant)
        assert found.peak <= workload.estimate * 8 * size, variant
        assert left.leaked == 0, variant


# Of a few elements, the states of NumPy's generators, copied for a moment, are more than all else.
@pytest.mark.parametrize("size", [700, 40_000])
@pytest.mark.parametrize(
    ("depth", "segments"), [(4, 2), (6, 2), (6, 3), (9, 3), (16, 2), (16, 4), (16, 8), (30, 5)]
)
def test_the_memory_of_checkpoints_is_as_predicted(depth, segments, size):
    workload = workloads.get(f"squares-{depth}")
    variant = {**PLAIN, "checkpoint": segments}
    predicted = workload.predict(variant)
    [found], left = measured(workload, size, variant)
    expected = predicted.at(parameters(workload.name, size), 8 * size)
    figures = {name: getattr(found, name) for name in ("peak", "forward", "backward", "held")}
    assert {**figures, "dropped": left.dropped} == expected
    assert left.leaked == 0
    # s segments of n / s: the least at the root of n, two roots and the result.
    assert expected["backward"] == 8 * size * (segments + depth // segments + 1)


@pytest.mark.parametrize("changed", [{"checkpoint": 2, "retain_grad": True}, {"checkpoint": 5},
                                     {"checkpoint": 6}, {"checkpoint": 1}, {"checkpoint": 60},
                                     {"execution": "compiled"}])  # fmt: skip
def test_what_was_not_derived_is_not_predicted(changed):
    for name in ("squares-6", "constant_sums-6", "self_products-6", "step17_loop"):
        predicted = workloads.get(name).predict({**PLAIN, **changed})
        assert predicted is None


@pytest.mark.parametrize("name", ["squares-30", "constant_sums-10", "goldstein_price"])
def test_compiled_takes_inputs_and_outputs_and_little_else(name):
    size = 40_000
    [found], left = measured(workloads.get(name), size, {"execution": "compiled"})
    arrays = 5 if name == "goldstein_price" else 3
    assert 8 * size * arrays <= found.held <= found.peak < 8 * size * arrays + 10_000
    assert left.dropped == left.leaked == 0
