"""The recorded graph: generations, walking back, and switching it off."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.engine import Config, Variable, exp, no_grad, square, using_config

from ..thorough import examples


@given(steps=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
@settings(deadline=None, max_examples=examples(60))
def test_a_generation_is_the_longest_way_to_a_leaf(steps):
    variables = [Variable(np.array(1.0)), Variable(np.array(2.0))]
    longest = [0, 0]
    for i, j in steps:
        i, j = i % len(variables), j % len(variables)
        variables.append(variables[i] + variables[j])
        longest.append(1 + max(longest[i], longest[j]))
    assert [v.generation for v in variables] == longest
    for v, depth in zip(variables[2:], longest[2:], strict=True):
        assert v.creator.generation == depth - 1


def test_the_graph_is_walked_back_from_the_result():
    x = Variable(np.array(0.5))
    y = square(exp(square(x)))  # nobody holds the variables between
    c = y.creator
    b = c.inputs[0].creator
    a = b.inputs[0].creator
    assert [type(f).__name__ for f in (a, b, c)] == ["Square", "Exp", "Square"]
    assert a.inputs[0] is x
    assert c.outputs[0]() is y
    assert a.inputs[0].creator is None
    between = c.inputs[0]
    assert between is c.inputs[0] is b.outputs[0]()


def test_a_walked_variable_that_is_held_keeps_its_identity():
    x = Variable(np.array(2.0))
    t = x * 3.0
    y = t * 2.0
    assert y.creator.inputs[0] is t
    assert y.creator.inputs[0].creator.inputs[0] is x


def test_retained_gradients_are_read_by_walking_the_graph():
    x = Variable(np.array(2.0))
    y = square(square(x))
    y.backward(retain_grad=True)
    assert y.creator.inputs[0].grad == 8.0
    assert y.creator.inputs[0].creator.inputs[0] is x


def test_nothing_is_recorded_while_backpropagation_is_off():
    x = Variable(np.array(2.0))
    with no_grad():
        inside = x * 2.0
    with using_config("enable_backprop", False):
        also_inside = square(x)
    assert inside.creator is also_inside.creator is None
    assert inside.generation == also_inside.generation == 0
    assert Config.enable_backprop is True
    assert (x * 2.0).creator is not None


def test_backpropagation_is_switched_by_assignment_as_in_the_book():
    x = Variable(np.array(2.0))
    Config.enable_backprop = False
    try:
        assert square(x).creator is None
    finally:
        Config.enable_backprop = True
    y = square(x)
    y.backward()
    assert x.grad == 4.0


def test_no_grad_ends_with_an_error_too():
    def fail():
        with no_grad():
            assert Config.enable_backprop is False
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert Config.enable_backprop is True


def test_a_result_without_a_graph_serves_as_a_leaf():
    x = Variable(np.array(2.0))
    with no_grad():
        t = x * 3.0
    (t * t).backward()
    assert t.grad == 12.0
    assert x.grad is None


def test_a_sweep_does_not_care_whether_recording_is_on():
    x = Variable(np.array(3.0))
    y = square(x) * x
    with no_grad():
        y.backward(retain_grad=True)
    assert x.grad == 27.0
    assert y.creator.inputs[0].grad == 3.0


def test_a_graph_outlives_the_names_of_its_leaves():
    x = Variable(np.array(3.0))
    y = square(x)
    leaf_of = y.creator
    del x
    y.backward()
    assert leaf_of.inputs[0].grad == 6.0
