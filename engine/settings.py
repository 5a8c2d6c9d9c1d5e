"""Settings as a value: how operations are recorded and what backward() keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from .errors import SettingError


def _setting(default: Any, values: tuple[Any, ...], meaning: str) -> Any:
    return field(default=default, metadata={"values": values, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default and its description.

    Each field's metadata holds ``values`` (a tuple of the accepted ones) and
    ``meaning`` (a description).
    """

    enable_backprop: bool = _setting(
        True, (True, False), "record operations, so that backward() can be called on their results"
    )
    output_references: str = _setting(
        "weak",
        ("weak", "strong"),
        "how an operation refers to its outputs: weak makes no reference cycle; strong is "
        "the book's design before step 17, whose cycles only the collector frees",
    )
    retain_grad: bool = _setting(
        False,
        (True, False),
        "keep the gradients of intermediate variables after backward(); "
        "the argument of backward() wins",
    )
    retain_graph: bool = _setting(
        False,
        (True, False),
        "keep what the graph saved, so that backward() can run again; off, each operation "
        "releases it as soon as the sweep has used it",
    )


FIELDS = {f.name: f for f in fields(Settings)}


def setting_field(name: str) -> Any:
    """Return the field of a setting.

    Raises:
        SettingError: there is no such setting.
    """
    if name not in FIELDS:
        raise SettingError(
            f"there is no setting {name!r}; the settings are {', '.join(map(repr, FIELDS))}"
        )
    return FIELDS[name]


def check_value(name: str, value: Any) -> None:
    """Raise SettingError unless setting ``name`` takes ``value``."""
    values = setting_field(name).metadata["values"]
    if type(value) is not type(values[0]) or value not in values:
        choices = " or ".join(repr(v) for v in values)
        raise SettingError(f"setting {name!r} takes {choices}, not {value!r}")


@lru_cache(maxsize=256)
def changed(settings: Settings, name: str, value: Any) -> Settings:
    """Return the settings with one of them changed."""
    return replace(settings, **{name: value})
