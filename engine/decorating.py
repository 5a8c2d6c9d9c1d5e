"""Decorate a function with a context manager, also one whose body can be suspended.

The body of a generator or a coroutine runs after the call that made it has returned: it
is resumed inside of a generator or coroutine that holds the context manager open.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial, wraps
from types import AsyncGeneratorType, CoroutineType, GeneratorType, coroutine
from typing import Any

Manager = AbstractContextManager[Any]
Work = Callable[..., Any]


def decorate(manager: Manager, function: Any) -> Any:
    """Return ``function`` with each of its calls, and each resumption, under ``manager``.

    It stays a function of its kind, as ``inspect`` describes it.

    Args:
        manager: it can be entered any number of times.
        function: a function or callable object, a classmethod or staticmethod.

    Raises:
        TypeError: it is a class, or cannot be called.
    """
    if isinstance(function, classmethod | staticmethod):
        return type(function)(decorate(manager, function.__func__))
    if isinstance(function, type):
        raise TypeError(
            f"{manager!r} cannot decorate the class {function.__name__}; decorate its methods"
        )
    if not callable(function):
        raise TypeError(
            f"{manager!r} cannot decorate an object of type {type(function).__name__}, which "
            "cannot be called; decorate the function inside of it"
        )
    if _is(inspect.isasyncgenfunction, function):
        decorated = _async_generator_function(manager, function)
    elif _is(inspect.iscoroutinefunction, function):
        decorated = _async_function(manager, function)
    elif _is(inspect.isgeneratorfunction, function):
        code = getattr(_innermost(function), "__code__", None)
        decorated = _generator_function(manager, function, code)
    else:
        decorated = _plain_function(manager, function)
    return wraps(function)(decorated)


def _is(kind: Callable[[Any], bool], function: Any) -> bool:
    return kind(function) or kind(getattr(function, "__call__", None))  # noqa: B004


def _innermost(function: Any) -> Any:
    """Return the function behind partial objects and bound methods."""
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__func__", function)


def _plain_function(manager: Manager, function: Work) -> Work:
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with manager:
            result = function(*args, **kwargs)
        # Another decorator may hide what kind the function is of, but not what it returns.
        if isinstance(result, GeneratorType | CoroutineType | AsyncGeneratorType):
            return _under(manager, result)
        return result

    return decorated


def _generator_function(manager: Manager, function: Work, code: Any) -> Work:
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with manager:
            return (yield from function(*args, **kwargs))

    # What types.coroutine made of the one can be awaited, and so can the other.
    is_awaitable = code is not None and code.co_flags & inspect.CO_ITERABLE_COROUTINE
    return coroutine(decorated) if is_awaitable else decorated


def _async_function(manager: Manager, function: Work) -> Work:
    async def decorated(*args: Any, **kwargs: Any) -> Any:
        with manager:
            return await function(*args, **kwargs)

    return decorated


def _async_generator_function(manager: Manager, function: Work) -> Work:
    async def decorated(*args: Any, **kwargs: Any) -> Any:
        # An asynchronous generator has no `yield from`: this passes on what it is sent.
        with manager:
            generator = function(*args, **kwargs)
            try:
                resumption = generator.__anext__()
                while True:
                    try:
                        item = await resumption
                    except StopAsyncIteration:
                        return
                    try:
                        resumption = generator.asend((yield item))
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        resumption = generator.athrow(error)
            finally:
                await generator.aclose()

    return decorated


def _under(manager: Manager, suspended: Any) -> Any:
    """Return an object of the same kind that runs a new ``suspended`` under ``manager``."""
    if not _is_new(suspended):
        return suspended  # made by others, who resume it too
    if isinstance(suspended, GeneratorType):
        return _generator_function(manager, lambda: suspended, suspended.gi_code)()
    if isinstance(suspended, CoroutineType):
        return _async_function(manager, lambda: suspended)()
    return _async_generator_function(manager, lambda: suspended)()


def _is_new(suspended: Any) -> bool:
    """Whether the body of a generator or coroutine has not begun."""
    if isinstance(suspended, GeneratorType):
        return inspect.getgeneratorstate(suspended) == inspect.GEN_CREATED
    if isinstance(suspended, CoroutineType):
        return inspect.getcoroutinestate(suspended) == inspect.CORO_CREATED
    state = getattr(inspect, "getasyncgenstate", None)  # from Python 3.12 on
    if state is not None:
        return bool(state(suspended) == "AGEN_CREATED")
    frame = suspended.ag_frame
    return frame is not None and (
        dis.opname[frame.f_code.co_code[frame.f_lasti]] == "RETURN_GENERATOR"
    )
