"""Reference cycles as what they are: the chain of attributes that leads back to its start."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from types import CellType, FunctionType
from typing import Any

from engine import Function, Variable

# So much is looked at: garbage may be large, and a loop of the engine's is short.
_STARTS = 64
_OBJECTS = 50_000  # from each start
_CONTAINERS = (tuple, list, dict, CellType)

Way = list[tuple[Any, str]]  # (object, how the next one is reached from it)


def collect() -> tuple[str, ...]:
    """Collect garbage; the shortest loop through the engine's objects in it, or nothing.

    The loop is told as ("Variable", "._edge[0]", "Square", "._outputs[0]", "Variable"):
    a type, how the next object is reached, its type, and so on.
    """
    flags, before = gc.get_debug(), len(gc.garbage)
    gc.set_debug(gc.DEBUG_SAVEALL)  # to look at the objects before they go
    try:
        gc.collect()
        return shortest(gc.garbage[before:])
    finally:
        gc.set_debug(0)
        del gc.garbage[before:]
        gc.collect()
        gc.set_debug(flags)


def shortest(objects: Sequence[Any]) -> tuple[str, ...]:
    """The shortest loop among these objects through a Variable or a Function."""
    inside = {id(o): o for o in objects}
    best: list[Any] = []
    starts: list[Any] = [o for o in objects if isinstance(o, Variable)]
    starts += [o for o in objects if isinstance(o, Function)]
    for start in starts[:_STARTS]:
        found = _loop(start, inside)
        if found and (not best or len(found) < len(best)):
            best = found
    return _told(best)


def _loop(start: Any, inside: dict[int, Any]) -> list[Any]:
    """The objects of the shortest way from ``start`` back to it, that at both ends."""
    came: dict[int, int] = {}
    waiting = deque([id(start)])
    while waiting and len(came) < _OBJECTS:
        identity = waiting.popleft()
        for following in map(id, gc.get_referents(inside[identity])):
            if following == id(start):
                way = [identity]
                while way[-1] != id(start):
                    way.append(came[way[-1]])
                return [*(inside[i] for i in reversed(way)), start]
            if following in inside and following not in came:
                came[following] = identity
                waiting.append(following)
    return []


def _told(way: list[Any]) -> tuple[str, ...]:
    """Types and steps; tuples, dictionaries and the like are part of the step."""
    told: list[str] = []
    step = ""
    for holder, held in pairwise(way):
        if not told:
            told.append(type(holder).__name__)
        step += _step(holder, held)
        if not isinstance(held, _CONTAINERS) or held is way[-1]:
            told += [step, type(held).__name__]
            step = ""
    return tuple(told)


def _step(holder: Any, held: Any) -> str:
    """How one object is reached from another that refers to it: ".name", "[0]", ..."""
    if isinstance(holder, tuple | list):
        return f"[{next(i for i, o in enumerate(holder) if o is held)}]"
    if isinstance(holder, dict):
        key = next((k for k, value in holder.items() if value is held), None)
        return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r:.40}]"
    if isinstance(holder, FunctionType) and held is holder.__closure__:
        return ".__closure__"
    if isinstance(holder, CellType):
        return ".cell_contents"
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
    return ".(unnamed)"
