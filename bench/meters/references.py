"""How one object refers to another, in the words of a program: an attribute, an index, a key."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import CellType, FrameType, FunctionType, GeneratorType
from typing import Any


def steps(path: Sequence[Any]) -> list[str]:
    """How each object of a path refers to the next one: ".name", "[0]", "['key']", ..."""
    links = []
    namespace = True  # a dictionary at the beginning is one
    for holder, held in pairwise(path):
        links.append(_step(holder, held, namespace))
        namespace = held is getattr(holder, "__dict__", None)
    return links


def _step(holder: Any, held: Any, namespace: bool) -> str:
    if isinstance(holder, tuple | list):
        return f"[{next(i for i, o in enumerate(holder) if o is held)}]"
    if isinstance(holder, dict):
        key = next((k for k, value in holder.items() if value is held), None)
        named = namespace and isinstance(key, str) and key.isidentifier()
        return f".{key}" if named else f"[{key!r:.40}]"
    if isinstance(holder, FunctionType) and held is holder.__closure__:
        return ".__closure__"
    if isinstance(holder, CellType):
        return ".cell_contents"
    if isinstance(holder, GeneratorType):
        holder = holder.gi_frame
    if isinstance(holder, FrameType):
        names = (name for name, value in holder.f_locals.items() if value is held)
        return f".{next(names, '(unnamed)')}"
    attributes = getattr(holder, "__dict__", None)
    if held is attributes:
        return ""
    if isinstance(attributes, dict):
        for name, value in attributes.items():
            if value is held:
                return f".{name}"
    for kind in type(holder).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if getattr(holder, name, None) is held:
                return f".{name}"
    return ".base" if getattr(holder, "base", None) is held else ".(unnamed)"
