"""One small adapter per engine, and the table of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module, metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from bench.errors import UsageError

GROUP = "gradmeter.engines"
SCRATCH = "GRADMETER_SCRATCH"  # set for a worker: where its engine may keep what it compiled

_WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


@dataclass(frozen=True)
class Setting:
    """One setting of an engine: its default, what it takes, and what it means.

    Attributes:
        values: all that it takes; empty where that is any whole number from ``least`` on, or
            any text, as the default is one or the other.
    """

    name: str
    default: Any
    values: tuple[Any, ...]
    meaning: str
    least: int = 0

    @property
    def takes(self) -> str:
        """What it takes, for people."""
        if self.values:
            return " or ".join(map(written, self.values))
        if isinstance(self.default, int):
            return f"a whole number, {self.least} or more"
        return "a path"

    def read(self, word: str) -> Any:
        """The value that is written so.

        Raises:
            ValueError: it is none; the message says what would be.
        """
        value: Any = word
        if isinstance(self.default, bool):
            value = _WORDS.get(word.lower(), word)
        elif isinstance(self.default, int):
            value = int(word) if re.fullmatch(r"[0-9]{1,9}", word) else word
            if value == word or value < self.least:
                raise ValueError(f"{self.name} is {self.takes}, not {word!r}")
        if (self.values and value not in self.values) or value == "":
            raise ValueError(f"{self.name} is {self.takes}, not {word!r}")
        return value


def written(value: Any) -> str:
    """A setting's value as variants have it."""
    return ("off", "on")[value] if isinstance(value, bool) else str(value)


class Adapter:
    """What the harness needs of an engine; made in a worker, for one variant.

    A subclass says how to make an input and how to get gradients; what is defined here is
    right for most engines. Arrays that come in are the adapter's to keep.

    Attributes:
        operations: the namespace that workloads are written in: ``square``, ``exp``, ``log``,
            ``tanh``, ``maximum``, ``sum`` and ``matmul``; the rest are Python's operators.
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
        raise NotImplementedError

    def constant(self, array: Any) -> Any:
        """Make an input that gets none."""
        return array

    def forward(
        self,
        function: Callable[..., Any],
        inputs: Mapping[str, Any],
        back: bool,  # noqa: ARG002
    ) -> Any:
        """Run a workload's function on inputs and return its result, when it is computed.

        Args:
            back: whether `backward` follows; an engine that computes value and gradients in
                one program does so there.
        """
        return function(self.operations, *inputs.values())

    def backward(self, result: Any) -> None:
        """Compute the gradients of the sum of ``result``, and return when they are computed."""
        raise NotImplementedError

    def value(self, result: Any) -> Any:
        """Return a result, or an input, as a NumPy array."""
        raise NotImplementedError

    def gradient(self, variable: Any) -> Any:
        """Return an input's gradient as a NumPy array, or None."""
        raise NotImplementedError

    def step(self, variable: Any, rate: float) -> None:
        """Take one step of gradient descent, in place, and forget the gradient."""
        raise NotImplementedError


@dataclass(frozen=True)
class Engine:
    """An engine: its name, its settings, and how to make an adapter for a variant.

    Attributes:
        make: called in a worker only; takes the settings by name and imports the engine.
        distributions: what it is called on a package index; the first that is installed
            tells its version.
        extra: the words that install it with pip; by default its first distribution.
        memory: "arrays": all its large data are NumPy arrays, whose bytes are counted
            exactly. "own": it has an allocator of its own.
        uncached: the environment in which it gives memory back when it frees it, instead of
            keeping it for later; while its heap and its resident memory are measured.
        cannot: reasons why it has no figures for a workload, by the workload's family
            ("squares", not "squares-3"), alone or with a setting that differs from its default
            ("squares execution=compiled", or "squares checkpoint" for any value).
        observed: whether it tells bench.meters.timeline of its operations.
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
    observed: bool = False

    @property
    def version(self) -> str | None:
        """The installed version; "" where the engine is no distribution, None for missing."""
        for name in self.distributions:
            try:
                return metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return None if self.distributions else ""

    @property
    def command(self) -> str:
        """The command that installs it."""
        words = self.extra or (self.distributions[0] if self.distributions else self.name)
        return f"pip install '{words}'"

    def reason(self, workload: str, settings: Mapping[str, Any]) -> str:
        """Why it has no figures for this workload; empty where nothing is known against it.

        Args:
            settings: those that differ from their defaults.
        """
        family = workload.partition("-")[0]
        keys = [family, *[f"{family} {name}={written(v)}" for name, v in settings.items()]]
        keys += [f"{family} {name}" for name in settings]
        return next((self.cannot[key] for key in keys if key in self.cannot), "")


ENABLE_BACKPROP = Setting(
    "enable_backprop", True, (True, False), "compute gradients; off: only the value, unrecorded"
)
EXECUTION = Setting(
    "execution", "eager", ("eager", "compiled"), "operation by operation, or compiled as a whole"
)

_MODULES = {
    "engine": "ours",
    "dezero": "dezero",
    "autograd": "autograd",
    "mygrad": "mygrad",
    "tinygrad": "tinygrad",
    "torch": "torch",
    "jax": "jax",
    "tensorflow": "tensorflow",
}
_files: dict[str, Path] = {}


def scratch() -> str | None:
    """The folder where this worker's engine may keep what it compiled; None for anywhere."""
    return os.environ.get(SCRATCH)


