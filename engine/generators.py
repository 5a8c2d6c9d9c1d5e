"""Random generators: those that a function can reach, and their states."""

from __future__ import annotations

import pickle
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np

from .variable import Variable

ENGINE = __name__.rpartition(".")[0]
FOREIGN = frozenset({*sys.stdlib_module_names, "numpy"}) - {"__main__"}
MAX_OBJECTS = 1_000  # that the search for a function's generators looks at
_WITHOUT_PARTS = (str, bytes, bytearray, int, float, complex, np.ndarray, np.generic, Variable)
_GLOBAL_NUMPY: np.random.RandomState = np.random.get_state.__self__  # type: ignore[attr-defined]
_GLOBAL_PYTHON: random.Random = random.getstate.__self__  # type: ignore[attr-defined]

States = list[tuple[Any, bytes]]
"""Generators with their states, pickled: compared by their bytes, and of no array memory."""


def generator_states(function: Callable[..., Any]) -> States:
    """Return the states of the global generators and of those that a function can reach."""
    generators = (_GLOBAL_NUMPY, _GLOBAL_PYTHON, *_generators_of(function))
    return present_states(generators)


def present_states(generators: Iterable[Any]) -> States:
    """Return the present states of generators."""
    return [(generator, pickle.dumps(_state(generator))) for generator in generators]


def restore(states: States) -> None:
    """Put generators back into these states."""
    for generator, state in states:
        _set_state(generator, pickle.loads(state))


def changed(before: States) -> States:
    """Return those of the generators, with their states before, that have drawn since."""
    after = present_states([generator for generator, _ in before])
    return [old for old, new in zip(before, after, strict=True) if old[1] != new[1]]


def is_generator(obj: Any) -> bool:
    """Whether an object draws random numbers from a state that can be read and set."""
    if isinstance(obj, random.SystemRandom):
        return False
    return isinstance(
        obj, np.random.Generator | np.random.RandomState | np.random.BitGenerator | random.Random
    )


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, np.random.BitGenerator):
        return generator.state
    return generator.getstate()


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.BitGenerator):
        generator.state = state
    else:
        generator.setstate(state)


def _generators_of(function: Any) -> Iterator[Any]:
    """Yield the generators that a function can reach, as far as `MAX_OBJECTS` objects go."""
    queue: deque[Any] = deque([function])
    seen: dict[int, Any] = {}
    while queue and len(seen) < MAX_OBJECTS:
        obj = queue.popleft()
        if isinstance(obj, _WITHOUT_PARTS) or obj is None or id(obj) in seen:
            continue
        seen[id(obj)] = obj
        if is_generator(obj):
            yield obj
        else:
            queue.extend(_parts(obj))


def _parts(obj: Any) -> Iterator[Any]:
    """Yield what is found from an object: of a module only what functions read of it."""
    if isinstance(obj, types.FunctionType):
        yield from _read_by(obj)
    elif isinstance(obj, types.MethodType):
        yield from (obj.__self__, obj.__func__)
    elif isinstance(obj, partial):
        yield from (obj.func, obj.args, obj.keywords)
    elif isinstance(obj, Mapping):
        yield from tuple(obj.values())
    elif isinstance(obj, list | tuple | set | frozenset | deque):
        yield from tuple(obj)
    elif isinstance(obj, property):
        yield obj.fget
    elif isinstance(obj, staticmethod | classmethod):
        yield obj.__func__
    else:
        yield from _attributes_of(obj)


def _read_by(function: types.FunctionType) -> Iterator[Any]:
    """Yield what a function reads from outside."""
    if _is_foreign(function.__module__):
        return
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # an empty cell
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    names = _names(function.__code__)
    space = function.__globals__
    for value in [space[name] for name in names if name in space]:
        yield value
        if isinstance(value, types.ModuleType) and not _is_foreign(value.__name__):
            members = vars(value)
            yield from [members[name] for name in names if name in members]


def _attributes_of(obj: Any) -> Iterator[Any]:
    if isinstance(obj, types.ModuleType | types.BuiltinFunctionType | np.ufunc):
        return
    classes = obj.__mro__ if isinstance(obj, type) else type(obj).__mro__
    own_classes = [c for c in classes if not _is_foreign(c.__module__)]
    if not own_classes:
        return
    if not isinstance(obj, type):
        yield from tuple(getattr(obj, "__dict__", {}).values())
    for c in own_classes:
        for name, member in tuple(vars(c).items()):
            if isinstance(member, types.MemberDescriptorType) and not isinstance(obj, type):
                yield getattr(obj, name, None)
            elif not name.startswith("__") or isinstance(member, types.FunctionType):
                yield member


@lru_cache(4096)
def _is_foreign(module: str | None) -> bool:
    """Whether a module is of the engine, NumPy or the standard library."""
    name = module or ""
    package = name.partition(".")[0]
    return package in FOREIGN or f"{name}.".startswith(f"{ENGINE}.")


@lru_cache(1024)
def _names(code: types.CodeType) -> tuple[str, ...]:
    """Return the globals and attributes that code names, with those of the code in it."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return tuple(dict.fromkeys([*code.co_names, *[name for c in inner for name in _names(c)]]))
