"""What a Variable looks like, and what may become one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradmeter.engine import Variable, as_array, as_variable

from ..thorough import examples

DTYPES = [np.float64, np.float32, np.int64, np.bool_]


@given(
    data=hnp.arrays(
        st.sampled_from(DTYPES),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    )
)
@settings(deadline=None, max_examples=examples(60))
def test_a_variable_describes_its_data(data):
    x = Variable(data, "x")
    assert (x.shape, x.ndim, x.size, x.dtype) == (data.shape, data.ndim, data.size, data.dtype)
    assert x.data is data
    assert x.name == "x"
    assert x.creator is x.grad is None
    assert x.generation == 0
    first, *others = repr(x).split("\n")
    assert first.startswith("variable(")
    assert all(line.startswith(" " * 9) for line in others if line)
    text = "\n".join([first[9:], *(line[9:] for line in others)])
    assert text == str(data) + ")"
    if data.ndim:
        assert len(x) == len(data)
    else:
        with pytest.raises(TypeError):
            len(x)


def test_a_variable_prints_as_in_the_book():
    assert repr(Variable(np.array([1, 2, 3]))) == "variable([1 2 3])"
    assert repr(Variable(None)) == "variable(None)"
    matrix = np.array([[1, 2, 3], [4, 5, 6]])
    assert repr(Variable(matrix)) == "variable([[1 2 3]\n          [4 5 6]])"
    assert len(Variable(matrix)) == 2
    assert Variable(matrix).name is None


def test_a_number_is_refused_with_a_word_on_what_is_right():
    for number in (2.0, 2, True, np.float64(2.0)):
        with pytest.raises(TypeError, match=r"np\.array|as_array"):
            Variable(number)


def test_as_array_makes_arrays_of_numbers_and_leaves_arrays_alone():
    array = np.arange(3.0)
    assert as_array(array) is array
    for number in (2.0, 2, True, np.float32(2.0), np.int64(2)):
        made = as_array(number)
        assert type(made) is np.ndarray
        assert made.shape == ()
        assert made == number
    assert as_array(np.float32(2.0)).dtype == np.float32


def test_as_variable_leaves_variables_alone_and_wraps_the_rest():
    x = Variable(np.arange(3.0))
    assert as_variable(x) is x
    assert as_variable(x.data).data is x.data
    assert repr(as_variable(2.0)) == "variable(2.0)"