def names() -> list[str]:
    """The names that `get` takes."""
    return list(dict.fromkeys([*_MODULES, *_entry_points(), *_files]))


def get(name: str) -> Engine:
    """Return the engine of this name.

    Raises:
        UsageError: there is none, or its adapter cannot be loaded.
    """
    if name in _MODULES:
        found: Engine = import_module(f"bench.engines.{_MODULES[name]}").ENGINE
        return found
    if name in _files:
        return _load(_files[name])
    if name in _entry_points():
        return _of_entry_point(name)
    raise UsageError(f"there is no engine {name!r}; the engines are {', '.join(names())}")


def installed() -> list[str]:
    """A variant for each way that each installed engine computes in, our own first."""
    found = []
    for name in names():
        try:
            engine = get(name)
        except UsageError:  # `gradmeter list engines` says why
            continue
        if engine.version is None:
            continue
        found.append(name)
        for setting in engine.settings:
            if setting.name == EXECUTION.name:
                others = [value for value in setting.values if value != setting.default]
                found += [f"{name}:{setting.name}={value}" for value in others]
    return found


def of_variant(text: str) -> Engine:
    """The engine of a variant's name, whatever its label and settings are."""
    return get(text.partition(":")[0].partition("@")[0])


def add_file(path: Path) -> Engine:
    """Have the engine of an adapter's file among the others.

    Raises:
        UsageError: it cannot be loaded, or its name is taken.
    """
    path = path.resolve()
    found = _load(path)
    taken = found.name in _MODULES or found.name in _entry_points()
    if taken or _files.get(found.name, path) != path:
        raise UsageError(
            f"{path}: there is an engine {found.name!r} already; give this one another name"
        )
    _files[found.name] = path
    return found


def file_of(name: str) -> str:
    """The file that an engine was added from; empty where it was not."""
    return str(_files.get(name, ""))


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


@cache
def _of_entry_point(name: str) -> Engine:
    point = _entry_points()[name]
    whose = f"the entry point {name} = {point.value} of {GROUP}"
    try:
        found = point.load()
    except Exception as error:
        raise UsageError(f"{whose} does not load: {type(error).__name__}: {error}") from None
    return _checked(found, whose, name)


@cache
def _load(path: Path) -> Engine:
    try:
        spec = spec_from_file_location(f"gradmeter_adapter_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise ImportError("it is no Python file (.py)")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(
            f"the adapter {path} does not load: {type(error).__name__}: {error}"
        ) from None
    return _checked(getattr(module, "ENGINE", None), f"the adapter {path}: its ENGINE")


def _checked(found: Any, whose: str, name: str = "") -> Engine:
    """What an adapter from elsewhere gives, if it is an engine."""
    if not isinstance(found, Engine):
        raise UsageError(
            f"{whose} is {'not there' if found is None else f'a {type(found).__name__}'}; it is a "
            "bench.engines.Engine"
        )
    if not re.fullmatch(r"[A-Za-z_][\w.-]*", found.name):
        raise UsageError(
            f"{whose} is called {found.name!r}; a name has letters, digits, dots, dashes and "
            "underscores"
        )
    if name and found.name != name:
        raise UsageError(f"{whose} is called {found.name!r}; both names are the same")
    return found
