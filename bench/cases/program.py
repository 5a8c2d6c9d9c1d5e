"""A case as a program that a meter steps through, phase by phase."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from gradmeter.bench.engines import Adapter
from gradmeter.bench.workloads import Array, Workload, arrays

END = "end"
Program = Generator[str, None, None]


def sources(workload: Workload, size: int, seed: int) -> list[dict[str, Array]]:
    """Make the arrays that the program's inputs are copied from, for each time it makes inputs."""
    count = workload.iterations if workload.fresh else 1
    return [arrays(workload, size, seed + i) for i in range(count)]


def program(
    workload: Workload,
    adapter: Adapter,
    data: list[dict[str, Array]],
    look: Callable[[dict[str, Any], Any], None] | None = None,
    *,
    named: bool = False,
) -> Program:
    """Yield the name of each phase just before it runs: inputs, forward, backward, step.

    "end" comes last, while the inputs and the result are still held, as a user's loop
    would hold them; closing the generator drops them. At the end, ``look`` is called with inputs
    and result. With ``named``, inputs that have a name attribute get their names.
    """
    inputs: dict[str, Any] = {}
    result: Any = None
    back = adapter.records and workload.backward
    for iteration in range(workload.iterations):
        if iteration < len(data):
            yield "inputs"
            inputs = {
                name: (adapter.constant if name in workload.constants else adapter.variable)(
                    array.copy()
                )
                for name, array in data[iteration].items()
            }
            if named:
                _name(inputs)
        yield "forward"
        result = adapter.forward(workload.function, inputs, back)
        if back:
            yield "backward"
            adapter.backward(result)
            if workload.rate is not None:
                yield "step"
                for name in inputs:
                    if name not in workload.constants:
                        adapter.step(inputs[name], workload.rate)
    if look is not None:
        look(inputs, result)
    yield END


def _name(inputs: dict[str, Any]) -> None:
    for name, x in inputs.items():
        if hasattr(x, "name"):
            x.name = name
