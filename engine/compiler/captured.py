"""Captures: the globals, closures and attributes that a function reads from outside.

A program is recorded once and bakes in the values that it read. The captures are therefore
part of the key under which the program is kept. Of installed packages, only the function's
own is searched for them.
"""

from __future__ import annotations

import decimal
import dis
import operator
import os
import random
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..errors import RecordingError
from ..variable import Variable
from .keys import (
    BY_VALUE,
    RECORDED,
    Identity,
    Names,
    attributes,
    is_special_name,
    may_change,
    package_of,
    parts,
    value_key,
)
from .refusing import SITE_PACKAGES, STANDARD_LIBRARY, refuse_opaque

Read = Callable[[], Any]
MISSING = object()
# Names of what reads attributes that the code does not name.
DYNAMIC_READS = frozenset({"getattr", "vars", "__dict__", "attrgetter", "asdict", "astuple"})
# What the engine reads of a user's Function, and functools of a wrapped function.
ALWAYS_READ = frozenset({"forward", "backward", "__wrapped__"})
# Names of what reads the environment's variables in the standard library's code.
ENVIRONMENT_READS = frozenset({"getenv", "getenvb", "environb", "expandvars", "expanduser"})
ENVIRONMENT_MODULES = frozenset({"os", "posixpath", "ntpath"})
# Names by which code reads what no key follows.
REFLECTION = frozenset({"__globals__", "__annotations__", "__builtins__", "f_globals", "f_locals"})
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
        functions: those of the user's functions, whose code and defaults can be replaced, and
            their code.
    """

    places: tuple[Place, ...] = ()
    names: Names = ALWAYS_READ
    functions: tuple[tuple[types.FunctionType, Identity], ...] = ()

    def key(self) -> Any:
        """Return the key of the present values of these places."""
        seen: dict[int, Any] = {}
        return (
            *[(p.name, value_key(p.read(), self.names, seen)) for p in self.places],
            ("the code or a default of a function", self._functions_key(seen)),
        )

    def _functions_key(self, seen: dict[int, Any]) -> tuple[Any, ...]:
        key: list[Any] = []
        for f, code in self.functions:
            key.append(code if f.__code__ is code.obj else Identity(f.__code__))
            if f.__defaults__ is not None or f.__kwdefaults__ is not None:
                key.append(value_key((f.__defaults__, f.__kwdefaults__), self.names, seen))
        return tuple(key)

    def values(self) -> Iterator[tuple[str, Any]]:
        """Yield the present values of the places and the functions' defaults, with their names."""
        for place in self.places:
            yield place.name, place.read()
        for f, _ in self.functions:
            for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
                yield f"a default of {f.__name__}", value

    def has_environment(self) -> bool:
        """Whether the environment's variables are part of the key."""
        return (self.names is not None and "environ" in self.names) or any(
            place.read() is os.environ for place in self.places
        )


def find_captures(function: Any, arguments: Iterable[Any]) -> Captures:
    """Return what a function, called with these arguments, may read from outside."""
    roots = [function, *arguments]
    names: Names = ALWAYS_READ
    while True:
        places, functions, attribute_names = _walk(roots, names)
        next_names = None if names is None or attribute_names & DYNAMIC_READS else attribute_names
        if next_names == names:
            return Captures(
                tuple(places), names, tuple([(f, Identity(f.__code__)) for f in functions])
            )
        names = next_names


