"""An operation that an engine lacks is told, by name, from an error of the workload."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gradmeter import engine
from gradmeter.bench.engines import Adapter, CannotError
from gradmeter.bench.runs import missing_operations
from gradmeter.bench.workloads import Chain, Workload, workload


class Tensor:
    """An array of an engine that can do nothing with it."""


class Bare(Adapter):
    operations = SimpleNamespace(square=lambda x: x, cosine=lambda x: x)


def outcome(function, adapter=None) -> str:
    """The message of what the function raises under the engine "mine"."""
    adapter = adapter or Bare()
    declared = function
    if not isinstance(function, Workload):
        declared = workload(lambda size, rng: {"x": np.ones(size)})(function)
    with (
        pytest.raises(Exception) as error,  # noqa: PT011
        missing_operations.noted("mine", adapter, declared),
    ):
        declared.function(adapter.operations, Tensor())
    return f"{error.type.__name__}: {error.value}"


def quoting(operations, x):
    message = ""
    try:
        operations.cosin(x)
    except AttributeError as error:
        message = str(error)
    raise RuntimeError(f"in user code: {message}")  # as a compiler does


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda operations, x: operations.cosin(x), "mine has no operation cosin (it has cosine)"),
        (lambda operations, x: operations.solve(x), "mine has no operation solve"),
        (quoting, "mine has no operation cosin (it has cosine)"),
        (lambda operations, x: x.reshape(3), "mine has no operation reshape of its Tensor"),
        (lambda operations, x: 1.5 - x, "mine has no operation - for 'float' and 'Tensor'"),
        (lambda operations, x: x @ x, "mine has no operation @ for 'Tensor' and 'Tensor'"),
        (Chain(lambda operations, x: operations.logit(x), 3), "mine has no operation logit"),
    ],
)
def test_an_operation_that_is_not_there_is_named_with_the_engine(function, expected):
    assert outcome(function) == f"CannotError: {expected}"


def test_a_module_lacks_operations_as_any_namespace():
    adapter = Bare()
    adapter.operations = engine
    assert "mine has no operation cos" in outcome(lambda o, x: o.cos(x), adapter)


@pytest.mark.parametrize(
    "function",
    [
        lambda operations, x: operations.square(),
        lambda operations, x: {}["x"],
        lambda operations, x: int("x"),
        lambda operations, x: {}.no_such_function(x),
        lambda operations, x: np.linalg.no_such_function(x),
    ],
)
def test_an_error_of_the_workload_stays_what_it_is(function):
    assert not outcome(function).startswith("CannotError")


def test_an_error_inside_of_an_operation_is_no_missing_operation():
    adapter = Bare()
    adapter.operations = SimpleNamespace(square=eval("lambda x: x.nothing"))  # another file's code
    assert outcome(lambda operations, x: operations.square(x), adapter).startswith("AttributeError")


def test_what_an_adapter_says_that_it_cannot_is_passed_on():
    def function(operations, x):
        raise CannotError("it is tired")

    assert outcome(function) == "CannotError: it is tired"
