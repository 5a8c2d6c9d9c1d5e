"""Python's own operations on a Variable, each with a value or with what to write."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from gradmeter.engine import DataError, Variable

DTYPES = [np.float64, np.float32, np.int64, np.bool_]
X = Variable(np.array([1.0, 2.0, 3.0]))
ONE = Variable(np.array(2.5))
FIVE = Variable(np.array([5]))


@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2)))
def test_truth_is_numpys(data):
    try:
        expected = bool(data)
    except ValueError:
        expected = None
    if data.size != 1:
        with pytest.raises(ValueError, match=r"truth value.*x\.data\.any\(\)"):
            bool(Variable(data))
    else:
        assert bool(Variable(data)) is expected


def test_a_zero_is_false_whatever_its_shape():
    for shape in ((), (1,), (1, 1)):
        assert not Variable(np.zeros(shape))
        assert Variable(np.ones(shape))
    with pytest.raises(DataError, match="data is None"):
        bool(Variable(None))


def test_variables_are_equal_and_keys_by_identity():
    other = Variable(X.data)
    assert X == X
    assert other != X
    assert not other == X  # noqa: SIM201
    assert hash(X) == hash(X)
    table = {X: "x", other: "other", 5: "number", None: "none"}
    assert (table[X], table[other], len(table)) == ("x", "other", 4)
    assert X in [other, X]
    assert [other, X].index(X) == 1
    assert X in {X, other}
    assert X not in [other, None, "x"]
    assert X != None  # noqa: E711
    keys = weakref.WeakKeyDictionary({X: 1, other: 2})
    assert (keys[X], keys[other]) == (1, 2)
    dying = Variable(np.ones(2))
    keys[dying] = 3
    del dying
    assert len(keys) == 2


@pytest.mark.parametrize("other", [2, 2.0, 2j, True, np.float64(2), X.data, [1.0], (1.0,)])
def test_a_comparison_with_values_is_refused_on_either_side(other):
    for compare in (operator.eq, operator.ne, operator.lt, operator.ge):
        for pair in ((X, other), (other, X)):
            with pytest.raises(TypeError, match=r"\.data"):
                compare(*pair)


REFUSED = [
    ("float", lambda: float(ONE)),
    ("int", lambda: int(ONE)),
    ("complex", lambda: complex(ONE)),
    ("float", lambda: math.exp(ONE)),
    ("indexing", lambda: X[0]),
    ("indexing", lambda: X[1:]),
    ("indexing", lambda: next(reversed(X))),
    ("assignment to elements", lambda: operator.setitem(X, 0, 1.0)),
    ("deletion of elements", lambda: operator.delitem(X, 0)),
    ("iteration", lambda: list(X)),
    ("iteration", lambda: max(X)),
    ("iteration", lambda: [(a, b) for a, b in [X]]),
    ("in", lambda: 1.0 in X),
    ("<", lambda: sorted([X, ONE])),
    ("<=", lambda: X <= ONE),
    (">", lambda: max(ONE, FIVE)),
    (">=", lambda: X >= 2),
    ("//", lambda: X // 2),
    ("//", lambda: 2 // X),
    ("%", lambda: X % ONE),
    ("divmod", lambda: divmod(X, 2)),
    ("divmod", lambda: divmod(2, X)),
    ("&", lambda: FIVE & 1),
    ("|", lambda: 1 | FIVE),
    ("^", lambda: FIVE ^ FIVE),
    ("<<", lambda: FIVE << 1),
    (">>", lambda: 1 >> FIVE),
    ("~", lambda: ~FIVE),
    ("unary +", lambda: +X),
    ("abs", lambda: abs(X)),
    ("round", lambda: round(ONE, 1)),
    ("round", lambda: round(ONE)),
    ("math.floor", lambda: math.floor(ONE)),
    ("math.ceil", lambda: math.ceil(ONE)),
    ("math.trunc", lambda: math.trunc(ONE)),
]


@pytest.mark.parametrize(("name", "use"), REFUSED)
def test_what_the_engine_has_not_is_refused_by_name_with_what_to_write(name, use):
    with pytest.raises(DataError, match=r".*\.data") as error:
        use()
    assert str(error.value).startswith(f"{name}: ")
    assert isinstance(error.value, TypeError)


@pytest.mark.parametrize(
    "use",
    [
        lambda: range(FIVE),
        lambda: [1, 2, 3][FIVE],
        lambda: memoryview(X),
        lambda: bytes(X),
        lambda: operator.index(FIVE),
        lambda: len(ONE),
        lambda: X.data.item(FIVE),
    ],
)
def test_a_variable_is_no_integer_and_no_buffer(use):
    with pytest.raises(TypeError):
        use()


def test_an_operand_of_another_type_may_take_the_operation():
    class Other:
        def __rmod__(self, other):
            return "mine"

        __gt__ = __rmod__

    assert X % Other() == "mine"
    assert (Other() > X) == "mine"
    with pytest.raises(TypeError, match="unsupported operand"):
        X // object()


def test_formats():
    assert f"{ONE:.2f} {ONE} {FIVE:03d}" == "2.50 variable(2.5) 005"
    assert f"{X}" == str(X)
    with pytest.raises(DataError, match=r"format '\.2f'.*\(3,\).*x\.data"):
        f"{X:.2f}"


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_are_other_variables(again):
    y = again(X)
    assert y is not X
    assert y != X
    assert y.data.tolist() == X.data.tolist()


@pytest.mark.parametrize("use", [lambda x: x + None, lambda x: None * x, lambda x: x**None])
def test_an_operand_that_is_none_is_named(use):
    with pytest.raises(DataError, match=r"input [01]: the operand is None; operands are"):
        use(X)


def test_a_variable_without_data_is_named():
    with pytest.raises(DataError, match="variable's data is None"):
        X + Variable(None)
