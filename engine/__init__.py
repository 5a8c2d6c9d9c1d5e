"""A define-by-run engine for automatic differentiation, in Python and NumPy."""

from engine.config import Config, Settings, no_grad, using_config
from engine.errors import (
    DataError,
    EngineError,
    GradientError,
    GraphError,
    ObserverError,
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

__all__ = [
    "Config",
    "DataError",
    "EngineError",
    "Function",
    "GradientError",
    "GraphError",
    "ObserverError",
    "SettingError",
    "Settings",
    "ShapeError",
    "Variable",
    "add",
    "as_array",
    "as_variable",
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
