"""One small adapter per engine, and the table of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from bench.errors import UsageError


@dataclass(frozen=True)
class Setting:
    """One setting of an engine: its default, what it takes, and what it means."""

    name: str
    default: Any
    values: tuple[Any, ...]
    meaning: str


class Adapter(Protocol):
    """What the harness needs of an engine; made in a worker, for one variant.

    Attributes:
        operations: the namespace that workloads are written in.
        records: whether this variant can go backward.
    """

    records: bool

    @property
    def operations(self) -> Any:
        """The namespace."""

    def using(self) -> AbstractContextManager[object]:
        """Return the context in which the variant's settings hold."""

    def variable(self, array: Any) -> Any:
        """Make an input that can get a gradient."""

    def backward(self, result: Any) -> None:
        """Compute the gradients of the sum of ``result``."""

    def value(self, result: Any) -> Any:
        """Return a result's array."""

    def gradient(self, variable: Any) -> Any:
        """Return an input's gradient as an array, or None."""

    def step(self, variable: Any, rate: float) -> None:
        """Take one step of gradient descent, in place, and forget the gradient."""


@dataclass(frozen=True)
class Engine:
    """An engine: its name, its settings, and how to make an adapter for a variant.

    ``make`` is called in a worker only; it takes the settings by name and imports the engine.
    """

    name: str
    meaning: str
    settings: tuple[Setting, ...]
    make: Callable[..., Adapter]


_MODULES = {"engine": "bench.engines.ours"}


def names() -> list[str]:
    """The names that `get` takes."""
    return list(_MODULES)


def get(name: str) -> Engine:
    """Return the engine of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in _MODULES:
        raise UsageError(f"there is no engine {name!r}; the engines are {', '.join(names())}")
    found: Engine = import_module(_MODULES[name]).ENGINE
    return found
