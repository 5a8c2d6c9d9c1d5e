"""Powers where they are delicate: zero, negative bases, integers, variable exponents."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Variable

from ..thorough import examples

INTEGERS = [np.int8, np.int32, np.int64]
BASES = [-3.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0]
EXPONENTS = {  # how an exponent may be written
    "a float": float,
    "an integer": int,
    "a NumPy float": np.float64,
    "a NumPy integer": np.int64,
    "a 0-d array": np.array,
    "a 0-d integer array": lambda c: np.array(int(c)),
    "an array": lambda c: np.full(2, c),
    "an integer array": lambda c: np.full(2, int(c)),
    "a variable": lambda c: Variable(np.array(c)),
}


def power(base, exponent):
    """base ** exponent and its gradients by both, none of which may warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = base**exponent
        y.backward()
    return y.data


def slope(base, exponent):
    """The derivative of base ** exponent by base, where it exists."""
    return 0.0 if exponent == 0 else float(exponent) * float(base) ** (float(exponent) - 1)


@pytest.mark.parametrize("form", [f for f in EXPONENTS if f != "a variable"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(bases=st.lists(st.sampled_from(BASES), min_size=2, max_size=2), exponent=st.integers(0, 4))
@settings(deadline=None, max_examples=examples(40))
def test_whole_powers_of_any_base(form, dtype, bases, exponent):
    x = Variable(np.array(bases, dtype))
    value = power(x, EXPONENTS[form](float(exponent)))
    np.testing.assert_allclose(value, [b**exponent for b in bases], 1e-6)
    np.testing.assert_allclose(x.grad, [slope(b, exponent) for b in bases], 1e-6)
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("form", [f for f in EXPONENTS if f != "a variable"])
@given(
    bases=st.lists(st.sampled_from([b for b in BASES if b]), min_size=2, max_size=2),
    exponent=st.integers(-3, -1),
)
@settings(deadline=None, max_examples=examples(40))
def test_negative_whole_powers_of_any_base_but_zero(form, bases, exponent):
    x = Variable(np.array(bases))
    value = power(x, EXPONENTS[form](float(exponent)))
    np.testing.assert_allclose(value, [b**exponent for b in bases], 1e-12)
    np.testing.assert_allclose(x.grad, [slope(b, exponent) for b in bases], 1e-12)


@pytest.mark.parametrize("form", EXPONENTS)
@given(
    bases=st.lists(st.sampled_from([b for b in BASES if b > 0]), min_size=2, max_size=2),
    exponent=st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]),
)
@settings(deadline=None, max_examples=examples(40))
def test_powers_of_integers_are_those_of_the_same_floats(form, bases, exponent):
    bases = [max(1, int(b)) for b in bases]
    for dtype in INTEGERS:
        x = Variable(np.array(bases, dtype))
        value = power(x, EXPONENTS[form](exponent))
        np.testing.assert_allclose(value, [float(b) ** exponent for b in bases], 1e-12)
        np.testing.assert_allclose(x.grad, [slope(b, exponent) for b in bases], 1e-12)
        assert x.grad.dtype == np.float64


@given(
    base=st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0]),
    exponents=st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.5, 1.0, 3.0]), min_size=2, max_size=2),
    dtype=st.sampled_from([np.float64, np.float32]),
)
@settings(deadline=None, max_examples=examples(60))
def test_an_exponential_of_any_positive_base(base, exponents, dtype):
    expected = np.power(base, np.array(exponents))
    for form in (float, np.float32, np.array, lambda b: Variable(np.array(b, dtype))):
        x = Variable(np.array(exponents, dtype))
        value = power(form(base), x)
        np.testing.assert_allclose(value, expected, 1e-6)
        np.testing.assert_allclose(x.grad, expected * np.log(base), 1e-5, 1e-7)
        assert x.grad.dtype == dtype


def test_an_exponential_of_an_integer_base_and_integer_exponents():
    for exponents in ([1, 2, 3], [-1, 0, 2]):
        x = Variable(np.array(exponents))
        value = power(2, x)
        assert value.tolist() == [2.0**c for c in exponents]
        np.testing.assert_allclose(x.grad, np.log(2) * 2.0 ** np.array(exponents), 1e-12)


@pytest.mark.parametrize("form", EXPONENTS)
def test_the_zeroth_power_has_slope_zero_everywhere(form):
    x = Variable(np.array([0.0, 2.0]))
    if form == "a variable":
        x = Variable(np.array([1.0, 2.0]))  # log(0) has no value for the exponent's gradient
    assert power(x, EXPONENTS[form](0.0)).tolist() == [1.0, 1.0]
    assert x.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
