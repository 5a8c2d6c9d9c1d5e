"""A define-by-run engine for automatic differentiation, in Python and NumPy."""

from typing import TYPE_CHECKING, Any

from engine.checkpointing import checkpoint
from engine.config import Config, Settings, no_grad, using_config
from engine.errors import (
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
from engine.function import Function
from engine.operations import (
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
from engine.variable import Variable, as_array, as_variable

if TYPE_CHECKING:
    from engine.compiler import compile  # noqa: A004

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
    "log",
    "matmul",
    "maximum",
    "mul",
    "neg",
    "no_grad",
    "pow",
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
    from engine.compiler import compile  # noqa: A004

    globals()["compile"] = compile
    return compile
