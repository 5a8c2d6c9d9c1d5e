"""The adapter of MyGrad, whose tensors hold NumPy arrays."""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from typing import Any

from gradmeter.bench.engines import ENABLE_BACKPROP, Adapter, Engine, Setting


class MyGrad(Adapter):
    """One variant of MyGrad."""

    def __init__(self, *, enable_backprop: bool = True, memory_guard: bool = True) -> None:
        self.operations = importlib.import_module("mygrad")
        self.records, self.memory_guard = enable_backprop, memory_guard

    def using(self) -> ExitStack:
        """no_autodiff and mem_guard_off, where the settings are off."""
        stack = ExitStack()
        if not self.records:
            stack.enter_context(self.operations.no_autodiff)
        if not self.memory_guard:
            stack.enter_context(self.operations.mem_guard_off)
        return stack

    def variable(self, array: Any) -> Any:
        """Make a tensor of the array itself."""
        return self.operations.tensor(array, copy=False)

    def backward(self, result: Any) -> None:
        """Go backward, with ones as the seed."""
        result.backward()

    def value(self, result: Any) -> Any:
        """Return the data."""
        return self.operations.asarray(result)

    def gradient(self, variable: Any) -> Any:
        """Return the grad."""
        return variable.grad

    def step(self, variable: Any, rate: float) -> None:
        """data -= rate * grad."""
        variable.data -= rate * variable.grad
        variable.null_grad()


ENGINE = Engine(
    name="mygrad",
    meaning="MyGrad: tensors that hold NumPy arrays",
    make=MyGrad,
    settings=(
        ENABLE_BACKPROP,
        Setting(
            "memory_guard", True, (True, False), "lock arrays while a graph needs them unchanged"
        ),
    ),
    distributions=("mygrad",),
    extra="gradmeter[mygrad]",
)
