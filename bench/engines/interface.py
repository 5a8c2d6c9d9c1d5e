"""The interface of an engine: its settings, its adapter, and what is known of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from gradmeter.bench.installing import install
from gradmeter.bench.suggestions import suggestion

_WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


@dataclass(frozen=True)
class Setting:
    """One setting of an engine: its default, the values that it takes, and its meaning.

    Attributes:
        values: the values that it takes; empty for any whole number from ``least`` on, where
            the default is a number, or for any text, where it is a text.
        way: whether each value stands for itself where all engines are compared, as each of
            `EXECUTION` does.
    """

    name: str
    default: Any
    values: tuple[Any, ...]
    meaning: str
    least: int = 0
    way: bool = False

    @property
    def takes(self) -> str:
        """The values that it takes, as a text for people."""
        if self.values:
            return " or ".join(map(written, self.values))
        if isinstance(self.default, int):
            return f"a whole number, {self.least} or more"
        return "a path"

    def read(self, word: str) -> Any:
        """Read a value of this setting.

        Raises:
            ValueError: the setting does not take it; the message says what it takes.
        """
        value: Any = word
        if isinstance(self.default, bool):
            value = _WORDS.get(word.lower(), word)
        elif isinstance(self.default, int):
            value = int(word) if re.fullmatch(r"[0-9]{1,9}", word) else word
            if value == word or value < self.least:
                raise ValueError(f"{self.name} is {self.takes}, not {word!r}")
        if (self.values and value not in self.values) or value == "":
            meant = suggestion(word, map(written, self.values))
            raise ValueError(f"{self.name} is {self.takes}, not {word!r}{meant}")
        return value


def written(value: Any) -> str:
    """Format a setting's value as in the name of a variant."""
    return ("off", "on")[value] if isinstance(value, bool) else str(value)


class CannotError(ValueError):
    """An engine is known not to support a workload; its message says why.

    An adapter may raise it: its case has no figures then, and nothing failed.
    """


class Adapter:
    """The interface of an engine to the harness; made in a worker, for one variant.

    A subclass defines how to make an input and how to compute gradients; the defaults here
    suit most engines. An adapter owns the arrays that it is given.

    Attributes:
        operations: the namespace that workloads are written in: ``square``, ``exp``, ``log``,
            ``tanh``, ``maximum``, ``sum`` and ``matmul``; the rest are Python's operators. Any
            further one may be there for workloads that use it.
        records: whether this variant can go backward.
        compiles: whether the first run with new shapes compiles something.
    """

    operations: Any = None
    records: bool = True
    compiles: bool = False

    def using(self) -> AbstractContextManager[object]:
        """Return the context in which the variant's settings hold."""
        return nullcontext()

    def variable(self, array: Any) -> Any:
        """Make an input that can get a gradient."""
        raise NotImplementedError("the adapter defines no variable()")

    def constant(self, array: Any) -> Any:
        """Make an input that gets no gradient."""
        return array

    def forward(
        self,
        function: Callable[..., Any],
        inputs: Mapping[str, Any],
        back: bool,  # noqa: ARG002
    ) -> Any:
        """Run a workload's function on inputs; return its result once that is computed.

        Args:
            back: whether `backward` follows; an engine that computes value and gradients in
                one program does so there.
        """
        return function(self.operations, *inputs.values())

    def backward(self, result: Any) -> None:
        """Compute the gradients of the sum of ``result``; return once they are computed."""
        raise NotImplementedError("the adapter defines no backward()")

    def value(self, result: Any) -> Any:
        """Return a result, or an input, as a NumPy array."""
        raise NotImplementedError("the adapter defines no value()")

    def gradient(self, variable: Any) -> Any:
        """Return an input's gradient as a NumPy array, or None."""
        raise NotImplementedError("the adapter defines no gradient()")

    def step(self, variable: Any, rate: float) -> None:
        """Take one step of gradient descent, in place, and drop the gradient."""
        raise NotImplementedError("the adapter defines no step()")


@dataclass(frozen=True, eq=False)
class Engine:
    """An engine: its name, its settings, and how to make an adapter for a variant.

    Attributes:
        make: called in a worker only; takes the settings by name and imports the engine.
        distributions: its names on a package index; the first that is installed gives its
            version.
        extra: the requirement that pip installs it by; by default its first distribution.
        memory: "arrays": all its large data are NumPy arrays, whose bytes are counted
            exactly. "own": it has an allocator of its own.
        uncached: the environment variables with which it returns freed memory instead of
            keeping it; set while its heap and its resident memory are measured.
        cannot: reasons why it has no figures for a workload, by the workload's family
            ("squares", not "squares-3"), alone or with a setting that differs from its default
            ("squares execution=compiled", or "squares checkpoint" for any value).
        uncounted: why it cannot be counted under valgrind; empty where it can, or was not tried.
        observed: whether it reports its operations to meters/timeline.py.
        packages: the packages that belong to it, by the names that they are imported by, such
            as ("tinytape",) or ("acme.tape",); ``compare --rev`` compares revisions of these.
            Without any, the adapter's own imports tell: see cases/engine_packages.py.
        file: the path of its adapter's file; empty for an adapter without one.
    """

    name: str
    meaning: str
    make: Callable[..., Adapter]
    settings: tuple[Setting, ...] = ()
    distributions: tuple[str, ...] = ()
    extra: str = ""
    memory: Literal["arrays", "own"] = "arrays"
    uncached: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    cannot: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    uncounted: str = ""
    observed: bool = False
    packages: tuple[str, ...] = ()
    file: str = ""

    @property
    def forks(self) -> bool:
        """Whether its workers may be forks: what has an allocator of its own has threads, too."""
        return self.memory != "own"

    @property
    def version(self) -> str | None:
        """The installed version; "" for an engine without a distribution, None if missing."""
        from importlib import metadata  # here, as in loading.py

        for name in self.distributions:
            try:
                return metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return None if self.distributions else ""

    @property
    def command(self) -> str:
        """The command that installs it."""
        return install(self.extra or (self.distributions[0] if self.distributions else self.name))

    def reason(self, workload: str, settings: Mapping[str, Any]) -> str:
        """Return why the engine has no figures for a workload; empty where nothing prevents them.

        Args:
            settings: the settings that differ from their defaults.
        """
        family = workload.partition("-")[0]
        keys = [family, *[f"{family} {name}={written(v)}" for name, v in settings.items()]]
        keys += [f"{family} {name}" for name in settings]
        return next((self.cannot[key] for key in keys if key in self.cannot), "")


ENABLE_BACKPROP = Setting(
    "enable_backprop", True, (True, False), "compute gradients; off: only the value, unrecorded"
)
EXECUTION = Setting(
    "execution",
    "eager",
    ("eager", "compiled"),
    "operation by operation, or compiled as a whole",
)
