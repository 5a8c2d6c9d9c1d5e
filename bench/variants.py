"""How a workload is run: an engine and its settings, written ``engine:name=value,name=value``.

What is run in a way that is no setting, such as another revision, has a label, written
``engine@label:name=value``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench import engines
from bench.errors import UsageError

_WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


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
        written = ",".join(f"{name}={_written(value)}" for name, value in self.settings)
        return f"{who}:{written}" if written else who

    @property
    def all_settings(self) -> dict[str, Any]:
        """Every setting of the engine with its value in this variant."""
        defaults = {s.name: s.default for s in engines.get(self.engine).settings}
        return {**defaults, **dict(self.settings)}


def _written(value: Any) -> str:
    return ("off", "on")[value] if isinstance(value, bool) else str(value)


def parse(text: str) -> Variant:
    """Read a variant: ``engine``, or ``engine:setting=value,setting=value``.

    Booleans are written on or off (true and false are understood).

    Raises:
        UsageError: the engine, a setting or a value does not exist; the valid ones are listed.
    """
    name, _, rest = text.strip().partition(":")
    known = {s.name: s for s in engines.get(name).settings}
    settings: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, word = (piece.strip() for piece in part.partition("="))
        if not equals or key not in known:
            raise UsageError(
                f"variant {text!r}: {part!r} is not a setting of {name}; write name=value with "
                f"one of {', '.join(known)}"
            )
        setting = known[key]
        boolean = isinstance(setting.default, bool)
        value: Any = _WORDS.get(word.lower(), word) if boolean else word
        if key in settings:
            raise UsageError(f"variant {text!r}: {key} is given twice")
        if value not in setting.values:
            valid = " or ".join(_written(v) for v in setting.values)
            raise UsageError(f"variant {text!r}: {key} is {valid}, not {word!r}")
        settings[key] = value
    changed = {k: v for k, v in settings.items() if v != known[k].default}
    return Variant(name, tuple(sorted(changed.items())))
