"""The adapter of HIPS/autograd, which traces functions of NumPy arrays."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradmeter.bench.engines import ENABLE_BACKPROP, Adapter, Engine


class Leaf:
    """An input: autograd differentiates functions, and has no variables."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.grad: Any = None


class Autograd(Adapter):
    """One variant of autograd."""

    def __init__(self, *, enable_backprop: bool = True) -> None:
        self.autograd: Any = importlib.import_module("autograd")
        numpy: Any = importlib.import_module("autograd.numpy")
        self.records = enable_backprop
        names = ("square", "exp", "log", "tanh", "maximum", "sum", "matmul")
        self.operations = SimpleNamespace(**{name: getattr(numpy, name) for name in names})

    def variable(self, array: Any) -> Leaf:
        """Make a leaf that holds the array and its gradient."""
        return Leaf(array)

    def forward(self, function: Callable[..., Any], inputs: Mapping[str, Any], back: bool) -> Any:
        """Trace the function with respect to the leaves; the result holds the trace."""
        values = [x.data if isinstance(x, Leaf) else x for x in inputs.values()]
        if not back:
            return Leaf(function(self.operations, *values))
        leaves = [i for i, x in enumerate(inputs.values()) if isinstance(x, Leaf)]
        # Given several arguments, autograd allocates zeros of each; given one, it does not.
        vjp, value = self.autograd.make_vjp(
            lambda *arrays: function(self.operations, *arrays),
            argnum=leaves[0] if len(leaves) == 1 else tuple(leaves),
        )(*values)
        result = Leaf(value)
        result.grad = (vjp, [x for x in inputs.values() if isinstance(x, Leaf)])
        return result

    def backward(self, result: Leaf) -> None:
        """Go backward, with ones as the seed; drop the trace, which would keep its arrays alive."""
        vjp, leaves = result.grad
        result.grad = None
        vjp_result = vjp(np.ones_like(result.data))
        gradients = [vjp_result] if len(leaves) == 1 else vjp_result
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient

    def value(self, result: Leaf) -> Any:
        """Return the array."""
        return np.asarray(result.data)

    def gradient(self, variable: Leaf) -> Any:
        """Return the gradient."""
        return variable.grad

    def step(self, variable: Leaf, rate: float) -> None:
        """data -= rate * grad."""
        variable.data -= rate * variable.grad
        variable.grad = None


ENGINE = Engine(
    name="autograd",
    meaning="HIPS/autograd: functions of NumPy arrays",
    make=Autograd,
    settings=(ENABLE_BACKPROP,),
    distributions=("autograd",),
    extra="gradmeter[autograd]",
)
