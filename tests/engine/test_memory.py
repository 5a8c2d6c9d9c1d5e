"""What a chain of operations costs in array bytes: its peak, exact, counted by the oracle.

"Arrays" are bytes of array data divided by those of the input. What is not a whole array
is 0-d, 8 bytes each and at most two at once: an array that NumPy makes of a Python number
while a ufunc runs. (The seed is a broadcast one of no size, which lives as long as the
process, so it is made before counting.)
"""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Variable, no_grad

from ..thorough import examples

SIZE = 1_000_000
BYTES = 8 * SIZE
NUMBERS = (0, 8, 16)


@pytest.fixture(scope="module", autouse=True)
def seed_exists():
    engine.neg(ones(2)).backward()


@pytest.fixture(autouse=True)
def collector_off():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def arrays(size_in_bytes: int, each: int = BYTES) -> int:
    """Whole arrays in a number of bytes, of which the rest must be a few numbers."""
    whole, rest = divmod(size_in_bytes, each)
    assert rest in NUMBERS
    return whole


def ones(size: int = SIZE) -> Variable:
    return Variable(np.ones(size))


CHAINS = {
    "squares": (engine.square, lambda n: n + 1),
    "y + c": (lambda y: y + 1.5, lambda n: 3),
    "y * c": (lambda y: y * 1.5, lambda n: 3),
    "y * y": (lambda y: y * y, lambda n: n + 1),
    "y - c": (lambda y: y - 1.5, lambda n: 3),
    "c - y": (lambda y: 1.5 - y, lambda n: 3),
    "-y": (engine.neg, lambda n: 3),
    "y / c": (lambda y: y / 1.5, lambda n: 3),
    "y ** 2": (lambda y: y**2, lambda n: n + 1),
    "tanh": (engine.tanh, lambda n: n + 2),
}
chains = pytest.mark.parametrize(("operation", "peak"), CHAINS.values(), ids=CHAINS)
lengths = pytest.mark.parametrize("n", [3, 30])


@lengths
@chains
def test_the_peak_of_a_chain_and_what_it_holds_after_backward(array_bytes, operation, peak, n):
    with array_bytes() as counter:
        x = ones()
        y = x
        counter.reset_peak()
        for _ in range(n):
            y = operation(y)
        y.backward()
        assert arrays(counter.peak) == peak(n)
        assert counter.live == 3 * BYTES  # x, y, x.grad
        assert counter.blocks == 3
        assert x.grad.shape == (SIZE,)
        del x, y
        assert counter.live == 0


@lengths
@chains
def test_the_peak_of_a_chain_under_no_grad(array_bytes, operation, peak, n):
    with array_bytes() as counter, no_grad():
        x = ones()
        y = x
        counter.reset_peak()
        for _ in range(n):
            y = operation(y)
        assert arrays(counter.peak) == 3  # x, and the old and the new y
        assert counter.live == 2 * BYTES
        del x, y
        assert counter.live == 0


@pytest.mark.parametrize("operation", [engine.square, engine.neg, lambda x: x * 1.5])
def test_a_gradient_is_handed_to_its_leaf_not_copied(array_bytes, operation):
    with array_bytes() as counter:
        x = ones()
        operation(x).backward()
        assert arrays(counter.peak) == 3  # x, its square, and its gradient
        assert counter.live == 2 * BYTES


@pytest.mark.parametrize("uses", [2, 3, 30])
def test_a_gradient_is_accumulated_in_place(array_bytes, uses):
    with array_bytes() as counter:
        x = ones()
        y = x * 0.0
        for i in range(uses):
            y = y + x * float(i)
        counter.reset_peak()
        y.backward()
        assert arrays(counter.peak) == 4  # x, y, the sum of gradients and the next one
        assert x.grad[0] == sum(range(uses))


linear = st.lists(
    st.sampled_from(
        [
            lambda y, x: y + x,
            lambda y, x: x + y,
            lambda y, x: y - x,
            lambda y, x: -y,
            lambda y, x: y * 1.5,
            lambda y, x: 2 * y,
            lambda y, x: y / 3.0,
            lambda y, x: y + 1,
            lambda y, x: 1 - y,
            lambda y, x: y + engine.sum(y),
            lambda y, x: y + engine.sum(y, keepdims=True),
        ]
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=examples(50))
@given(linear)
def test_linear_operations_save_no_array(array_bytes, steps):
    size, each = 1_000, 8_000
    with array_bytes() as counter:
        x = ones(size)
        y = x
        for step in steps:
            y = step(y, x)
            assert counter.live == 2 * each  # x and y: intermediates die at once
        y.backward()
        assert counter.live == 3 * each
        del x, y
        assert counter.live == 0


@pytest.mark.parametrize("constant_first", [False, True])
@pytest.mark.parametrize("operation", [engine.add, engine.sub, engine.mul, engine.div])
def test_a_constant_array_gets_no_gradient(array_bytes, operation, constant_first):
    """Were one computed, it would be as large as 50 rows, and the peak with it."""
    row, rows = 8_000, 50
    with array_bytes() as counter:
        constant = np.ones((1, 1_000))
        x = Variable(np.ones((rows, 1_000)))
        counter.reset_peak()
        y = operation(constant, x) if constant_first else operation(x, constant)
        y.backward()
        assert arrays(counter.live - row, rows * row) == 3
        # c / x: its gradient is computed in place, after gy / x
        steps = 5 if (operation, constant_first) == (engine.div, True) else 4
        assert arrays(counter.peak - row, rows * row) <= steps


def test_a_large_constant_is_the_users_and_is_let_go_with_the_graph(array_bytes):
    with array_bytes() as counter:
        x = ones(1_000)
        y = x * np.ones((50, 1_000))
        assert counter.live == (1 + 50 + 50) * 8_000
        y.backward()
        assert counter.live == (1 + 50 + 1) * 8_000
