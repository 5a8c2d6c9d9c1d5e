"""Captures: the globals, closures and attributes that a function reads from outside.

A program is recorded once and bakes in the values that it read. The captures are therefore
part of the key under which the program is kept. Of installed packages, only the function's
own is searched for them.
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

from ..variable import Variable
from .keys import (
    BY_VALUE,
    RECORDED,
    Names,
    attributes,
    is_special_name,
    may_change,
    package_of,
    parts,
    value_key,
)

Read = Callable[[], Any]
MISSING = object()
SITE_PACKAGES = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
STANDARD_LIBRARY = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
# Names of what reads attributes that the code does not name.
DYNAMIC_READS = frozenset({"getattr", "vars", "__dict__", "attrgetter", "asdict", "astuple"})
# What the engine reads of a user's Function, and functools of a wrapped function.
ALWAYS_READ = frozenset({"forward", "backward", "__wrapped__"})
# Special methods that a computation does not need.
UNRELATED_METHODS = frozenset(
    {"__delattr__", "__dict__", "__doc__", "__hash__", "__reduce__", "__repr__", "__setattr__"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """A global or closure variable that a function names, and how to read it now."""

    name: str
    read: Read


@dataclass(frozen=True, slots=True)
class Captures:
    """The variables and attributes that a function may read from outside.

    Attributes:
        places: its variables from outside, and those of the functions that it can reach.
        names: the attributes that their code names.
    """

    places: tuple[Place, ...] = ()
    names: Names = ALWAYS_READ

    def key(self) -> Any:
        """Return the key of the present values of these places."""
        seen: dict[int, Any] = {}
        return tuple([(p.name, value_key(p.read(), self.names, seen)) for p in self.places])


def find_captures(function: Any, arguments: Iterable[Any]) -> Captures:
    """Return what a function, called with these arguments, may read from outside."""
    roots = [function, *arguments]
    names: Names = ALWAYS_READ
    while True:
        places, attribute_names = _walk(roots, names)
        next_names = None if names is None or attribute_names & DYNAMIC_READS else attribute_names
        if next_names == names:
            return Captures(tuple(places), names)
        names = next_names


def _walk(roots: list[Any], names: Names) -> tuple[list[Place], frozenset[str]]:
    """Return the places of all functions within reach by these names, and the names in them."""
    attribute_names = set(names or ())
    places: dict[Any, Place] = {}
    if not isinstance(roots[0], types.FunctionType):
        places["itself"] = Place("itself", partial(_constant, roots[0]))
    seen: dict[int, Any] = {}
    stack = list(roots)
    while stack:
        obj = stack.pop()
        if isinstance(obj, (*BY_VALUE, np.ndarray, Variable)) or id(obj) in seen:
            continue
        seen[id(obj)] = obj
        if isinstance(obj, types.FunctionType):
            if _is_followed(obj, package_of(roots[0])):
                attribute_names.update(_attribute_names(obj.__code__))
                for identity, place in _places_of(obj):
                    places[place.name, identity] = place
                    stack.append(place.read())
        elif isinstance(obj, type):
            members = [item for c in obj.__mro__ for item in vars(c).items()]
            stack += [
                m for name, m in members if is_special_name(name) and name not in UNRELATED_METHODS
            ]
        elif not isinstance(obj, types.ModuleType):
            stack.append(type(obj))
        stack += obj if isinstance(obj, set | frozenset) else parts(obj) or ()
        # All attributes of the function itself if it is an object: its code may be unknown.
        visible_names = None if obj is roots[0] else names
        stack += [value for _, value in attributes(obj, visible_names)]
    return [*places.values()], frozenset(attribute_names)


def _is_followed(f: types.FunctionType, own: str) -> bool:
    package, file = package_of(f), f.__code__.co_filename
    if package in RECORDED:
        return False
    if file.startswith(SITE_PACKAGES):
        return package == own
    return not file.startswith((*STANDARD_LIBRARY, "<frozen"))


def _places_of(f: types.FunctionType) -> Iterator[tuple[int, Place]]:
    """Yield the places that a function reads, each with the id of its container."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        yield id(cell), Place(name, partial(_cell_contents, cell))
    space = f.__globals__
    for operation, name in dict.fromkeys(_outer_reads(f.__code__)):
        if operation == "LOAD_GLOBAL":
            yield id(space), Place(name, partial(space.get, name, MISSING))
            continue
        for module in (name, name.split(".")[0], f"{space.get('__package__')}.{name}"):
            if module in sys.modules:
                yield id(sys.modules), Place(module, partial(sys.modules.get, module))
    for i, default in enumerate(f.__defaults__ or ()):
        yield id(f), Place(f"default {i}", partial(_constant, default))
    for name, default in (f.__kwdefaults__ or {}).items():
        yield id(f), Place(name, partial(_constant, default))


def _constant(value: Any) -> Any:
    return value


def _cell_contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _outer_reads(code: types.CodeType) -> Iterator[tuple[str, str]]:
    """Yield the globals that code reads and the modules that it imports."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "IMPORT_NAME"):
            yield instruction.opname, instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _outer_reads(constant)


def _attribute_names(code: types.CodeType) -> Iterator[str]:
    yield from (name for name in code.co_names if name == "__dict__" or not is_special_name(name))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _attribute_names(constant)


def first_change(before: Any, after: Any) -> str:
    """Return the name of the first place whose state differs between two keys."""
    pairs = zip(before, after, strict=True)
    return next(str(name) for (name, old_state), (_, new_state) in pairs if old_state != new_state)


def captured_arrays(places: Iterable[Place]) -> Iterator[tuple[str, Any]]:
    """Yield the Variables and writable arrays in these places: no key notices their changes."""
    for place in places:
        value = place.read()
        if isinstance(value, Variable) or (isinstance(value, np.ndarray) and may_change(value)):
            yield place.name, value


def random_states(places: Iterable[Place]) -> list[Any]:
    """Return the states of NumPy's and Python's generators, and of those in these places."""
    generators = [place.read() for place in places]
    return [
        repr(np.random.get_state()),
        random.getstate(),
        *[repr(g.bit_generator.state) for g in generators if isinstance(g, np.random.Generator)],
        *[repr(g.get_state()) for g in generators if isinstance(g, np.random.RandomState)],
        *[g.getstate() for g in generators if isinstance(g, random.Random)],
    ]
