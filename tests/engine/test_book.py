"""The results that the book prints."""

import math

import numpy as np
import pytest

from gradmeter.engine import Variable, add, exp, square, using_config


def grads_of(*variables):
    return [None if v.grad is None else v.grad.tolist() for v in variables]


def test_the_chain_of_three_functions():
    x = Variable(np.array(0.5))
    y = square(exp(square(x)))
    y.backward()
    assert y.data == pytest.approx(1.648721270700128)
    assert x.grad == pytest.approx(3.297442541400256)


def test_the_sum_of_two_squares():
    x, y = Variable(np.array(2.0)), Variable(np.array(3.0))
    z = add(square(x), square(y))
    z.backward()
    assert z.data == 13.0
    assert grads_of(x, y) == [4.0, 6.0]


def test_the_same_variable_is_used_repeatedly_and_its_gradient_cleared():
    x = Variable(np.array(3.0))
    add(x, x).backward()
    assert x.grad == 2.0
    x.cleargrad()
    assert x.grad is None
    add(add(x, x), x).backward()
    assert x.grad == 3.0


def test_without_cleargrad_gradients_add_up():
    x = Variable(np.array(3.0))
    add(x, x).backward()
    add(add(x, x), x).backward()
    assert x.grad == 5.0


def test_the_diamond():
    x = Variable(np.array(2.0))
    a = square(x)
    y = add(square(a), square(a))
    y.backward()
    assert y.data == 32.0
    assert x.grad == 64.0


@pytest.mark.parametrize("retain", [False, True, None])
def test_intermediate_gradients_are_dropped_unless_retained(retain):
    x0, x1 = Variable(np.array(1.0)), Variable(np.array(1.0))
    t = add(x0, x1)
    y = add(x0, t)
    y.backward() if retain is None else y.backward(retain_grad=retain)
    assert grads_of(y, t) == ([1.0, 1.0] if retain else [None, None])
    assert grads_of(x0, x1) == [2.0, 1.0]


def test_the_argument_of_backward_wins_over_the_setting():
    for setting, argument, kept in [
        (True, None, True),
        (True, False, False),
        (False, None, False),
        (False, True, True),
    ]:
        x = Variable(np.array(1.0))
        t = x * 2.0
        y = t * 3.0
        with using_config("retain_grad", setting):
            y.backward(argument)
        assert grads_of(x, t, y) == ([6.0, 3.0, 1.0] if kept else [6.0, None, None])


def test_a_product_and_a_sum():
    a, b, c = (Variable(np.array(value)) for value in (3.0, 2.0, 1.0))
    y = a * b + c
    y.backward()
    assert repr(y) == "variable(7.0)"
    assert grads_of(a, b, c) == [2.0, 3.0, 1.0]


def test_a_sum_squared():
    x = Variable(np.array(1.0))
    y = (x + 3) ** 2
    y.backward()
    assert repr(y) == "variable(16.0)"
    assert x.grad == 8.0


def test_sphere():
    x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
    z = x**2 + y**2
    z.backward()
    assert grads_of(x, y) == [2.0, 2.0]


def test_matyas():
    x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
    z = 0.26 * (x**2 + y**2) - 0.48 * x * y
    z.backward()
    assert grads_of(x, y) == [pytest.approx(0.04), pytest.approx(0.04)]


def test_goldstein_price():
    x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
    z = (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
        30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    )
    z.backward()
    assert grads_of(x, y) == [-5376.0, 8064.0]


def test_three_squares_over_a_large_array_of_ones():
    x = Variable(np.ones((100, 100, 100)))
    y = square(square(square(x)))
    y.backward()
    assert x.grad.shape == (100, 100, 100)
    assert (x.grad == 8.0).all()


def test_newtons_method_assigns_data_in_place():
    x = Variable(np.array(2.0))
    for _ in range(10):
        y = x**4 - 2 * x**2
        x.cleargrad()
        y.backward()
        x.data -= x.grad / (12 * x.data**2 - 4)
    assert x.data == pytest.approx(1.0)


def test_the_sine_by_its_taylor_series():
    x = Variable(np.array(np.pi / 4))
    y = 0
    for i in range(10):
        y = y + (-1) ** i / math.factorial(2 * i + 1) * x ** (2 * i + 1)
    y.backward()
    assert y.data == pytest.approx(np.sin(np.pi / 4), rel=1e-12)
    assert x.grad == pytest.approx(np.cos(np.pi / 4), rel=1e-12)
