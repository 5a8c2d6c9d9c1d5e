"""Variants: an engine and its settings, written ``engine:name=value,name=value``.

A label, written ``engine@label:name=value``, stands for a difference that is no setting,
such as another revision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradmeter.bench import engines
from gradmeter.bench.engines import Engine, Setting, written
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.readings import Allocator
from gradmeter.bench.suggestions import suggestion

# These decide how a variant's worker is started, whatever the engine is.
WORKER_SETTINGS = (
    Setting(
        "threads", 1, (), "threads that the engine's kernels may use, a core for each", least=1
    ),
    Setting(
        "memory",
        "inherited",
        ("inherited", "kept", "returned"),
        "freed memory stays in the process or goes back to the system, whatever --allocator says",
    ),
    Setting("python", "", (), "the interpreter it runs under, by its path; default: this one"),
)
_OF_WORKER = {setting.name for setting in WORKER_SETTINGS}


@dataclass(frozen=True)
class Variant:
    """One way to run an engine.

    Attributes:
        engine: the engine that runs.
        settings: those that differ from the engine's defaults, sorted by name, so that two
            variants are equal exactly if they run the same.
        label: a difference that is no setting, such as a revision; the runner knows it.
    """

    engine: Engine
    settings: tuple[tuple[str, Any], ...] = ()
    label: str = ""

    def __str__(self) -> str:
        name = f"{self.engine.name}@{self.label}" if self.label else self.engine.name
        settings = ",".join(f"{key}={written(value)}" for key, value in self.settings)
        return f"{name}:{settings}" if settings else name

    @property
    def all_settings(self) -> dict[str, Any]:
        """Every setting of the engine with its value in this variant."""
        defaults = {s.name: s.default for s in self.engine.settings}
        return {**defaults, **dict(self.of_engine)}

    @property
    def of_engine(self) -> tuple[tuple[str, Any], ...]:
        """The settings that are the engine's own."""
        return tuple(pair for pair in self.settings if pair[0] not in _OF_WORKER)

    @property
    def threads(self) -> int:
        """The number of threads that the engine's kernels may use."""
        return int(dict(self.settings).get("threads", 1))

    @property
    def memory(self) -> Allocator | None:
        """What becomes of freed memory, "kept" or "returned"; None for the run's policy."""
        policy: Allocator | None = dict(self.settings).get("memory")
        return policy

    @property
    def python(self) -> str:
        """The interpreter it runs under; empty for this one."""
        return str(dict(self.settings).get("python", ""))


def parse(text: str) -> Variant:
    """Read a variant: ``engine``, or ``engine:setting=value,setting=value``.

    Booleans are written on or off (true and false are understood).

    Raises:
        UsageError: the engine, a setting or a value does not exist; the valid ones are listed.
    """
    name, _, rest = text.strip().partition(":")
    engine = engines.get(name)
    valid = {s.name: s for s in (*engine.settings, *WORKER_SETTINGS)}
    settings: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, word = (piece.strip() for piece in part.partition("="))
        if key not in valid:
            meant = suggestion(key, valid) or f"; the settings are {', '.join(valid)}"
            raise UsageError(f"variant {text!r}: {name} has no setting {key!r}{meant}")
        if not equals:
            raise UsageError(
                f"variant {text!r}: {key} has no value; write name=value, where {key} is "
                f"{valid[key].takes}"
            )
        if key in settings:
            raise UsageError(f"variant {text!r}: {key} is given twice")
        try:
            settings[key] = valid[key].read(word)
        except ValueError as error:
            raise UsageError(f"variant {text!r}: {error}") from None
    changed = {k: v for k, v in settings.items() if v != valid[k].default}
    return Variant(engine, tuple(sorted(changed.items())))
