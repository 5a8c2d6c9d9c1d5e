"""The code of functions: what runs when they are called, and the lines that it has."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cached_property, partial
from types import CodeType, FunctionType
from typing import Any


def codes_of(chosen: object) -> list[CodeType]:
    """The code of a function, a method, a property or all functions of a class, nested code too.

    Of a decorated function, it is the one that ``__wrapped__`` leads to. Empty for what is not
    written in Python.
    """
    found: dict[CodeType, None] = {}
    for function in _functions(chosen):
        for code in _nested(function.__code__):
            found[code] = None
    return list(found)


def name_of(function: object) -> str:
    """A function's name for a report: "Layer.forward"."""
    if isinstance(function, partial):
        return name_of(function.func)
    name = getattr(function, "__qualname__", getattr(function, "__name__", None))
    return name if isinstance(name, str) else type(function).__qualname__


def _functions(chosen: Any) -> Iterator[FunctionType]:
    if isinstance(chosen, type):
        for attribute in vars(chosen).values():
            if not isinstance(attribute, type):
                yield from _functions(attribute)
    elif isinstance(chosen, property):
        for accessor in (chosen.fget, chosen.fset, chosen.fdel):
            yield from _functions(accessor)
    elif isinstance(chosen, partial | cached_property):
        yield from _functions(chosen.func)
    else:
        chosen = getattr(chosen, "__func__", chosen)
        try:
            function = inspect.unwrap(chosen)
        except (ValueError, AttributeError, TypeError):  # it goes round, or is no function
            return
        function = getattr(function, "__func__", function)
        if isinstance(function, FunctionType):
            yield function


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def lines_of(code: CodeType) -> set[int]:
    """The numbers of the lines that run in code; its ``def`` runs outside of it."""
    numbers = {number for _, _, number in code.co_lines() if number}
    return numbers - {code.co_firstlineno} or numbers
