"""Check a workload before anything is measured: its inputs, its sizes, what its author derived."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gradmeter.bench.errors import UsageError
from gradmeter.bench.laws.expression import FormulaError
from gradmeter.bench.laws.names import parameters
from gradmeter.bench.loading import refusing
from gradmeter.bench.workloads.prediction import Prediction
from gradmeter.bench.workloads.workload import Array, Settings, Workload

_LARGEST = 8  # bytes of a float64


def check(workload: Workload, size: int) -> None:
    """Check a workload's attributes, and its inputs and exact gradients at a small size.

    Raises:
        UsageError: it does not take this size, or something of it is not as `Workload` says;
            the sentence says what, where and what would be right.
    """
    if not (callable(workload.function) and callable(workload.inputs)):
        raise _error(workload, "function and inputs must be functions")
    for name, least in {"estimate": 1, "iterations": 1, "least": 1}.items():
        value = getattr(workload, name)
        if not isinstance(value, int) or value < least:
            raise _error(workload, f"{name} is {value!r}; it must be a whole number above 0")
    if size < workload.least:
        raise UsageError(
            f"{workload.name} takes sizes of {workload.least:,} or more, and not {size:,}"
        )
    _inputs(workload, workload.small(size))


def predicted(workload: Workload, settings: Settings) -> Prediction | None:
    """Return a workload's predicted memory under an engine's settings; None where it has none.

    Raises:
        UsageError: the author's function raises, or returns something else.
    """
    if workload.predict is None:
        return None
    with _running(workload, "predict"):
        prediction: Any = workload.predict(settings)
    if prediction is not None and not isinstance(prediction, Prediction):
        raise _error(
            workload,
            f"predict returns a {type(prediction).__name__}; it must be a gradmeter.Prediction, "
            "or None where nothing is derived",
        )
    return prediction


def predicted_bytes(workload: Workload, settings: Settings, size: int) -> dict[str, int] | None:
    """Return a workload's predicted bytes at a size, by figure; None where it has no prediction.

    Raises:
        UsageError: as `predicted`, or a formula has no value there.
    """
    prediction = predicted(workload, settings)
    if prediction is None:
        return None
    try:
        return prediction.at(parameters(workload.name, size), size * item_bytes(workload))
    except FormulaError as error:
        raise _error(workload, f"predict returns a formula without a value: {error}") from None


@cache
def item_bytes(workload: Workload) -> int:
    """Return the bytes of an element of a workload's arrays: of its widest input with a gradient.

    Raises:
        UsageError: as `check`.
    """
    inputs = _inputs(workload, workload.small(max(_LARGEST, workload.least)))
    widths = [a.dtype.itemsize for name, a in inputs.items() if name not in workload.constants]
    return max(widths, default=_LARGEST)


@cache
def _inputs(workload: Workload, size: int) -> dict[str, Array]:
    """Make the inputs of a size, and check them and the exact gradients."""
    where = f"at size {size:,}"
    first, again = (_made(workload, size, where) for _ in range(2))
    unknown = sorted(workload.constants - first.keys())
    if unknown:
        raise _error(
            workload, f"there is no input {unknown[0]!r} for constants; there are {_list(first)}"
        )
    if workload.backward and not first.keys() - workload.constants:
        raise _error(
            workload, "every input is among constants, so there is no gradient; or backward=False"
        )
    for name, array in first.items():
        problem = _problem(array, name in workload.constants)
        if problem:
            raise _error(workload, f"its input {name!r} {where} {problem}")
        if not _same(array, again.get(name)):
            raise _error(
                workload,
                f"its input {name!r} is another at every call; draw it from the generator that "
                "inputs(size, generator) is given",
            )
    if workload.exact is not None:
        with _running(workload, f"exact {where}"):
            exact: Any = workload.exact(**first)
        _check_exact(workload, first, exact)
    return first


def _made(workload: Workload, size: int, where: str) -> dict[str, Array]:
    with _running(workload, f"inputs {where}", "least= says the smallest size that it takes"):
        made: Any = workload.inputs(size, np.random.default_rng([size, 0]))
    if not isinstance(made, dict) or not made or not all(isinstance(name, str) for name in made):
        raise _error(
            workload,
            f"inputs returns {_kind(made)} {where}; it must be a dictionary of arrays by name, "
            'such as {"x": generator.uniform(0, 1, size)}',
        )
    return made


def _problem(array: Any, constant: bool) -> str:
    """Say what is wrong with an input; empty where nothing is."""
    if type(array) is not np.ndarray:
        return f"is {_kind(array)}; it must be a numpy.ndarray"
    kinds, dtypes = ("f", "float64 (or float32, float16)")
    if constant:
        kinds, dtypes = "biuf", "float64, or another of numbers"
    if array.dtype.kind not in kinds or array.dtype.itemsize > _LARGEST:
        hint = "" if constant else ", or be named in constants"
        return f"has dtype {array.dtype}; it must be {dtypes}{hint}"
    if not array.size:
        return "has no elements; least= says the smallest size that it takes"
    return ""


def _check_exact(workload: Workload, inputs: Mapping[str, Array], exact: Any) -> None:
    expected = inputs.keys() - workload.constants
    if not isinstance(exact, dict) or not exact.keys() <= expected:
        shown = f"for {_list(exact)}" if isinstance(exact, dict) else _kind(exact)
        raise _error(
            workload,
            f"exact returns {shown}; it must be a dictionary of gradients for {_list(expected)}",
        )
    for name, gradient in exact.items():
        shape = getattr(gradient, "shape", None)
        if shape != inputs[name].shape:
            raise _error(
                workload,
                f"exact returns a gradient of shape {shape} for {name!r}; it must have the "
                f"input's, {inputs[name].shape}",
            )


def _same(a: Array, b: Any) -> bool:
    return type(b) is np.ndarray and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _list(names: Any) -> str:
    return ", ".join(sorted(map(repr, names))) or "no input"


def _where(workload: Workload) -> str:
    return f"the workload {workload.source or workload.name}"


def _error(workload: Workload, problem: str) -> UsageError:
    return UsageError(f"{_where(workload)}: {problem}")


@contextmanager
def _running(workload: Workload, what: str, remedy: str = "") -> Iterator[None]:
    """Run a function of the author's; refuse what it raises.

    Raises:
        UsageError: the block raised something.
    """
    path = Path(workload.source.rpartition(":")[0]) if workload.source else None
    with refusing(f"{_where(workload)}: {what} raises", path, remedy):
        yield


def returned(workload: Workload, run: Callable[[Callable[..., Any]], Any]) -> None:
    """Check that a workload's function returns an array, by running it with an engine.

    Args:
        run: calls the function with an engine's operations and inputs, and returns its result.

    Raises:
        UsageError: it ends the process, or returns what no engine's array is.
    """
    with _running(workload, "its function"):
        try:
            result = run(workload.function)
        except Exception:  # an engine may lack what it needs; a worker says so, of each engine
            return
    if isinstance(result, (bool, int, float, complex, str, tuple, list, dict, set, type(None))):
        raise _error(
            workload,
            f"its function returns {_kind(result)}; it must return one array, made from its inputs",
        )
