"""The lines of other engines: their bytes are those of the allocation meter, on every workload."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases import plan
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.results.lines import Lines, LineTimeline
from gradmeter.bench.runs.case_lines import ask

from ..command import gradmeter
from .test_adapters import worker

WORKLOADS = [name.replace("-N", "-3") for name in workloads.names()]
VARIANTS = ["dezero", "autograd", "mygrad", "mygrad:memory_guard=off", "dezero:retain_grad=on"]
PEAK_LINES = {
    "dezero": "dezero/core.py",
    "autograd": "autograd/numpy/numpy_vjps.py",
    "mygrad": "mygrad/math/arithmetic/ops.py",
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_lines_of_an_engine_have_the_bytes_of_the_allocation_meter(variant, workload):
    size = 1000
    reason = parse(variant).engine.reason(workload, dict(parse(variant).of_engine))
    (group,), _ = plan.plan([workload], [size], [variant])
    with worker(variant, workload, size) as process:
        if reason:
            return
        allocations = process.ask("allocations")["passes"][-1]
        lines, why = ask(process, group, 0, Lines)
        timeline, _ = ask(process, group, 0, LineTimeline)
    assert lines is not None, why
    assert lines.problem == ""
    assert lines.peak.bytes == allocations["peak"]
    assert max(line.peak for line in lines.lines) == allocations["peak"]
    assert lines.held == allocations["held"]
    assert sum(line.own for line in lines.lines) + lines.outside == lines.held
    assert lines.explanation is not None
    assert lines.explanation.problem == ""
    parts = sum(origin.bytes for origin in lines.explanation.alive)
    assert parts + lines.explanation.taken == lines.peak.bytes
    assert timeline is not None
    assert (timeline.peak, timeline.held) == (allocations["peak"], allocations["held"])


@pytest.mark.parametrize(("variant", "file"), PEAK_LINES.items())
def test_the_peak_of_squares_is_in_a_line_of_the_engine_in_every_process(variant, file):
    with worker(variant, "squares-3", 1000):
        pass  # it is installed
    words = ("lines", "squares-3", "--size", "1000", "--variant", variant, "--json")
    first, second = (gradmeter(*words) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    reading = msgspec.json.decode(first.stdout, type=Lines)
    assert reading.peak.stack[-1].file == file
    traced = gradmeter("trace", "squares-3", "--size", "1000", "--variant", variant)
    assert f"in the backward, in {file}:{reading.peak.stack[-1].line}" in traced.stdout


def test_the_committed_report_is_of_these_engines():
    text = (Path(__file__).parents[3] / "reports" / "lines.md").read_text()
    for name in PEAK_LINES:
        assert engines.get(name).memory == "arrays"
        assert f"$ gradmeter lines squares-3 --variant {name}\n" in text
