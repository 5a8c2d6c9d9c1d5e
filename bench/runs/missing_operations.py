"""Tell an operation that an engine lacks from an error of the workload."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from types import ModuleType
from typing import Any

from gradmeter.bench.engines import Adapter, CannotError
from gradmeter.bench.suggestions import similar
from gradmeter.bench.workloads import Chain, Workload


@contextmanager
def noted(engine: str, adapter: Adapter, workload: Workload) -> Iterator[None]:
    """Raise a CannotError where the block raises since the engine lacks an operation.

    Args:
        engine: its name.

    Raises:
        CannotError: it does; the message names the operation and the engine.
    """
    try:
        yield
    except Exception as error:
        reason = _reason(error, engine, adapter.operations, workload)
        if reason:
            raise CannotError(reason) from error
        raise


def _reason(error: BaseException, engine: str, operations: Any, workload: Workload) -> str:
    """Name the operation that an engine lacks; empty where the error is another one."""
    causes = list(_causes(error))
    for each in causes:
        if isinstance(each, AttributeError) and each.name and each.obj is operations:
            return f"{engine} has no operation {each.name}{_similar(each.name, operations)}"
        if not _is_in_function(each, workload):
            continue
        if isinstance(each, AttributeError) and each.name and _may_be_array(each.obj):
            return f"{engine} has no operation {each.name} of its {type(each.obj).__name__}"
        match = re.match(r"unsupported operand type\(s\) for ([^:]+): (.*)", str(each))
        if isinstance(each, TypeError) and match:
            return f"{engine} has no operation {match[1]} for {match[2]}"
    if any(isinstance(each, AttributeError) and each.obj is not None for each in causes):
        return ""
    # A compiler may raise an error of its own that only quotes the first one.
    match = re.search(r"no attribute '(\w+)'", str(error))
    if match and _uses(workload, match[1]) and not hasattr(operations, match[1]):
        return f"{engine} has no operation {match[1]}{_similar(match[1], operations)}"
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, and those that it was raised for."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _may_be_array(value: Any) -> bool:
    """Whether a value may be an engine's array: it is nothing of Python's own."""
    return not isinstance(value, ModuleType) and type(value).__module__ != "builtins"


def _function(workload: Workload) -> Any:
    function = workload.function
    return function.link if isinstance(function, Chain) else function


def _is_in_function(error: BaseException, workload: Workload) -> bool:
    """Whether the exception was raised in the file of the workload's function itself."""
    code = getattr(_function(workload), "__code__", None)
    *_, last = [None, *(frame.f_code for frame, _ in walk_tb(error.__traceback__))]
    return code is not None and last is not None and last.co_filename == code.co_filename


def _uses(workload: Workload, name: str) -> bool:
    """Whether the code of the workload's function has this name."""
    codes = [getattr(_function(workload), "__code__", None)]
    for code in codes:
        codes += [const for const in getattr(code, "co_consts", ()) if hasattr(const, "co_names")]
    return any(name in getattr(code, "co_names", ()) for code in codes)


def _similar(name: str, operations: Any) -> str:
    """Name the operations that are written alike."""
    names = similar(name, [n for n in dir(operations) if n[0] != "_"])
    return f" (it has {', '.join(names)})" if names else ""
