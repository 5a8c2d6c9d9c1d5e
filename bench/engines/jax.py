"""The adapter of JAX: value and gradients as one compiled program, or operation by operation."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradmeter.bench.engines import ENABLE_BACKPROP, Adapter, Engine, Setting


class Leaf:
    """An input or a result: JAX differentiates functions, and has no variables."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.grad: Any = None


class Jax(Adapter):
    """One variant of JAX, on the CPU, with 64-bit floats."""

    compiles = True  # without jit, each operation by itself

    def __init__(self, *, enable_backprop: bool = True, execution: str = "compiled") -> None:
        jax: Any = importlib.import_module("jax")
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", True)
        numpy: Any = importlib.import_module("jax.numpy")
        self.jax, self.records, self.whole = jax, enable_backprop, execution == "compiled"
        names = ("square", "exp", "log", "tanh", "maximum", "sum", "matmul")
        self.operations = SimpleNamespace(**{name: getattr(numpy, name) for name in names})
        self._compiled: dict[Any, Callable[..., Any]] = {}

    def variable(self, array: Any) -> Leaf:
        """Make a leaf that holds a copy in JAX's memory."""
        return Leaf(self.constant(array))

    def constant(self, array: Any) -> Any:
        """Make a copy in JAX's memory."""
        return self.jax.block_until_ready(self.jax.numpy.array(array, copy=True))

    def forward(self, function: Callable[..., Any], inputs: Mapping[str, Any], back: bool) -> Leaf:
        """Run the function; compiled with gradients, it waits for the backward."""
        values = [x.data if isinstance(x, Leaf) else x for x in inputs.values()]
        leaves = tuple(i for i, x in enumerate(inputs.values()) if isinstance(x, Leaf))
        if not back:
            run = self._program(function, None) if self.whole else self._plain(function)
            return Leaf(self.jax.block_until_ready(run(*values)))
        targets = [x for x in inputs.values() if isinstance(x, Leaf)]
        if self.whole:
            result = Leaf(None)
            result.grad = (self._program(function, leaves), values, targets)
            return result
        value, vjp = self.jax.vjp(_of_leaves(self._plain(function), values, leaves),
                                  *[values[i] for i in leaves])  # fmt: skip
        result = Leaf(self.jax.block_until_ready(value))
        result.grad = (vjp, None, targets)
        return result

    def _plain(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *values: function(self.operations, *values)

    def _program(
        self, function: Callable[..., Any], leaves: tuple[int, ...] | None
    ) -> Callable[..., Any]:
        """Return the compiled function: of the value, or of value and gradients."""
        key = (function, leaves)
        if key not in self._compiled:
            plain = self._plain(function)

            def value_and_gradients(*values: Any) -> Any:
                """Compute the value, and the gradients of its sum."""
                assert leaves is not None
                value, vjp = self.jax.vjp(
                    _of_leaves(plain, values, leaves), *[values[i] for i in leaves]
                )
                return value, vjp(self.jax.numpy.ones_like(value))

            self._compiled[key] = self.jax.jit(plain if leaves is None else value_and_gradients)
        return self._compiled[key]

    def backward(self, result: Leaf) -> None:
        """Compute the gradients; a compiled program computes the value, too."""
        run, values, targets = result.grad
        result.grad = None
        if values is None:
            gradients = run(self.jax.numpy.ones_like(result.data))
        else:
            result.data, gradients = run(*values)
        self.jax.block_until_ready((result.data, gradients))
        for leaf, gradient in zip(targets, gradients, strict=True):
            leaf.grad = gradient

    def value(self, result: Leaf) -> Any:
        """Return a view as an array."""
        return np.asarray(result.data)

    def gradient(self, variable: Leaf) -> Any:
        """Return a view of the gradient as an array."""
        return None if variable.grad is None else np.asarray(variable.grad)

    def step(self, variable: Leaf, rate: float) -> None:
        """data = data - rate * grad: JAX's arrays do not change."""
        variable.data = self.jax.block_until_ready(variable.data - rate * variable.grad)
        variable.grad = None


def _of_leaves(
    function: Callable[..., Any], values: Any, leaves: tuple[int, ...]
) -> Callable[..., Any]:
    """Return the function of the leaves only, with the other arguments fixed."""

    def narrowed(*chosen: Any) -> Any:
        arguments = list(values)
        for index, value in zip(leaves, chosen, strict=True):
            arguments[index] = value
        return function(*arguments)

    return narrowed


ENGINE = Engine(
    name="jax",
    meaning="JAX on the CPU: jax.jit, or each operation",
    make=Jax,
    settings=(
        ENABLE_BACKPROP,
        Setting(
            "execution",
            "compiled",
            ("compiled", "eager"),
            "value and gradients in one jax.jit, or operation by operation",
        ),
    ),
    distributions=("jax",),
    extra="gradmeter[jax]",
    memory="own",
)
