"""Find a reference cycle through the engine's objects, as a chain of attributes."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Sequence
from types import CellType
from typing import Any

from gradmeter.bench.meters.references import steps
from gradmeter.engine import Function, Variable

# Limits of the search: garbage may be large, but a loop of the engine is short.
_STARTS = 64
_OBJECTS = 50_000  # from each start
_CONTAINERS = (tuple, list, dict, CellType)


def collect() -> tuple[str, ...]:
    """Collect garbage and return the shortest loop of the engine's objects in it; () for none.

    The loop reads ("Variable", "._edge", "Square", "._outputs[0]", "Variable"):
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
    link = ""
    for holder, held, step in zip(path, path[1:], steps(path), strict=False):
        if not words:
            words.append(type(holder).__name__)
        link += step
        if not isinstance(held, _CONTAINERS) or held is path[-1]:
            words += [link, type(held).__name__]
            link = ""
    return tuple(words)
