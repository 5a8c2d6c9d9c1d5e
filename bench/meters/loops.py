"""Find a reference cycle through the engine's objects, as a chain of attributes."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from types import CellType, FunctionType
from typing import Any

from gradmeter.engine import Function, Variable

# Limits of the search: garbage may be large, but a loop of the engine is short.
_STARTS = 64
_OBJECTS = 50_000  # from each start
_CONTAINERS = (tuple, list, dict, CellType)


def collect() -> tuple[str, ...]:
    """Collect garbage and return the shortest loop of the engine's objects in it; () for none.

    The loop reads ("Variable", "._edge[0]", "Square", "._outputs[0]", "Variable"):
    a type, how the next object is reached, its type, and so on.
    """
    flags, before = gc.get_debug(), len(gc.garbage)
    gc.set_debug(gc.DEBUG_SAVEALL)  # to see the objects before they are freed
    try:
        gc.collect()
        return shortest(gc.garbage[before:])
    finally:
        gc.set_debug(0)
        del gc.garbage[before:]
        gc.collect()
        gc.set_debug(flags)


def shortest(objects: Sequence[Any]) -> tuple[str, ...]:
    """Find the shortest loop among the objects that starts at a Variable or a Function."""
    inside = {id(o): o for o in objects}
    best: list[Any] = []
    starts: list[Any] = [o for o in objects if isinstance(o, Variable)]
    starts += [o for o in objects if isinstance(o, Function)]
    for start in starts[:_STARTS]:
        loop = _loop(start, inside)
        if loop and (not best or len(loop) < len(best)):
            best = loop
    return _described(best)


def _loop(start: Any, inside: dict[int, Any]) -> list[Any]:
    """The objects on the shortest path from ``start`` back to it; ``start`` is at both ends."""
    previous: dict[int, int] = {}
    waiting = deque([id(start)])
    while waiting and len(previous) < _OBJECTS:
        identity = waiting.popleft()
        for following in map(id, gc.get_referents(inside[identity])):
            if following == id(start):
                path = [identity]
                while path[-1] != id(start):
                    path.append(previous[path[-1]])
                return [*(inside[i] for i in reversed(path)), start]
            if following in inside and following not in previous:
                previous[following] = identity
                waiting.append(following)
    return []


def _described(path: list[Any]) -> tuple[str, ...]:
    """The types and steps of a path; tuples, dictionaries and cells are part of a step."""
    words: list[str] = []
    step = ""
    for holder, held in pairwise(path):
        if not words:
            words.append(type(holder).__name__)
        step += _step(holder, held)
        if not isinstance(held, _CONTAINERS) or held is path[-1]:
            words += [step, type(held).__name__]
            step = ""
    return tuple(words)


def _step(holder: Any, held: Any) -> str:
    """How ``holder`` refers to ``held``: ".name", "[0]", ..."""
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
