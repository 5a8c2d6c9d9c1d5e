"""What a workload's author may get wrong is refused before anything is measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.cases import plan
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.errors import UsageError
from gradmeter.bench.workloads import Prediction, Workload, workload


def uniform(size, generator):
    return {"x": generator.uniform(0.5, 1.5, size)}


def squared(operations, x):
    return operations.square(x)


def declared(inputs=uniform, function=squared, **more) -> Workload:
    return workload(inputs, name="it", **more)(function)


def refused(workload: Workload, size: int = 100) -> str:
    with pytest.raises(UsageError) as error:
        plan.check(workload, size)
    message = str(error.value)
    assert message.startswith(("the workload it: ", "it takes"))
    return message


def test_a_workload_that_is_right_passes_at_any_size():
    for size in (1, 7, 8, 9, 1_000_000):
        plan.check(declared(exact=lambda x: {"x": 2 * x}), size)


def exits(*_):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (lambda size, rng: None, "returns nothing at size 8; it must be a dictionary of arrays"),
        (lambda size, rng: rng.uniform(0, 1, size), "returns a ndarray"),
        (lambda size, rng: {}, "returns a dict"),
        (lambda size, rng: {1: np.ones(size)}, "returns a dict"),
        (lambda size, rng: {"x": [1.0] * size}, "'x' at size 8 is a list; it must be a numpy"),
        (lambda size, rng: {"x": np.ma.ones(size)}, "'x' at size 8 is a MaskedArray"),
        (lambda size, rng: {"x": np.ones(size, int)}, "dtype int64; it must be float64"),
        (lambda size, rng: {"x": np.ones(size, complex)}, "dtype complex128"),
        (lambda size, rng: {"x": np.ones(size, object)}, "dtype object"),
        (lambda size, rng: {"x": np.ones(size, np.longdouble)}, "dtype float128"),
        (lambda size, rng: {"x": np.ones(size // 100)}, "no elements; least= says"),
        (lambda size, rng: {"x": np.random.rand(size)}, "another at every call"),
        (lambda size: {"x": np.ones(size)}, "inputs at size 8 raises: TypeError"),
        (lambda size, rng: {"x": np.ones((size // 100, 1)) / 0 * [][0]}, "IndexError"),
        (exits, "raises: SystemExit: 3; least= says"),
    ],
)
def test_inputs_that_are_no_arrays_are_refused(inputs, expected):
    assert expected in refused(declared(inputs))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda operations, x: None, "returns nothing; it must return one array"),
        (lambda operations, x: (x, x), "returns a tuple"),
        (lambda operations, x: 3.0, "returns a float"),
        (exits, "its function raises: SystemExit"),
    ],
)
def test_a_function_that_returns_no_array_is_refused(function, expected):
    assert expected in refused(declared(function=function))


def test_what_an_engine_lacks_is_no_fault_of_the_workload():
    plan.check(declared(function=lambda operations, x: operations.cos(x)), 8)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"constants": {"t"}}, "no input 't' for constants; there are 'x'"),
        ({"constants": {"x"}}, "every input is among constants"),
        ({"exact": lambda x: x}, "exact returns a ndarray"),
        ({"exact": lambda x: {"y": x}}, "exact returns for 'y'; it must be"),
        ({"exact": lambda x: {"x": x.sum()}}, "shape () for 'x'; it must have the input's, (8,)"),
        ({"exact": lambda y: {"x": y}}, "exact at size 8 raises: TypeError"),
        ({"estimate": 0}, "estimate is 0"),
        ({"iterations": 1.5}, "iterations is 1.5"),
        ({"least": -1}, "least is -1"),
        ({"least": 1000}, "it takes sizes of 1,000 or more, and not 100"),
    ],
)
def test_what_else_an_author_says_is_checked(more, expected):
    assert expected in refused(declared(**more))


def test_a_least_size_is_that_of_the_runs_that_warm_up():
    hundreds = declared(lambda size, rng: {"x": rng.uniform(0, 1, (size // 100, 100))}, least=100)
    plan.check(hundreds, 200)
    assert hundreds.small(1000) == 100
    assert hundreds.small(100) == 100


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_what_warms_up_is_no_larger_than_the_case_and_no_smaller_than_the_least(size, least):
    small = declared(least=least).small(size)
    assert small <= size
    assert small >= min(size, least)
    assert small <= max(8, least)


def case(workload: Workload, variant: str = "engine"):
    parsed = parse(variant)
    return plan.new_case(plan.Group(workload, 100, (parsed,)), parsed, "on")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_array_is_as_large_as_its_dtype_says(dtype):
    narrow = declared(
        lambda size, rng: {"x": np.ones(size, dtype), "i": np.arange(size)}, constants={"i"}
    )
    assert case(narrow).array_bytes == 100 * np.dtype(dtype).itemsize


def test_a_prediction_is_of_the_engine_that_it_says():
    own = declared(predict=lambda settings: Prediction(2, 3, 1, 0))
    assert case(own).predicted.peak == 2400
    assert case(own, "autograd").predicted is None
    other = declared(predict=lambda settings: Prediction(2, 3, 1, 0), predicted_engine="autograd")
    assert case(other).predicted is None
    assert case(other, "autograd").predicted.peak == 2400


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_numbers_of_arrays_and_formulas_are_the_same_prediction(forward, backward, held, scalars):
    numbers = Prediction(forward, backward, held, 0, scalars)
    formulas = Prediction(
        f"{forward} arrays + {scalars} B", f"{backward} arrays", f"8 N {held}", "0"
    )
    expected = numbers.at({"N": 100}, 800)
    assert expected == formulas.at({"N": 100}, 800)
    assert expected["peak"] == max(800 * forward + scalars, 800 * backward)


@pytest.mark.parametrize(
    ("predict", "expected"),
    [
        (lambda settings: 3, "predict returns a int; it must be a gradmeter.Prediction"),
        (lambda settings: settings["no"], "predict raises: KeyError: 'no'"),
        (lambda settings: Prediction(2.5, 3, 1, 0), "forward is 2.5; it must be a whole number of"),
        (lambda settings: Prediction(2, -1, 1, 0), "backward is -1; it must be a whole number of"),
        (lambda settings: Prediction("2 arays", 3, 1, 0), "'arays' is none of N, n, arrays and"),
        (lambda settings: Prediction(2, "3 (n", 1, 0), "does not parse at the end"),
        (lambda settings: Prediction(2, "n arrays", 1, 0), "without a value: .*'n' is none of: N"),
        (lambda settings: Prediction(2, 3, "N/3", 0), "held is 'N/3', which is 33.3333 bytes at N"),
        (lambda settings: Prediction(2, 3, "8 - N", 0), "held is '8 - N', which is -92 bytes at N"),
    ],
)
def test_a_prediction_that_is_none_is_refused(predict, expected):
    with pytest.raises(UsageError, match=expected):
        case(declared(predict=predict))
