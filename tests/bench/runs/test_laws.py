"""The laws of our engine: found at sizes up to 10,000, they tell larger ones to the byte."""

from __future__ import annotations

import pytest

from gradmeter.bench import workloads
from gradmeter.bench.cases.program import program, sources
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.meters import allocations, cycles
from gradmeter.bench.runs import laws

LARGE = 1_000_000
LIMIT = 300.0
WORKLOADS = (
    "squares-30", "self_products-30", "constant_sums-30", "step17_loop", "diamond", "matyas",
    "goldstein_price", "training_step",
)  # fmt: skip
VARIANTS = {
    "engine": WORKLOADS,
    "engine:output_references=strong": ("squares-30", "step17_loop", "training_step"),
    "engine:retain_grad=on": ("self_products-30",),
    "engine:retain_graph=on": ("constant_sums-30",),
    "engine:enable_backprop=off": ("matyas",),
    "engine:checkpoint=3": ("squares-30",),
}


def measured(name: str, variant: str, size: int) -> dict[str, int]:
    """The figures of a run here, by the meters of gradmeter run."""
    workload, chosen = workloads.get(name), parse(variant)
    adapter = chosen.engine.make(**dict(chosen.of_engine))
    data = sources(workload, size, 0)
    with adapter.using(), cycles.collector_off():
        list(program(workload, adapter, data))  # as workers warm up
        reading = allocations.measure(lambda: program(workload, adapter, data))
        left = cycles.measure(lambda: list(program(workload, adapter, data)))
    return {
        "peak": reading.peak,
        "forward": reading.forward,
        "backward": reading.backward,
        "held": reading.held,
        "cycle": left.bytes,
        "dropped": left.dropped,
        "growth": left.leaked,
    }


@pytest.mark.parametrize(
    ("name", "variant"), [(name, variant) for variant, all_ in VARIANTS.items() for name in all_]
)
def test_a_law_found_at_small_sizes_tells_large_ones_and_other_depths(name, variant):
    found = laws.find(workloads.get(name), parse(variant), 0, LIMIT)
    [part] = found.parts
    assert not part.laws.reasons
    family = name.partition("-")[0]
    cases = [(name, LARGE)]
    if name != family:
        cases = [(f"{family}-12", LARGE), (f"{family}-33", 30_000), (f"{family}-3", 777)]
    for workload, size in cases:
        parameters = part.laws.parameters_of(workload, size)
        assert parameters is not None
        told = part.laws.at(parameters)
        known = measured(workload, variant, size)
        assert told == {figure: known[figure] for figure in told}, workload
        assert "peak" in told
    for figure in ("peak", "forward"):
        assert all(part.laws.figures[figure].places), part.laws.figures[figure]


def test_sizes_begin_where_a_workload_takes_them(tmp_path):
    path = tmp_path / "large.py"
    path.write_text(
        "import gradmeter\n"
        "def inputs(size, generator):\n"
        "    assert size >= 5000, size\n"
        "    return {'x': generator.uniform(0, 1, size)}\n"
        "@gradmeter.workload(inputs, least=5000)\n"
        "def large(operations, x):\n"
        "    return operations.square(x)\n"
    )
    [part] = laws.find(workloads.get(f"{path}:large"), parse("engine"), 0, LIMIT).parts
    assert part.laws.figures["held"].bytes == "24 N B"
    assert not part.laws.figures["held"].since
    assert min(size for (size,) in part.measured) == 5000


def test_a_worker_that_dies_at_a_size_costs_that_size_alone(tmp_path):
    path = tmp_path / "dying.py"
    path.write_text(
        "import os, gradmeter\n"
        "def inputs(size, generator):\n"
        "    if size > 300_000: os._exit(3)\n"
        "    return {'x': generator.uniform(0, 1, size)}\n"
        "@gradmeter.workload(inputs)\n"
        "def dying(operations, x):\n"
        "    return operations.square(x)\n"
    )
    [part] = laws.find(workloads.get(f"{path}:dying"), parse("engine"), 0, LIMIT).parts
    assert part.laws.figures["peak"].bytes == "24 N B"
    assert part.laws.verified == {"N": 100_000}


def test_a_figure_without_a_law_in_the_depth_has_one_at_the_depth_that_is_named(tmp_path):
    path = tmp_path / "odd.py"
    path.write_text(
        "import numpy as np, gradmeter\n"
        "def odd(depth):\n"
        "    def function(operations, x):\n"
        "        kept = [np.empty(x.data.size) for _ in range(depth**3 % 11)]\n"
        "        return operations.square(x)\n"
        "    return gradmeter.Workload(name='odd', meaning='', function=function,\n"
        "        inputs=lambda size, generator: {'x': generator.uniform(0, 1, size)})\n"
    )
    whole, fixed = laws.find(workloads.get(f"{path}:odd-6"), parse("engine"), 0, LIMIT).parts
    assert whole.laws.program == "odd-n"
    assert "peak" in whole.laws.reasons
    assert whole.laws.figures["held"].bytes == "24 N B"
    assert fixed.laws.program == "odd-6"
    assert fixed.laws.parameters == ["N"]
    assert fixed.laws.figures["peak"].bytes == f"{8 * (2 + 6**3 % 11)} N B"
    assert "held" not in fixed.laws.figures


def test_a_compiled_program_has_laws_at_the_depth_that_is_named():
    pytest.importorskip("llvmlite")
    [part] = laws.find(
        workloads.get("squares-5"), parse("engine:execution=compiled"), 0, LIMIT
    ).parts
    assert part.laws.program == "squares-5"
    assert part.laws.parameters == ["N"]
    assert part.laws.figures["held"].bytes == "24 N B"
    assert not part.laws.reasons
