"""The adapter of PyTorch: eager, or compiled with torch.compile."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gradmeter.bench.engines import ENABLE_BACKPROP, EXECUTION, Adapter, Engine, scratch


class Torch(Adapter):
    """One variant of PyTorch, on the CPU."""

    def __init__(self, *, enable_backprop: bool = True, execution: str = "eager") -> None:
        folder = scratch()
        if folder:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(folder) / "inductor")
        torch: Any = importlib.import_module("torch")
        self.torch, self.records, self.compiles = torch, enable_backprop, execution == "compiled"
        names = ("square", "exp", "log", "tanh", "maximum", "sum", "matmul")
        self.operations = SimpleNamespace(**{name: getattr(torch, name) for name in names})
        self._compiled: dict[Callable[..., Any], Callable[..., Any]] = {}
        threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        torch.set_num_threads(threads)
        # PyTorch raises if set twice in a process, which only smoke tests do.
        with suppress(RuntimeError):
            torch.set_num_interop_threads(threads)

    def using(self) -> AbstractContextManager[object]:
        """no_grad, or nothing."""
        context: AbstractContextManager[object] = self.torch.no_grad()
        return nullcontext() if self.records else context

    def variable(self, array: Any) -> Any:
        """Make a tensor of PyTorch's own memory that requires a gradient."""
        return self.torch.from_numpy(array).clone().requires_grad_(self.records)

    def constant(self, array: Any) -> Any:
        """Make a tensor of PyTorch's own memory."""
        return self.torch.from_numpy(array).clone()

    def forward(
        self,
        function: Callable[..., Any],
        inputs: Mapping[str, Any],
        back: bool,  # noqa: ARG002
    ) -> Any:
        """Run the function, eagerly or compiled as a whole."""
        run: Callable[..., Any] = partial(function, self.operations)
        if self.compiles:
            run = self._compiled.setdefault(function, self.torch.compile(run))
        return run(*inputs.values())

    def backward(self, result: Any) -> None:
        """Go backward, with ones as the seed."""
        result.backward(self.torch.ones_like(result))

    def value(self, result: Any) -> Any:
        """Return the tensor's memory as an array."""
        return result.detach().numpy()

    def gradient(self, variable: Any) -> Any:
        """Return the gradient's memory as an array."""
        return None if variable.grad is None else variable.grad.numpy()

    def step(self, variable: Any, rate: float) -> None:
        """data -= rate * grad."""
        with self.torch.no_grad():
            variable.sub_(variable.grad, alpha=rate)
        variable.grad = None


ENGINE = Engine(
    name="torch",
    meaning="PyTorch: eager, or torch.compile (needs C++)",
    make=Torch,
    settings=(ENABLE_BACKPROP, EXECUTION),
    distributions=("torch",),
    extra="gradmeter[torch]",
    memory="own",
    cannot={
        "self_products execution=compiled": "torch.compile takes more than a minute for ten "
        "times y * y, and longer with each one more"
    },
)
