"""The adapter of tinygrad, which is lazy: it computes value and gradients together."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gradmeter.bench.engines import ENABLE_BACKPROP, Adapter, Engine, scratch


class Leaf:
    """An input or a result: tinygrad returns gradients and keeps none."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.grad: Any = None


class TinyGrad(Adapter):
    """One variant of tinygrad, on its CPU device."""

    compiles = True

    def __init__(self, *, enable_backprop: bool = True) -> None:
        if "CC" not in os.environ and shutil.which("clang") is None:
            raise RuntimeError(
                "tinygrad's CPU device compiles with clang, and there is none; install it (on "
                "Debian: apt install clang)"
            )
        os.environ["DEV"] = "CPU"
        folder = scratch()
        if folder:
            os.environ["CACHEDB"] = str(Path(folder) / "tinygrad.db")
        self.tensor: Any = importlib.import_module("tinygrad").Tensor
        self.records = enable_backprop
        names = ("square", "exp", "log", "tanh", "maximum", "sum", "matmul")
        self.operations = SimpleNamespace(**{name: getattr(self.tensor, name) for name in names})

    def variable(self, array: Any) -> Leaf:
        """Make a realized tensor."""
        return Leaf(self.tensor(array).realize())

    def constant(self, array: Any) -> Any:
        """Make a realized tensor."""
        return self.tensor(array).realize()

    def forward(self, function: Callable[..., Any], inputs: Mapping[str, Any], back: bool) -> Leaf:
        """Build the lazy result; realize it if no backward follows."""
        values = [x.data if isinstance(x, Leaf) else x for x in inputs.values()]
        result = Leaf(function(self.operations, *values))
        if back:
            result.grad = [x for x in inputs.values() if isinstance(x, Leaf)]
        else:
            self._finish(result.data)
        return result

    def backward(self, result: Leaf) -> None:
        """Compute value and gradients in one schedule, as tinygrad's training loops do."""
        leaves, result.grad = result.grad, None
        gradients = result.data.sum().gradient(*[leaf.data for leaf in leaves])
        self._finish(result.data, *gradients)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient

    def _finish(self, *tensors: Any) -> None:
        self.tensor.realize(*tensors)
        importlib.import_module("tinygrad").Device["CPU"].synchronize()

    def value(self, result: Leaf) -> Any:
        """Return a copy as an array."""
        return result.data.numpy()

    def gradient(self, variable: Leaf) -> Any:
        """Return a copy of the gradient as an array."""
        return None if variable.grad is None else variable.grad.numpy()

    def step(self, variable: Leaf, rate: float) -> None:
        """data -= rate * grad."""
        variable.data.assign(variable.data - rate * variable.grad)
        self._finish(variable.data)
        variable.grad = None


ENGINE = Engine(
    name="tinygrad",
    meaning="lazy tensors, compiled by clang for the CPU",
    make=TinyGrad,
    settings=(ENABLE_BACKPROP,),
    distributions=("tinygrad",),
    extra="gradmeter[tinygrad]",
    memory="own",
    uncached={"LRU": "0"},
    uncounted="clang compiles its kernels for this CPU, with instructions that valgrind does not "
    "know, such as those of AVX-512",
)
