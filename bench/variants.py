"""How a workload is run: an engine and its settings, written ``engine:name=value,name=value``.

What is run in a way that is no setting, such as another revision, has a label, written
``engine@label:name=value``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench import engines
from bench.engines import Setting, written
from bench.errors import UsageError

# How a variant's worker is started, whatever the engine is.
WORKER_SETTINGS = (
    Setting(
        "threads", 1, (), "threads that the engine's kernels may use, a core for each", least=1
    ),
    Setting("python", "", (), "the interpreter it runs under, by its path; default: this one"),
)
_OF_WORKER = {setting.name for setting in WORKER_SETTINGS}


@dataclass(frozen=True)
class Variant:
    """One way to run an engine.

    Attributes:
        engine: the engine's name.
        settings: those that differ from the engine's defaults, sorted by name; so that two
            variants are equal exactly if they run the same.
        label: what else tells it from others, known to who runs it.
    """

    engine: str
    settings: tuple[tuple[str, Any], ...] = ()
    label: str = ""

    def __str__(self) -> str:
        who = f"{self.engine}@{self.label}" if self.label else self.engine
        said = ",".join(f"{name}={written(value)}" for name, value in self.settings)
        return f"{who}:{said}" if said else who

    @property
    def all_settings(self) -> dict[str, Any]:
        """Every setting of the engine with its value in this variant."""
        defaults = {s.name: s.default for s in engines.get(self.engine).settings}
        return {**defaults, **dict(self.of_engine)}

    @property
    def of_engine(self) -> tuple[tuple[str, Any], ...]:
        """The settings that are the engine's own."""
        return tuple(pair for pair in self.settings if pair[0] not in _OF_WORKER)

    @property
    def threads(self) -> int:
        """How many threads the engine's kernels may use."""
        return int(dict(self.settings).get("threads", 1))

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
    known = {s.name: s for s in (*engines.get(name).settings, *WORKER_SETTINGS)}
    settings: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, word = (piece.strip() for piece in part.partition("="))
        if not equals or key not in known:
            raise UsageError(
                f"variant {text!r}: {part!r} is not a setting of {name}; write name=value with "
                f"one of {', '.join(known)}"
            )
        if key in settings:
            raise UsageError(f"variant {text!r}: {key} is given twice")
        try:
            settings[key] = known[key].read(word)
        except ValueError as error:
            raise UsageError(f"variant {text!r}: {error}") from None
    changed = {k: v for k, v in settings.items() if v != known[k].default}
    return Variant(name, tuple(sorted(changed.items())))
