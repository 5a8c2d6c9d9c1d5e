"""The laws of other engines: found at sizes up to 10,000, they tell a million to the byte."""

from __future__ import annotations

import pytest

from gradmeter.bench import workloads
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.runs import laws

from .test_adapters import worker

WORKLOADS = [name.replace("-N", "-30") for name in workloads.names()]
LARGE = 1_000_000
LIMIT = 300.0


@pytest.mark.parametrize("variant", ["dezero", "autograd", "mygrad"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_law_found_at_small_sizes_tells_a_million_and_another_depth(name, variant):
    if parse(variant).engine.reason(name, {}):
        return
    case = name.replace("-30", "-12")
    with worker(variant, case, LARGE) as process:
        known = process.ask("allocations")["passes"][-1] | process.ask("cycles")
    known |= {"cycle": known["bytes"], "growth": known["leaked"]}
    [part] = laws.find(workloads.get(name), parse(variant), 0, LIMIT).parts
    assert not part.laws.reasons
    parameters = part.laws.parameters_of(case, LARGE)
    assert parameters is not None
    told = part.laws.at(parameters)
    assert told == {figure: known[figure] for figure in told}
    assert {"peak", "forward", "held", "cycle"} <= told.keys()
