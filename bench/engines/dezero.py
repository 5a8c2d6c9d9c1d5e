"""The adapter of DeZero, the engine of the book, with either of its cores; arrays are NumPy's.

The package's own is ``dezero.core``, whose backward makes a graph of its own. The book's design
up to step 24 is ``dezero.core_simple``, which nothing in the package imports.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradmeter.bench.engines import ENABLE_BACKPROP, Adapter, Engine, Setting

_CORES = {"full": "dezero", "simple": "dezero.core_simple"}
_FUNCTIONS = ("exp", "log", "tanh", "sum", "matmul")


class DeZero(Adapter):
    """One variant of DeZero."""

    def __init__(
        self, *, core: str = "full", enable_backprop: bool = True, retain_grad: bool = False
    ) -> None:
        # DeZero 0.0.13 uses a name that NumPy 1.24 dropped; a worker runs no other engine.
        np.int = int  # type: ignore[attr-defined]
        self.records, self.retain_grad = enable_backprop, retain_grad
        self.dezero: Any = importlib.import_module(_CORES[core])
        self.operations = SimpleNamespace(square=lambda x: x**2)
        if core == "simple":
            self.dezero.setup_variable()  # the operators; the package does it for the other core
            return
        functions: Any = importlib.import_module("dezero.functions")
        for name in _FUNCTIONS:
            setattr(self.operations, name, getattr(functions, name))

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
        """Return the grad, or its data where it is a Variable itself."""
        gradient = variable.grad
        return gradient.data if isinstance(gradient, self.dezero.Variable) else gradient

    def step(self, variable: Any, rate: float) -> None:
        """data -= rate * grad."""
        variable.data -= rate * self.gradient(variable)
        variable.cleargrad()


ENGINE = Engine(
    name="dezero",
    meaning="the book's engine: its core, or core_simple",
    make=DeZero,
    settings=(
        Setting(
            "core",
            "full",
            tuple(_CORES),
            "dezero.core, whose gradients are Variables, or dezero.core_simple",
            way=True,
        ),
        ENABLE_BACKPROP,
        Setting("retain_grad", False, (True, False), "keep the gradients of intermediate results"),
    ),
    distributions=("dezero",),
    extra="gradmeter[dezero]",
    cannot={"training_step core=simple": "dezero.core_simple has no matmul, tanh and sum"},
)