def test_the_zeroth_power_at_zero_for_every_dtype(dtype):
    x = Variable(np.array([0, 1], dtype))
    assert power(x, 0).tolist() == [1.0, 1.0]
    assert x.grad.tolist() == [0.0, 0.0]
    assert x.grad.dtype == (dtype if dtype is np.float32 else np.float64)


@pytest.mark.parametrize("form", EXPONENTS)
def test_zero_to_a_positive_power_depends_on_neither(form):
    x, exponent = Variable(np.array([0.0, 0.0])), EXPONENTS[form](2.0)
    assert power(x, exponent).tolist() == [0.0, 0.0]
    assert x.grad.tolist() == [0.0, 0.0]
    if isinstance(exponent, Variable):
        assert exponent.grad == 0.0


@pytest.mark.parametrize("zero", [0, 0.0, False, np.float64(0), np.array(0.0), np.zeros(2)])
def test_zero_to_positive_variable_powers_has_slope_zero(zero):
    x = Variable(np.array([0.5, 2.0]))
    assert power(zero, x).tolist() == [0.0, 0.0]
    assert x.grad.tolist() == [0.0, 0.0]


def test_mixed_exponents_at_zero_and_below():
    x, c = Variable(np.array([0.0, 0.0, 0.0, -2.0, -2.0])), np.array([0.0, 1.0, 2.0, 3.0, -1.0])
    assert power(x, c).tolist() == [1.0, 0.0, 0.0, -8.0, -0.5]
    assert x.grad.tolist() == [0.0, 1.0, 0.0, 12.0, -0.25]


def test_a_product_to_a_power_where_both_vary():
    x, y = Variable(np.array([0.5, 2.0])), Variable(np.array([[1.0], [3.0]]))
    value = power(x, y)
    np.testing.assert_allclose(value, [[0.5, 2.0], [0.125, 8.0]])
    np.testing.assert_allclose(x.grad, [1 + 3 * 0.25, 1 + 3 * 4])
    np.testing.assert_allclose(y.grad, (value * np.log(x.data)).sum(axis=1, keepdims=True))


def test_a_variable_to_the_power_of_itself():
    x = Variable(np.array([1.0, 2.0]))
    power(x, x)
    np.testing.assert_allclose(x.grad, [1.0, 4 * (np.log(2) + 1)])


def test_the_exponents_gradient_does_not_exist_for_a_negative_base():
    x, c = Variable(np.array([-2.0])), Variable(np.array([2.0]))
    y = x**c
    with np.errstate(invalid="ignore"):
        y.backward()
    assert x.grad.tolist() == [-4.0]
    assert np.isnan(c.grad).all()


@pytest.mark.parametrize("base", [10**30, 10.0**30, np.float64(1e30), True])
def test_a_base_that_is_a_number_of_any_size(base):
    x = Variable(np.array([1.0, 2.0]))
    value = power(base, x)
    np.testing.assert_allclose(value, [float(base), float(base) ** 2])
    np.testing.assert_allclose(x.grad, value * np.log(float(base)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64])
def test_unsigned_integers_have_negative_powers_too(dtype):
    x = Variable(np.array([1, 2], dtype))
    value = power(x, -1)
    assert value.tolist() == [1.0, 0.5]
    assert x.grad.tolist() == [-1.0, -0.25]


def test_an_exponent_that_the_dtype_does_not_hold_is_an_error_as_in_numpy():
    x = Variable(np.array([1, 2], np.uint8))
    with pytest.raises(ValueError, match=r"pow.*uint8.*\(2,\).*300"):
        x**300


def test_a_power_of_constants_is_a_constant():
    y = engine.pow(2, -1)
    assert y.data == 0.5
    assert y.creator is None


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5])
def test_powers_of_0d_and_empty_arrays(shape, exponent):
    for dtype in (np.float32, np.float64, np.int64):
        x = Variable(np.full(shape, 4, dtype))
        power(x, exponent)
        assert type(x.grad) is np.ndarray
        assert x.grad.shape == shape
        np.testing.assert_allclose(x.grad, np.full(shape, slope(4, exponent)))


def test_an_infinite_slope_is_infinite_and_warned_of():
    x = Variable(np.array([0.0]))
    y = x**0.5
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        y.backward()
    assert x.grad.tolist() == [np.inf]
