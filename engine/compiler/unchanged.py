"""Whether what a function reads from outside is what it was, known by identity.

The key of all captured values takes long to compute, and is the same in nearly every call. A
`Watch` holds a read of each place that the key depends on, and the object that was found
there. While each read returns that very object, the key is the same: numbers and strings
never change, and of what may change, its contents and attributes are places of their own.
The converse does not hold; then the key itself decides.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from operator import call, eq, is_
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

import numpy as np

from .captured import MISSING, Captures
from .keys import (
    BY_VALUE,
    EXACT,
    READ_ONLY,
    RECORDED,
    WITH_CONTENTS,
    WITHOUT_CONTENTS,
    Names,
    classes,
    may_change,
    package_of,
    parts,
)

Read = Callable[[], Any]
MAX_READS = 200  # more would take longer than the key
IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE


class _UnwatchableError(Exception):
    """A value of whose changes no cheap read tells."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Reads of places, and the objects, or the tuples and numbers, that they returned."""

    reads: tuple[Read, ...]
    objects: tuple[Any, ...]
    other_reads: tuple[Read, ...]
    values: tuple[Any, ...]

    def unchanged(self) -> bool:
        """Whether each read returns what it did."""
        try:
            return all(map(is_, map(call, self.reads), self.objects)) and (
                not self.values or all(map(eq, map(call, self.other_reads), self.values))
            )
        except (AttributeError, LookupError):  # a place that is no longer there
            return False


def watch(captures: Captures) -> Watch | None:
    """Return a watch over the present values of captures; None where reads cannot tell."""
    builder = _Builder(captures.names)
    try:
        for place in captures.places:
            builder.identical(place.read)
        for function, _ in captures.functions:
            for name in ("__code__", "__defaults__", "__kwdefaults__"):
                builder.identical(partial(getattr, function, name))
    except (_UnwatchableError, AttributeError, LookupError):
        return None
    objects = [read() for read in builder.reads]
    values = [read() for read in builder.other_reads]
    return Watch(tuple(builder.reads), tuple(objects), tuple(builder.other_reads), tuple(values))


class _Builder:
    """A watch under construction: its reads."""

    def __init__(self, names: Names) -> None:
        self.reads: list[Read] = []
        self.other_reads: list[Read] = []
        self._names = names
        self._seen: dict[int, Any] = {}

    def identical(self, read: Read) -> None:
        """Watch that a place holds the object that it holds, and what that one consists of."""
        if len(self.reads) >= MAX_READS:
            raise _UnwatchableError
        self.reads.append(read)
        self._value(read())

    def _value(self, value: Any) -> None:
        """Watch what the key of a value depends on besides its identity; see `value_key`."""
        kind = type(value)
        if issubclass(kind, BY_VALUE):
            if kind not in EXACT and hasattr(value, "__dict__"):
                raise _UnwatchableError
            return
        if value is MISSING or kind is CodeType or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if kind is FunctionType and not value.__dict__:
            self.identical(partial(getattr, value, "__dict__"))
        elif kind not in WITHOUT_CONTENTS and isinstance(value, WITH_CONTENTS):
            self._contents(value)
        else:
            self._attributes(value)

    def _contents(self, value: Any) -> None:
        kind = type(value)
        if kind is tuple or kind in READ_ONLY:
            for element in parts(value) or ():
                self._value(element)
        elif kind is list:
            self.other_reads.append(partial(len, value))
            for i in range(len(value)):
                self.identical(partial(value.__getitem__, i))
        elif kind is dict and all(type(key) is str for key in value):
            self.other_reads.append(partial(tuple, value))
            for key in value:
                self.identical(partial(value.get, key, MISSING))
        elif kind is partial:
            for name in ("func", "args", "keywords"):
                self.identical(partial(getattr, value, name))
        elif kind is np.ndarray and not may_change(value):
            self.reads.append(partial(may_change, value))
            self.other_reads.append(partial(getattr, value, "shape"))
        else:
            raise _UnwatchableError

    def _attributes(self, obj: Any) -> None:
        """Watch the named attributes of an object and of its classes; see `attributes`."""
        names, kind = self._names, type(obj)
        if isinstance(obj, ModuleType) and (names is None or package_of(obj) in RECORDED):
            return
        if names is None or isinstance(obj, threading.local):
            raise _UnwatchableError
        for c in (kind, obj) if isinstance(obj, type) else (kind,):
            if not c.__flags__ & IMMUTABLE_TYPE:
                self.reads.append(partial(getattr, c, "__mro__"))
        if kind is not ModuleType and not kind.__flags__ & IMMUTABLE_TYPE:
            self.reads.append(partial(type, obj))
        namespaces: list[Any] = [vars(c) for c in classes(obj)]
        if not isinstance(obj, type):
            read = partial(object.__getattribute__, obj, "__dict__")
            with suppress(AttributeError):  # it has none
                namespaces.append(read())
                self.reads.append(read)
        for namespace in namespaces:
            for name in names & namespace.keys():
                self.identical(partial(namespace.get, name, MISSING))
                value = namespace[name]
                if isinstance(value, MemberDescriptorType) and not isinstance(obj, type):
                    self.identical(partial(value.__get__, obj))
            self.reads.append(partial(namespace.keys().isdisjoint, names - namespace.keys()))
