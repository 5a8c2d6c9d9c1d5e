"""The adapter of the engine in this repository."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import fields
from functools import partial
from typing import Any

from gradmeter import engine
from gradmeter.bench.engines import EXECUTION, Adapter, CannotError, Engine, Setting
from gradmeter.bench.workloads import Chain

CHECKPOINT = Setting(
    "checkpoint",
    0,
    (),
    "segments that a chain is cut into, each computed again in the backward; 0: none",
)
_NEEDS_CHAIN = "checkpoint=k takes a chain of operations, which can be cut"


class Result:
    """The result of a compiled program, None until it has run, and its inputs."""

    def __init__(self, run: Any, inputs: list[Any]) -> None:
        self.run, self.inputs = run, inputs
        self.data: Any = None


class Ours(Adapter):
    """One variant of our engine."""

    operations: Any = engine

    def __init__(self, *, execution: str = "eager", checkpoint: int = 0, **settings: Any) -> None:
        self.settings = settings
        self.records = settings.get("enable_backprop", True)
        self.compiles, self.checkpoint = execution == "compiled", checkpoint
        for name, value in (("compile", self.compiles), ("checkpoint", checkpoint)):
            if value and not hasattr(engine, name):
                raise ValueError(f"this engine has no engine.{name}")
        self._compiled: dict[Any, Callable[..., Any]] = {}

    def using(self) -> ExitStack:
        """Apply the settings, until the stack is closed.

        Raises:
            ValueError: the engine, which may be an earlier revision, lacks one of them.
        """
        stack = ExitStack()
        for name, value in self.settings.items():
            if not hasattr(engine.Config, name):
                raise ValueError(f"this engine has no setting {name}")
            stack.enter_context(engine.using_config(name, value))
        return stack

    def variable(self, array: Any) -> engine.Variable:
        """Make a leaf."""
        return engine.Variable(array)

    def forward(self, function: Callable[..., Any], inputs: Mapping[str, Any], back: bool) -> Any:
        """Run the function; compiled with gradients, it waits for the backward.

        Raises:
            CannotError: ``checkpoint`` is set, and the function is no chain.
        """
        if self.checkpoint:
            if not isinstance(function, Chain):
                raise CannotError(_NEEDS_CHAIN)
            function = partial(_checkpointed, function.segments(self.checkpoint))
        if not self.compiles:
            return super().forward(function, inputs, back)
        key = (function if not self.checkpoint else None, back)
        if key not in self._compiled:
            self._compiled[key] = engine.compile(
                partial(function, self.operations),
                threads=int(os.environ.get("OMP_NUM_THREADS", "1")),
                gradients=back,
            )
        result = Result(self._compiled[key], list(inputs.values()))
        if not back:
            result.data, _ = result.run(*result.inputs)
            result.inputs = []
        return result

    def backward(self, result: Any) -> None:
        """Go backward, with ones as the seed; compiled, the value is computed with it."""
        if not isinstance(result, Result):
            result.backward()
            return
        result.data, gradients = result.run(*result.inputs)
        for x, gradient in zip(result.inputs, gradients, strict=True):
            if gradient is not None:
                x.grad = gradient
        result.inputs = []

    def value(self, result: Any) -> Any:
        """Return the data."""
        return result.data

    def gradient(self, variable: engine.Variable) -> Any:
        """Return the grad."""
        return variable.grad

    def step(self, variable: engine.Variable, rate: float) -> None:
        """data -= rate * grad."""
        assert variable.grad is not None
        variable.data -= rate * variable.grad
        variable.cleargrad()


def _checkpointed(segments: list[Chain], operations: Any, x: Any) -> Any:
    for segment in segments:
        x = engine.checkpoint(partial(segment, operations), x)
    return x


ENGINE = Engine(
    name="engine",
    meaning="the define-by-run engine of this repository",
    settings=(
        *(
            Setting(f.name, f.default, f.metadata["values"], f.metadata["meaning"])
            for f in (fields(engine.Settings) if hasattr(engine, "Settings") else ())
        ),
        EXECUTION,
        CHECKPOINT,
    ),
    make=Ours,
    observed=True,
    cannot={
        f"{family} checkpoint": _NEEDS_CHAIN
        for family in ("diamond", "matyas", "goldstein_price", "training_step")
    },
)
