"""The adapter of DeZero, the engine of the book; its arrays are NumPy's."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradmeter.bench.engines import ENABLE_BACKPROP, Adapter, Engine, Setting


class DeZero(Adapter):
    """One variant of DeZero."""

    def __init__(self, *, enable_backprop: bool = True, retain_grad: bool = False) -> None:
        # DeZero 0.0.13 uses a name that NumPy 1.24 dropped; a worker runs no other engine.
        np.int = int  # type: ignore[attr-defined]
        self.dezero: Any = importlib.import_module("dezero")
        functions: Any = importlib.import_module("dezero.functions")
        self.records, self.retain_grad = enable_backprop, retain_grad
        self.operations = SimpleNamespace(
            square=lambda x: x**2,
            exp=functions.exp,
            log=functions.log,
            tanh=functions.tanh,
            sum=functions.sum,
            matmul=functions.matmul,
        )

    def using(self) -> AbstractContextManager[object]:
        """no_grad, or nothing."""
        context: AbstractContextManager[object] = self.dezero.no_grad()
        return nullcontext() if self.records else context

    def variable(self, array: Any) -> Any:
        """Make a Variable."""
        return self.dezero.Variable(array)

    def backward(self, result: Any) -> None:
        """Go backward, with ones as the seed."""
        result.backward(retain_grad=self.retain_grad)

    def value(self, result: Any) -> Any:
        """Return the data."""
        return result.data

    def gradient(self, variable: Any) -> Any:
        """Return the data of the grad, which is a Variable itself."""
        return None if variable.grad is None else variable.grad.data

    def step(self, variable: Any, rate: float) -> None:
        """data -= rate * grad."""
        variable.data -= rate * variable.grad.data
        variable.cleargrad()


ENGINE = Engine(
    name="dezero",
    meaning="the book's engine",
    make=DeZero,
    settings=(
        ENABLE_BACKPROP,
        Setting("retain_grad", False, (True, False), "keep the gradients of intermediate results"),
    ),
    distributions=("dezero",),
    extra="gradmeter[dezero]",
)
