"""The adapter of TensorFlow: eager with a GradientTape, or compiled with tf.function."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradmeter.bench.engines import ENABLE_BACKPROP, EXECUTION, Adapter, Engine


class Leaf:
    """A result, and the tape or program that its gradients come from."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.grad: Any = None


class TensorFlow(Adapter):
    """One variant of TensorFlow, on the CPU."""

    def __init__(self, *, enable_backprop: bool = True, execution: str = "eager") -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        tf: Any = importlib.import_module("tensorflow")
        self.tf, self.records, self.compiles = tf, enable_backprop, execution == "compiled"
        self.operations = SimpleNamespace(
            square=tf.square,
            exp=tf.exp,
            log=tf.math.log,
            tanh=tf.tanh,
            maximum=tf.maximum,
            sum=tf.reduce_sum,
            matmul=tf.matmul,
        )
        self._compiled: dict[Any, Callable[..., Any]] = {}
        threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        # TensorFlow raises if set twice in a process, which only smoke tests do.
        with suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)

    def variable(self, array: Any) -> Any:
        """Make a Variable."""
        return self.tf.Variable(array)

    def constant(self, array: Any) -> Any:
        """Make a tensor."""
        return self.tf.constant(array)

    def forward(self, function: Callable[..., Any], inputs: Mapping[str, Any], back: bool) -> Leaf:
        """Run the function under a tape; compiled with gradients, it waits for the backward."""
        values = list(inputs.values())
        variables = [x for x in values if isinstance(x, self.tf.Variable)]
        if self.compiles:
            result = Leaf(None)
            run = self._program(function, back)
            if back:
                result.grad = (run, values, variables)
            else:
                result.data = run(*values)
            return result
        if not back:
            return Leaf(function(self.operations, *values))
        with self.tf.GradientTape() as tape:
            result = Leaf(function(self.operations, *values))
        result.grad = (tape, None, variables)
        return result

    def _program(self, function: Callable[..., Any], back: bool) -> Callable[..., Any]:
        key = (function, back)
        if key not in self._compiled:

            def value(*values: Any) -> Any:
                return function(self.operations, *values)

            def value_and_gradients(*values: Any) -> Any:
                with self.tf.GradientTape() as tape:
                    result = function(self.operations, *values)
                leaves = [x for x in values if isinstance(x, self.tf.Variable)]
                return result, tape.gradient(result, leaves)

            self._compiled[key] = self.tf.function(value_and_gradients if back else value)
        return self._compiled[key]

    def backward(self, result: Leaf) -> None:
        """Compute the gradients; a compiled program computes the value, too."""
        tape, values, variables = result.grad
        if values is None:
            gradients = tape.gradient(result.data, variables)
        else:
            result.data, gradients = tape(*values)
        result.grad = None
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.gradient = gradient

    def value(self, result: Any) -> Any:
        """Return a copy or view as an array."""
        return np.asarray(result.data if isinstance(result, Leaf) else result)

    def gradient(self, variable: Any) -> Any:
        """Return a copy or view of the gradient as an array."""
        gradient = getattr(variable, "gradient", None)
        return None if gradient is None else np.asarray(gradient)

    def step(self, variable: Any, rate: float) -> None:
        """data -= rate * grad."""
        variable.assign_sub(rate * variable.gradient)
        variable.gradient = None


ENGINE = Engine(
    name="tensorflow",
    meaning="TensorFlow: a GradientTape, or tf.function",
    make=TensorFlow,
    settings=(ENABLE_BACKPROP, EXECUTION),
    distributions=("tensorflow", "tensorflow-cpu"),
    extra="gradmeter[tensorflow]",
    memory="own",
    uncached={"TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1"},
)
