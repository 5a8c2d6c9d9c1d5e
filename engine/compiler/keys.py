"""What stands for a value in a key: its state, as far as code with known names can read it."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import partial
from types import (
    BuiltinFunctionType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from engine.variable import Variable

Names = frozenset[str] | None
"""The attributes that some code names; None where it may read any."""

RECORDED = ("engine", "numpy")  # packages whose arithmetic is seen as it runs
BY_VALUE = (bool, int, float, complex, str, bytes, type(None), np.generic)
MOST_BYTES = 2**16  # of an array that stands in a key by its values
QUICK = (FunctionType, BuiltinFunctionType, ModuleType, type)  # these contain nothing
_NONE: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Same:
    """A thing that is equal to itself alone; it keeps the thing alive."""

    thing: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


def value_key(value: Any, names: Names, seen: dict[int, Any] | None = None) -> Any:
    """What stands for a value in a key.

    Numbers and strings by type and bits; containers by what is in them; small arrays by
    identity and bytes; anything else by identity and by those attributes that are named.

    Args:
        value: of any type. Nothing of it is called; properties are not computed.
        names: the attributes that count.
        seen: what the key contains already, by id.
    """
    kind = type(value)
    if issubclass(kind, BY_VALUE):
        return kind, repr(value)
    if kind is FunctionType and not value.__dict__:
        return Same(value)
    seen = {} if seen is None else seen
    if id(value) in seen:
        return "again", seen[id(value)][0]
    seen[id(value)] = len(seen), value
    if kind not in QUICK:
        key = _of_contents(value, names, seen)
        if key is not None:
            return key
    found = attributes(value, names)
    return (Same(value), *[(name, value_key(v, names, seen)) for name, v in found])


def _of_contents(value: Any, names: Names, seen: dict[int, Any]) -> Any:
    if isinstance(value, Set):
        return type(value), frozenset([value_key(v, names, seen) for v in value])
    inside = parts(value)
    if inside is not None:
        return (type(value), *[value_key(v, names, seen) for v in inside])
    if isinstance(value, np.ndarray):
        few = value.nbytes <= MOST_BYTES and may_change(value)
        return Same(value), value.shape, value.tobytes() if few else b""
    if isinstance(value, bytearray | array):
        return Same(value), bytes(value)
    if isinstance(value, Variable):
        return Same(value), value_key(value.data, names, seen)
    return None


def parts(value: Any) -> Iterable[Any] | None:
    """What a container, a method or a partial consists of; None for other things."""
    if isinstance(value, tuple | list | deque):
        return value
    if isinstance(value, Mapping):
        return [part for item in tuple(value.items()) for part in item]
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, MethodType):
        return value.__self__, value.__func__
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    return (value.fget,) if isinstance(value, property) else None


def attributes(thing: Any, names: Names) -> Iterator[tuple[str, Any]]:
    """The named attributes of an object and of its class, as they are stored."""
    if isinstance(thing, ModuleType) and (names is None or package_of(thing) in RECORDED):
        return
    own = _NONE
    if not isinstance(thing, type):
        try:
            own = object.__getattribute__(thing, "__dict__")
        except AttributeError:
            own = _NONE
    for space in (own, *[vars(c) for c in _classes(thing)]):
        for name in tuple(space) if names is None else names:
            if name not in space or (names is None and is_pythons(name)):
                continue
            value = space[name]
            if isinstance(value, MemberDescriptorType) and not isinstance(thing, type):
                try:
                    value = value.__get__(thing)
                except AttributeError:  # a slot that is empty
                    continue
            yield name, value


def package_of(thing: Any) -> str:
    """The outermost package of a module, or of that in which a function or class is defined."""
    name = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", "")
    return str(name or "").partition(".")[0]


def is_pythons(name: str) -> bool:
    """Whether a name has a meaning for Python itself."""
    return name.startswith("__") and name != "__wrapped__"


def _classes(thing: Any) -> Iterable[type]:
    """The classes in which an attribute of a thing is looked up, without Python's own."""
    if isinstance(thing, ModuleType):
        return ()
    mro = (thing if isinstance(thing, type) else type(thing)).__mro__
    return [c for c in mro if c.__module__ != "builtins"]


def may_change(array: Any) -> bool:
    """Whether somebody can write into an array or what it is a view of."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return array is not None and not isinstance(array, bytes)
