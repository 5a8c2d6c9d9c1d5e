"""What a function reads from outside: the globals, closures and attributes that its code names.

A program is recorded once and bakes in what it met. What can be seen to be read from
outside is therefore part of the key under which the program is kept. The code of installed
packages is not looked into, but for that of the function's own.
"""

from __future__ import annotations

import dis
import os
import random
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from engine.compiler.keys import (
    BY_VALUE,
    RECORDED,
    Names,
    attributes,
    is_pythons,
    may_change,
    package_of,
    parts,
    value_key,
)
from engine.variable import Variable

Read = Callable[[], Any]
MISSING = object()
PACKAGES = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
PYTHONS = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
# What reads attributes that the code does not name.
ANY_NAME = frozenset({"getattr", "vars", "__dict__", "attrgetter", "asdict", "astuple"})
# What the engine reads of a user's Function, and functools of what it wraps.
ALWAYS = frozenset({"forward", "backward", "__wrapped__"})
# Of the methods that Python calls, those that a computation does not need.
NOT_CALLED = frozenset(
    {"__delattr__", "__dict__", "__doc__", "__hash__", "__reduce__", "__repr__", "__setattr__"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """A global or closure variable that a function names, and how to read it now."""

    name: str
    read: Read


@dataclass(frozen=True, slots=True)
class Outside:
    """What a function may read from outside.

    Attributes:
        places: its variables from outside, and those of the functions that it can reach.
        names: the attributes that their code names.
    """

    places: tuple[Place, ...] = ()
    names: Names = ALWAYS

    def key(self) -> Any:
        """What stands for what is in these places now."""
        seen: dict[int, Any] = {}
        return tuple([(p.name, value_key(p.read(), self.names, seen)) for p in self.places])


def outside(function: Any, arguments: Iterable[Any]) -> Outside:
    """What a function, called with these arguments, may read from outside."""
    roots = [function, *arguments]
    names: Names = ALWAYS
    while True:
        places, found = _walk(roots, names)
        more = None if names is None or found & ANY_NAME else found
        if more == names:
            return Outside(tuple(places), names)
        names = more


def _walk(roots: list[Any], names: Names) -> tuple[list[Place], frozenset[str]]:
    """The places of the functions that can be reached by these names, and the names in them."""
    found = set(names or ())
    places: dict[Any, Place] = {}
    if not isinstance(roots[0], types.FunctionType):
        places["itself"] = Place("itself", partial(_itself, roots[0]))
    seen: dict[int, Any] = {}
    todo = list(roots)
    while todo:
        thing = todo.pop()
        if isinstance(thing, (*BY_VALUE, np.ndarray, Variable)) or id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, types.FunctionType):
            if _is_followed(thing, package_of(roots[0])):
                found.update(_names(thing.__code__))
                for identity, place in _of(thing):
                    places[place.name, identity] = place
                    todo.append(place.read())
        elif isinstance(thing, type):
            members = [item for c in thing.__mro__ for item in vars(c).items()]
            todo += [m for name, m in members if is_pythons(name) and name not in NOT_CALLED]
        elif not isinstance(thing, types.ModuleType):
            todo.append(type(thing))
        todo += thing if isinstance(thing, set | frozenset) else parts(thing) or ()
        # Of the function itself, if it is an object, all: its code may be unknown.
        known = None if thing is roots[0] else names
        todo += [value for _, value in attributes(thing, known)]
    return [*places.values()], frozenset(found)


def _is_followed(f: types.FunctionType, own: str) -> bool:
    package, file = package_of(f), f.__code__.co_filename
    if package in RECORDED:
        return False
    if file.startswith(PACKAGES):
        return package == own
    return not file.startswith((*PYTHONS, "<frozen"))


def _of(f: types.FunctionType) -> Iterator[tuple[int, Place]]:
    """The places that a function reads, each with the id of what it is a part of."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        yield id(cell), Place(name, partial(_contents, cell))
    space = f.__globals__
    for operation, name in dict.fromkeys(_outer(f.__code__)):
        if operation == "LOAD_GLOBAL":
            yield id(space), Place(name, partial(space.get, name, MISSING))
            continue
        for module in (name, name.split(".")[0], f"{space.get('__package__')}.{name}"):
            if module in sys.modules:
                yield id(sys.modules), Place(module, partial(sys.modules.get, module))
    for i, default in enumerate(f.__defaults__ or ()):
        yield id(f), Place(f"default {i}", partial(_itself, default))
    for name, default in (f.__kwdefaults__ or {}).items():
        yield id(f), Place(name, partial(_itself, default))


def _itself(value: Any) -> Any:
    return value


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _outer(code: types.CodeType) -> Iterator[tuple[str, str]]:
    """The globals that code reads and the modules that it imports."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "IMPORT_NAME"):
            yield instruction.opname, instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _outer(constant)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from (name for name in code.co_names if name == "__dict__" or not is_pythons(name))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def changed(before: Any, after: Any) -> str:
    """The first place, of two keys of them, of which the state is another."""
    pairs = zip(before, after, strict=True)
    return next(str(name) for (name, was), (_, now) in pairs if was != now)


def arrays_among(found: Iterable[Place]) -> Iterator[tuple[str, Any]]:
    """The Variables and writable arrays in these places: their values may change unseen."""
    for place in found:
        value = place.read()
        if isinstance(value, Variable) or (isinstance(value, np.ndarray) and may_change(value)):
            yield place.name, value


def random_states(found: Iterable[Place]) -> list[Any]:
    """The states of NumPy's and Python's generators, and of those in these places."""
    generators = [place.read() for place in found]
    return [
        repr(np.random.get_state()),
        random.getstate(),
        *[repr(g.bit_generator.state) for g in generators if isinstance(g, np.random.Generator)],
        *[repr(g.get_state()) for g in generators if isinstance(g, np.random.RandomState)],
        *[g.getstate() for g in generators if isinstance(g, random.Random)],
    ]
