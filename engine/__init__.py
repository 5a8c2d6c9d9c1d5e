"""A define-by-run engine for automatic differentiation, in Python and NumPy."""

import sys
from importlib import import_module
from os.path import samefile
from typing import TYPE_CHECKING, Any

from . import numpy_protocols  # noqa: F401 (what NumPy does with a Variable)
from .checkpointing import checkpoint
from .config import Config, no_grad, using_config
from .errors import (
    CompilerError,
    DataError,
    EngineError,
    GradientError,
    GraphError,
    ObserverError,
    RecordingError,
    SettingError,
    ShapeError,
)
from .freed_memory import keep_freed_memory, release_freed_memory, return_freed_memory
from .function import Function
from .operations import (
    add,
    div,
    exp,
    log,
    matmul,
    maximum,
    mul,
    neg,
    pow,  # noqa: A004
    square,
    sub,
    sum,  # noqa: A004
    tanh,
)
from .settings import Settings
from .variable import Variable, as_array, as_variable

if TYPE_CHECKING:
    from .compiler import compile  # noqa: A004

__all__ = [
    "CompilerError",
    "Config",
    "DataError",
    "EngineError",
    "Function",
    "GradientError",
    "GraphError",
    "ObserverError",
    "RecordingError",
    "SettingError",
    "Settings",
    "ShapeError",
    "Variable",
    "add",
    "as_array",
    "as_variable",
    "checkpoint",
    "compile",
    "div",
    "exp",
    "keep_freed_memory",
    "log",
    "matmul",
    "maximum",
    "mul",
    "neg",
    "no_grad",
    "pow",
    "release_freed_memory",
    "return_freed_memory",
    "square",
    "sub",
    "sum",
    "tanh",
    "using_config",
]


def __getattr__(name: str) -> Any:
    """Import the compiler at its first use: most programs run as they are defined."""
    if name != "compile":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .compiler import compile  # noqa: A004

    globals()["compile"] = compile
    return compile


def _unify_names() -> None:
    """Make ``import engine``, from the top of a checkout, the package ``gradmeter.engine``.

    Two copies would refuse each other's variables, and an observer of one would miss the
    operations of the other.
    """
    package = import_module("gradmeter.engine")
    if samefile(package.__path__[0], __path__[0]):
        for name in [name for name in sys.modules if f"{name}.".startswith("engine.")]:
            sys.modules[name] = import_module(f"gradmeter.{name}")


if __name__ == "engine":
    _unify_names()
