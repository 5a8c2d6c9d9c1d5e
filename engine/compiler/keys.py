"""Keys of values: the state that code can read through the attributes that it names."""

from __future__ import annotations

import decimal
import threading
import weakref
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import numpy as np

from ..variable import Variable

Names = frozenset[str] | None
"""The attributes that some code names; None where it may read any."""

ENGINE = __name__.removesuffix(".compiler.keys")
RECORDED = (ENGINE, "numpy")  # packages whose arithmetic is recorded as it runs
BY_VALUE = (bool, int, float, complex, str, bytes, type(None), np.generic)
MAX_VALUE_BYTES = 2**16  # of an array whose values are part of a key
WITHOUT_CONTENTS = (FunctionType, ModuleType, type)  # other values are not part of these
READ_ONLY: tuple[type[Any], ...] = (  # what they consist of never changes
    *(MethodType, BuiltinFunctionType, MethodWrapperType, staticmethod, classmethod, property),
)
DICT_VIEWS: tuple[type[Any], ...] = (type({}.keys()), type({}.values()), type({}.items()))
WITH_PARTS: tuple[Any, ...] = (
    *(tuple, list, deque, Mapping, partial, ContextVar, weakref.ref, *DICT_VIEWS, *READ_ONLY),
)
WITH_CONTENTS: tuple[Any, ...] = (
    *(Set, *WITH_PARTS, np.ndarray, bytearray, array, memoryview, Variable, decimal.Context),
)
SUBCLASSED = (list, tuple, dict, set, frozenset, deque, *BY_VALUE)
EXACT = frozenset(SUBCLASSED)  # these have no attributes, and their subclasses may have
_NO_ATTRIBUTES: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """An object compared by identity, and kept alive."""

    obj: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.obj is other.obj

    def __hash__(self) -> int:
        return id(self.obj)


def value_key(value: Any, names: Names, seen: dict[int, Any] | None = None) -> Any:
    """Return the key of a value.

    Numbers and strings by type and bits; containers by what is in them; small arrays by
    identity and bytes; anything else by identity and by the named attributes.

    Args:
        value: of any type. Nothing of it is called; properties are not computed.
        names: the attributes that count.
        seen: the values that the key contains already, by id.
    """
    kind = type(value)
    if issubclass(kind, BY_VALUE):
        if kind in EXACT or not hasattr(value, "__dict__"):
            return kind, repr(value)
        members = attributes(value, names)
        return (kind, repr(value), *[(n, value_key(v, names, seen)) for n, v in members])
    if (kind is FunctionType and not value.__dict__) or kind is CodeType:
        return Identity(value)
    seen = {} if seen is None else seen
    if id(value) in seen:
        return "again", seen[id(value)][0]
    seen[id(value)] = len(seen), value
    if kind not in WITHOUT_CONTENTS:
        key = _contents_key(value, names, seen)
        if key is not None:
            if kind in EXACT or not isinstance(value, SUBCLASSED):
                return key
            members = attributes(value, names)
            return (key, *[(name, value_key(v, names, seen)) for name, v in members])
    members = attributes(value, names)
    return (Identity(value), *[(name, value_key(v, names, seen)) for name, v in members])


def _contents_key(value: Any, names: Names, seen: dict[int, Any]) -> Any:
    if not isinstance(value, WITH_CONTENTS):
        return None
    if isinstance(value, Set):
        return type(value), frozenset([value_key(v, names, seen) for v in value])
    elements = parts(value)
    if elements is not None:
        return (type(value), *[value_key(v, names, seen) for v in elements])
    if isinstance(value, np.ndarray):
        by_value = value.nbytes <= MAX_VALUE_BYTES and may_change(value)
        return Identity(value), value.shape, value.tobytes() if by_value else b""
    if isinstance(value, bytearray | array):
        return Identity(value), bytes(value)
    if isinstance(value, memoryview):
        return Identity(value), value.tobytes() if value.nbytes <= MAX_VALUE_BYTES else b""
    if isinstance(value, Variable):
        return Identity(value), value_key(value.data, names, seen)
    if isinstance(value, decimal.Context):
        return Identity(value), repr(value)
    return None


def parts(value: Any) -> Iterable[Any] | None:
    """Return the parts of a container, a method, a reference or a partial; None for others.

    Of a ContextVar and of a weak reference, that is what they hold now.
    """
    if not isinstance(value, WITH_PARTS):
        return None
    if isinstance(value, tuple | list | deque):
        return value
    if isinstance(value, Mapping):
        return [part for item in tuple(value.items()) for part in item]
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, MethodType):
        return value.__self__, value.__func__
    if isinstance(value, BuiltinFunctionType | MethodWrapperType):
        owner = value.__self__
        if owner is None or isinstance(owner, ModuleType | type):
            return None
        return value.__name__, owner
    if isinstance(value, ContextVar):
        return value.name, value.get(None)
    if isinstance(value, weakref.ref):
        return (value(),)
    if isinstance(value, DICT_VIEWS):
        return (value.mapping,)
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    return (value.fget,) if isinstance(value, property) else None


def attributes(obj: Any, names: Names) -> Iterator[tuple[str, Any]]:
    """Yield the named attributes of an object and of its class, as they are stored."""
    if isinstance(obj, ModuleType) and (names is None or package_of(obj) in RECORDED):
        return
    instance_dict = _NO_ATTRIBUTES
    if not isinstance(obj, type):
        lookup = threading.local if isinstance(obj, threading.local) else object
        try:
            instance_dict = lookup.__getattribute__(obj, "__dict__")
        except AttributeError:
            instance_dict = _NO_ATTRIBUTES
    for namespace in (instance_dict, *[vars(c) for c in classes(obj)]):
        for name in tuple(namespace) if names is None else names:
            if name not in namespace or (names is None and is_special_name(name)):
                continue
            value = namespace[name]
            if isinstance(value, MemberDescriptorType) and not isinstance(obj, type):
                try:
                    value = value.__get__(obj)
                except AttributeError:  # a slot that is empty
                    continue
            yield name, value


def package_of(obj: Any) -> str:
    """Return the outermost package of a module, or of a function's or class's module.

    The engine is a package of its own, whatever it lies in.
    """
    name = obj.__name__ if isinstance(obj, ModuleType) else getattr(obj, "__module__", "")
    if f"{name}.".startswith(f"{ENGINE}."):
        return ENGINE
    return str(name or "").partition(".")[0]


def is_special_name(name: str) -> bool:
    """Whether Python itself gives a name its meaning."""
    return name.startswith("__") and name != "__wrapped__"


def classes(obj: Any) -> Iterable[type]:
    """Return the classes in which an attribute is looked up, without the built-in ones."""
    if isinstance(obj, ModuleType):
        return ()
    mro = type(obj).__mro__
    if isinstance(obj, type):
        mro = obj.__mro__ if type(obj) is type else obj.__mro__ + mro
    return [c for c in mro if c.__module__ != "builtins"]


def may_change(array: Any) -> bool:
    """Whether an array, or an array that it is a view of, can be written into."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return array is not None and not isinstance(array, bytes)
