"""Ambient state: what a function reads through calls that no key of a program can follow.

The clock, files, the interpreter's settings, frames and text that is run: a call of one of
these, while the function is recorded, is refused where the user's code makes it, also
through the standard library. What logging, warnings and imports read is theirs.
"""

from __future__ import annotations

import contextvars
import importlib
import os
import random
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from ..errors import RecordingError
from .refusing import ENGINE_FOLDER, NUMPY_FOLDER, SITE_PACKAGES, is_library_file, user_line

# Modules in C whose functions read or change what lies outside of the program; and of
# those, the functions that do not.
MODULES = frozenset(
    {"_io", "_locale", "_socket", "_thread", "gc", "io", "nt", "posix", "sys", "time", "winreg"}
)
HARMLESS = frozenset(
    {
        "RLock", "_is_owned", "_release_save", "acquire", "allocate_lock", "audit", "exc_info",
        "exception", "flush", "fspath", "get_ident", "getdefaultencoding", "getfilesystemencoding",
        "getrefcount", "getsizeof", "intern", "isatty", "locked", "release", "sleep",
        "text_encoding", "write", "writelines", "__enter__", "__exit__",
    }
)  # fmt: skip
BUILTINS = frozenset({"__import__", "eval", "exec", "globals", "input"})  # only directly
DIRECT = frozenset({*BUILTINS, "_getframe", "_getframemodulename"})
CLOCKS = frozenset({"now", "today", "utcnow"})
FILES = frozenset({"_io", "io", "posix", "nt"})
# Of the modules that read these for themselves: a function that logs is no different.
EXEMPT = frozenset({"importlib", "linecache", "logging", "tokenize", "traceback", "warnings"})
PYTHON_FUNCTIONS: dict[types.CodeType, str] = {
    f.__code__: name
    for name, f in {
        "np.geterr": np.geterr,
        "np.geterrcall": np.geterrcall,
        "np.get_printoptions": np.get_printoptions,
        "importlib.import_module": importlib.import_module,
        "random.getstate": random.Random.getstate,
    }.items()
    if hasattr(f, "__code__")
}
ENVIRONMENT = type(os.environ).__getitem__.__code__
CODE_NAMES = frozenset({code.co_name for code in (*PYTHON_FUNCTIONS, ENVIRONMENT)})
INSTEAD = "compute it outside of the compiled function, and pass it as an argument"


@contextmanager
def refusing_ambient_state(
    is_interruption: Callable[[Any], bool], package: str, environment_is_watched: bool
) -> Iterator[None]:
    """Raise RecordingError in the block where it reads ambient state, and again at its end.

    Args:
        is_interruption: whether a frame is of none of the block's code; see `interruptions`.
        package: the function's; the code of other installed packages is not watched.
        environment_is_watched: whether `os.environ` is part of the program's key.
    """
    errors: list[RecordingError] = []
    previous: Any = sys.getprofile()
    root = sys._getframe(2)  # the caller of contextlib's

    def watch(frame: Any, event: str, argument: Any) -> None:
        name: str | None = None
        if event == "c_call":
            if _is_engines(frame.f_code.co_filename):
                return  # as nearly all are
            name = _name_if_ambient(argument)
            caller = frame
        elif event == "call":
            code = frame.f_code
            if code.co_name not in CODE_NAMES:  # to hash a code takes longer
                return
            if code in PYTHON_FUNCTIONS:
                name = PYTHON_FUNCTIONS[code]
            elif code is ENVIRONMENT and not environment_is_watched:
                name = "os.environ"
            caller = frame.f_back
        if (
            name is not None
            and _is_users(caller, root, name, package)
            and not is_interruption(caller)
        ):
            error = RecordingError(
                f"{name} is read while the function runs ({user_line(caller)}), and a compiled "
                f"call would not read it again; {INSTEAD}"
            )
            errors.append(error)
            raise error

    # Before Python 3.12 a cProfile.Profile stands here, which only it can put back.
    is_profiler = hasattr(previous, "enable")
    if is_profiler:
        previous.disable()
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None if is_profiler else previous)
        if is_profiler:
            previous.enable()
    if errors:  # the function caught it
        raise errors[0]


@cache
def _is_engines(file: str) -> bool:
    return file.startswith(ENGINE_FOLDER)


def _name_if_ambient(function: Any) -> str | None:
    """Return the name of a function in C if what it reads is ambient."""
    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    if name in HARMLESS:
        return None
    if owner is None or isinstance(owner, types.ModuleType):
        module = str(getattr(function, "__module__", None) or "")
        if module == "builtins":
            return name if name in BUILTINS else None
        is_clock = module in ("_decimal", "decimal") and name == "setcontext"
        return f"{module.lstrip('_')}.{name}" if module in MODULES or is_clock else None
    kind = owner if isinstance(owner, type) else type(owner)
    if name in CLOCKS and kind.__module__ == "datetime":
        return f"{kind.__name__}.{name}"
    if kind is contextvars.Context or name == "__subclasses__":
        return f"{kind.__name__}.{name}"
    return f"{kind.__name__}.{name}" if kind.__module__ in ("_io", "_socket") else None


def _is_users(frame: Any, root: Any, name: str, own: str) -> bool:
    """Whether the user's code made a call, itself or through libraries."""
    is_file = name.partition(".")[0] in FILES
    is_direct = name.rpartition(".")[2] in DIRECT
    users: bool | None = None
    while frame is not None and frame is not root:
        file = frame.f_code.co_filename
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in EXEMPT and is_library_file(file):
            return frame.f_code in PYTHON_FUNCTIONS
        if users is None:
            if file.startswith(ENGINE_FOLDER):
                users = False
            elif file.startswith(NUMPY_FOLDER):
                users = None if is_file else False
            elif file.startswith(SITE_PACKAGES):
                users = package == own
            elif not is_library_file(file):
                users = True
            elif is_direct and package != "inspect":
                users = False
        frame = frame.f_back
    return bool(users)