def _walk(
    roots: list[Any], names: Names
) -> tuple[list[Place], list[types.FunctionType], frozenset[str]]:
    """Return all functions within reach by these names, their places, and the names in them.

    Raises:
        RecordingError: one of them holds what no key can follow.
    """
    attribute_names = set(names or ())
    places: dict[Any, Place] = {}
    functions: list[types.FunctionType] = []
    if not isinstance(roots[0], types.FunctionType):
        places["itself"] = Place("itself", partial(_constant, roots[0]))
    seen: dict[int, Any] = {}
    stack = [(root, "an argument or the function") for root in roots]
    while stack:
        obj, place_name = stack.pop()
        if type(obj) in BY_VALUE or isinstance(obj, np.ndarray | Variable) or id(obj) in seen:
            continue
        seen[id(obj)] = obj
        found: list[Any] = []
        refuse_opaque(obj, place_name)
        attribute_names.update(_names_read_by(obj))
        if _reads_decimals(obj):
            places["decimal"] = Place("decimal's context", decimal.getcontext)
        if isinstance(obj, types.FunctionType):
            if _is_followed(obj, package_of(roots[0])):
                functions.append(obj)
                attribute_names.update(_attribute_names(obj.__code__))
                defaults = (obj.__defaults__, obj.__kwdefaults__)
                stack.append((defaults, f"a default of {obj.__name__}"))
                for identity, place in _places_of(obj):
                    places[place.name, identity] = place
                    stack.append((place.read(), place.name))
        elif isinstance(obj, type):
            members = [item for c in obj.__mro__ for item in vars(c).items()]
            found += [
                m for name, m in members if is_special_name(name) and name not in UNRELATED_METHODS
            ]
        elif not isinstance(obj, types.ModuleType):
            found.append(type(obj))
        found += obj if isinstance(obj, set | frozenset) else parts(obj) or ()
        # All attributes of the function itself if it is an object: its code may be unknown.
        visible_names = None if obj is roots[0] else names
        found += [value for _, value in attributes(obj, visible_names)]
        stack += [(value, place_name) for value in found]
    if attribute_names & ENVIRONMENT_READS:
        places["environ"] = Place("os.environ", partial(_constant, os.environ))
    return [*places.values()], functions, frozenset(attribute_names)


def _names_read_by(obj: Any) -> Iterable[str]:
    """Return the names of the attributes that an object reads when it is called."""
    if isinstance(obj, operator.attrgetter | operator.methodcaller):
        return [n for part in obj.__reduce__()[1] if isinstance(part, str) for n in part.split(".")]
    if obj is getattr or obj is vars:
        return DYNAMIC_READS
    if isinstance(obj, types.MethodWrapperType) and obj.__name__ == "__getattribute__":
        return DYNAMIC_READS
    if isinstance(obj, types.FunctionType) and "registry" in obj.__dict__:
        return ("registry",)  # of functools.singledispatch
    is_of_os = isinstance(obj, types.FunctionType) and obj.__module__ in ENVIRONMENT_MODULES
    return (obj.__name__,) if is_of_os else ()


def _reads_decimals(obj: Any) -> bool:
    return obj is decimal or isinstance(obj, decimal.Decimal) or obj is decimal.Decimal


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
        if instruction.argval in REFLECTION and instruction.opname.startswith("LOAD_"):
            raise RecordingError(
                f"{instruction.argval} is read in {code.co_filename}:{code.co_firstlineno} "
                f"({code.co_name}), and what is found by it may change between calls unnoticed; "
                "name the global, or pass its value as an argument"
            )
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


def captured_arrays(captures: Captures) -> Iterator[tuple[str, Any]]:
    """Yield the captured Variables and writable arrays: no key notices their changes."""
    for name, value in captures.values():
        if isinstance(value, Variable) or (isinstance(value, np.ndarray) and may_change(value)):
            yield name, value


def random_states(captures: Captures) -> list[Any]:
    """Return the states of NumPy's and Python's generators, and of the captured ones."""
    generators = [value for _, value in captures.values()]
    return [
        _numpy_state(np.random.get_state()),
        random.getstate(),
        *[repr(g.bit_generator.state) for g in generators if isinstance(g, np.random.Generator)],
        *[_numpy_state(g.get_state()) for g in generators if isinstance(g, np.random.RandomState)],
        *[g.getstate() for g in generators if isinstance(g, random.Random)],
    ]


def _numpy_state(state: Any) -> Any:
    """Return the state of a RandomState, comparable: of its array, the bytes."""
    parts_ = state if isinstance(state, tuple) else [repr(state)]
    return [part.tobytes() if isinstance(part, np.ndarray) else part for part in parts_]
