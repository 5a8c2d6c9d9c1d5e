"""The adapter of the engine in this repository."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import fields
from typing import Any

import engine
from bench.engines import Adapter, Engine, Setting


class Ours(Adapter):
    """One variant of our engine."""

    operations: Any = engine

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.records = settings.get("enable_backprop", True)

    def using(self) -> ExitStack:
        """Set each setting; the stack undoes that.

        Raises:
            ValueError: the engine, which may be an earlier one, lacks one.
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

    def backward(self, result: engine.Variable) -> None:
        """Go backward, with ones as the seed."""
        result.backward()

    def value(self, result: engine.Variable) -> Any:
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


ENGINE = Engine(
    name="engine",
    meaning="the define-by-run engine of this repository",
    settings=tuple(
        Setting(f.name, f.default, f.metadata["values"], f.metadata["meaning"])
        for f in (fields(engine.Settings) if hasattr(engine, "Settings") else ())
    ),
    make=Ours,
    observed=True,
)
