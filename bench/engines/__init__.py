"""The registry of engines: what an adapter has to implement, and how to find one by name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module, metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from gradmeter.bench.errors import UsageError
from gradmeter.bench.installing import install

GROUP = "gradmeter.engines"
SCRATCH = "GRADMETER_SCRATCH"  # names a worker's folder for the compiled programs of its engine

_WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


@dataclass(frozen=True)
class Setting:
    """One setting of an engine: its default, the values that it takes, and its meaning.

    Attributes:
        values: the values that it takes; empty for any whole number from ``least`` on, where
            the default is a number, or for any text, where it is a text.
    """

    name: str
    default: Any
    values: tuple[Any, ...]
    meaning: str
    least: int = 0

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
            raise ValueError(f"{self.name} is {self.takes}, not {word!r}")
        return value


def written(value: Any) -> str:
    """Format a setting's value as in the name of a variant."""
    return ("off", "on")[value] if isinstance(value, bool) else str(value)


class Adapter:
    """The interface of an engine to the harness; made in a worker, for one variant.

    A subclass defines how to make an input and how to compute gradients; the defaults here
    suit most engines. An adapter owns the arrays that it is given.

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
        raise NotImplementedError

    def value(self, result: Any) -> Any:
        """Return a result, or an input, as a NumPy array."""
        raise NotImplementedError

    def gradient(self, variable: Any) -> Any:
        """Return an input's gradient as a NumPy array, or None."""
        raise NotImplementedError

    def step(self, variable: Any, rate: float) -> None:
        """Take one step of gradient descent, in place, and drop the gradient."""
        raise NotImplementedError


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
        observed: whether it reports its operations to meters/timeline.py.
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
    observed: bool = False
    file: str = ""

    @property
    def version(self) -> str | None:
        """The installed version; "" for an engine without a distribution, None if missing."""
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
    """Return the folder for the compiled programs of this worker's engine; None for any."""
    return os.environ.get(SCRATCH)


def names() -> list[str]:
    """Return the names that `get` takes."""
    return list(dict.fromkeys([*_MODULES, *_entry_points(), *_files]))


def get(name: str) -> Engine:
    """Return the engine of this name.

    Raises:
        UsageError: there is no such engine, or its adapter cannot be loaded.
    """
    if name in _MODULES:
        engine: Engine = import_module(f"gradmeter.bench.engines.{_MODULES[name]}").ENGINE
        return engine
    if name in _files:
        return _load(_files[name])
    if name in _entry_points():
        return _of_entry_point(name)
    raise UsageError(f"there is no engine {name!r}; the engines are {', '.join(names())}")


def installed() -> list[str]:
    """Return a variant for each way in which each installed engine computes, our own first."""
    variants = []
    for name in names():
        try:
            engine = get(name)
        except UsageError:  # `gradmeter list engines` says why
            continue
        if engine.version is None:
            continue
        variants.append(name)
        for setting in engine.settings:
            if setting.name == EXECUTION.name:
                values = [value for value in setting.values if value != setting.default]
                variants += [f"{name}:{setting.name}={value}" for value in values]
    return variants


def add_file(path: Path) -> Engine:
    """Register the engine of an adapter's file.

    Raises:
        UsageError: the file cannot be loaded, or its engine's name is taken.
    """
    path = path.resolve()
    engine = _load(path)
    registered = engine.name in _MODULES or engine.name in _entry_points()
    if registered or _files.get(engine.name, path) != path:
        raise UsageError(
            f"{path}: there is an engine {engine.name!r} already; give this one another name"
        )
    _files[engine.name] = path
    return engine


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


@cache
def _of_entry_point(name: str) -> Engine:
    point = _entry_points()[name]
    source = f"the entry point {name} = {point.value} of {GROUP}"
    try:
        engine = point.load()
    except Exception as error:
        raise UsageError(f"{source} does not load: {type(error).__name__}: {error}") from None
    return _validated(engine, source, name)


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
    engine = _validated(getattr(module, "ENGINE", None), f"the adapter {path}: its ENGINE")
    return replace(engine, file=str(path))


def _validated(engine: Any, source: str, name: str = "") -> Engine:
    """Return what an adapter defines as its engine, if it is one with a valid name.

    Raises:
        UsageError: it is no engine, or its name is not valid.
    """
    if not isinstance(engine, Engine):
        raise UsageError(
            f"{source} is {'not there' if engine is None else f'a {type(engine).__name__}'}; it "
            "must be a gradmeter.Engine"
        )
    if not re.fullmatch(r"[A-Za-z_][\w.-]*", engine.name):
        raise UsageError(
            f"{source} is called {engine.name!r}; a name has letters, digits, dots, dashes and "
            "underscores"
        )
    if name and engine.name != name:
        raise UsageError(f"{source} is called {engine.name!r}; both names must be the same")
    return engine
