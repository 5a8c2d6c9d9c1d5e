"""The operations whose cost in instructions is told: chains of one kind of operation each.

Arrays are small, so that an operation costs what the engine does around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradmeter.bench.cases.program import END, Program
from gradmeter.bench.engines import Adapter

LENGTH = 50  # links of a chain
SIDE = 3
ELEMENTS = SIDE * SIDE
Link = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True)
class Repeated:
    """One link, applied again and again to its own result and to a second variable."""

    link: Link

    def __call__(self, operations: Any, y: Any, x: Any) -> Any:
        """Apply `LENGTH` links."""
        for _ in range(LENGTH):
            y = self.link(operations, y, x)
        return y


def _exp_log(operations: Any, y: Any, _: Any) -> Any:
    return operations.log(operations.exp(y))


# By what a report calls them; each keeps the values finite, and has the operations that it is of.
KINDS: Mapping[str, tuple[Repeated, int]] = {
    name: (Repeated(link), operations)
    for name, link, operations in (
        ("y + c", lambda _operations, y, _x: y + 0.5, 1),
        ("y * c", lambda _operations, y, _x: y * 1.001, 1),
        ("y + x", lambda _operations, y, x: y + x, 1),
        ("y - x", lambda _operations, y, x: y - x, 1),
        ("y * x", lambda _operations, y, x: y * x, 1),
        ("y / x", lambda _operations, y, x: y / x, 1),
        ("y ** 2", lambda _operations, y, _x: y**2, 1),
        ("square(y)", lambda operations, y, _x: operations.square(y), 1),
        ("exp(y), log(y)", _exp_log, 2),
        ("tanh(y)", lambda operations, y, _x: operations.tanh(y), 1),
        ("y + sum(y)", lambda operations, y, _x: y + operations.sum(y), 2),
        ("matmul(y, x)", lambda operations, y, x: operations.matmul(y, x), 1),
    )
}
BACKWARD = ", backward"


def _inputs(adapter: Adapter, name: str) -> dict[str, Any]:
    x = np.eye(SIDE) if name.startswith("matmul") else np.ones(ELEMENTS)
    return {"y": adapter.variable(np.ones(x.shape)), "x": adapter.variable(x)}


@cache
def _kinds(adapter: Adapter) -> dict[str, Repeated]:
    """The kinds of operations that an engine has: those that run once without being missed."""
    found = {}
    for name, (function, _) in KINDS.items():
        try:
            adapter.forward(function, _inputs(adapter, name), adapter.records)
        except (AttributeError, TypeError, NotImplementedError):
            continue
        found[name] = function
    return found


def program(adapter: Adapter) -> Program:
    """Yield the name of each phase just before it runs: of every kind that the engine has."""
    yield "inputs"
    kinds = _kinds(adapter)
    every = {name: _inputs(adapter, name) for name in kinds}
    for name, function in kinds.items():
        yield name
        result = adapter.forward(function, every[name], adapter.records)
        if adapter.records:
            yield name + BACKWARD
            adapter.backward(result)
    yield END
