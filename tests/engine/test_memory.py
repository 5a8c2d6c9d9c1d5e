"""What a graph costs in array bytes: peaks and what is held, exact, counted by the oracle.

"Arrays" are bytes of array data divided by those of the input. What is not a whole array
is 0-d, 8 bytes each and at most two at once: an array that NumPy makes of a Python number
while a ufunc runs. (The seed is a broadcast one of no size; that one, and the zero for
outputs that were not used, live as long as the process, so they are made before counting.)
"""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import Function, Variable, no_grad, using_config

SIZE = 1_000_000
BYTES = 8 * SIZE
NUMBERS = (0, 8, 16)


@pytest.fixture(scope="module", autouse=True)
def seed_and_zero_exist():
    Halves()(ones(2))[0].backward()


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


def chain(operation, x, n):
    for _ in range(n):
        x = operation(x)
    return x


CHAINS = {
    "squares": (engine.square, lambda n: n + 2),
    "y + c": (lambda y: y + 1.5, lambda n: 3),
    "y * c": (lambda y: y * 1.5, lambda n: 4),
    "y * y": (lambda y: y * y, lambda n: n + 4),
    "y - c": (lambda y: y - 1.5, lambda n: 3),
    "c - y": (lambda y: 1.5 - y, lambda n: 4),
    "-y": (engine.neg, lambda n: 4),
    "y / c": (lambda y: y / 1.5, lambda n: 4),
    "y ** 2": (lambda y: y**2, lambda n: n + 3),
    "tanh": (engine.tanh, lambda n: n + 3),
}
chains = pytest.mark.parametrize(("operation", "bound"), CHAINS.values(), ids=CHAINS)
lengths = pytest.mark.parametrize("n", [3, 30])


@lengths
@chains
def test_the_peak_of_a_chain_and_what_it_holds_after_backward(array_bytes, operation, bound, n):
    with array_bytes() as counter:
        x = ones()
        y = x
        counter.reset_peak()
        for _ in range(n):
            y = operation(y)
        y.backward()
        assert arrays(counter.peak) <= bound(n)
        assert counter.live == 3 * BYTES  # x, y, x.grad
        assert counter.blocks == 3
        assert x.grad.shape == (SIZE,)
        del x, y
        assert counter.live == 0


@lengths
@chains
def test_the_peak_of_a_chain_under_no_grad(array_bytes, operation, bound, n):
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


@settings(max_examples=50)
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


def iterations(k, n, *, backward, retain_grad=False):
    for _ in range(k):
        x = ones()
        y = chain(engine.square, x, n)
        if backward:
            y.backward(retain_grad=retain_grad)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_strong_references_hold_every_iteration_until_the_collector_runs(array_bytes, k, n):
    with array_bytes() as counter, using_config("output_references", "strong"):
        iterations(k, n, backward=False)
        assert counter.live == k * (n + 1) * BYTES
        assert gc.collect() > 0
        assert counter.live == 0

        counter.reset_peak()
        iterations(k, n, backward=True)
        assert counter.live == k * (n + 2) * BYTES
        assert arrays(counter.peak) == k * (n + 2) + 1
        assert gc.collect() > 0
        assert counter.live == 0

        iterations(k, n, backward=True, retain_grad=True)
        assert counter.live == k * (2 * n + 2) * BYTES
        assert gc.collect() > 0
        assert counter.live == 0


@pytest.mark.parametrize("n", [1, 3, 10])
def test_weak_references_in_a_loop_that_rebinds_y(array_bytes, n):
    """The old graph lives until the new one is bound; inputs are fresh."""
    with array_bytes() as counter:
        for _ in range(4):
            x = ones()
            y = chain(engine.square, x, n)
            assert counter.live == (n + 1) * BYTES
        assert arrays(counter.peak) == 2 * n + 2
        del x, y
        assert counter.live == 0
        counter.reset_peak()
        iterations(4, n, backward=True, retain_grad=True)
        assert counter.live == 0


@pytest.mark.parametrize("n", [1, 3, 10])
def test_retained_gradients_are_one_array_for_each_result(array_bytes, n):
    with array_bytes() as counter:
        x = ones()
        y = chain(engine.square, x, n)
        y.backward(retain_grad=True)
        assert counter.live == (3 + n) * BYTES  # y's and every intermediate's
        gradients = [y.grad]
        result = y
        while result.creator is not None:
            (result,) = result.creator.inputs
            gradients.append(result.grad)
        assert len({id(g) for g in gradients}) == n + 1
        assert [float(g[0]) for g in gradients] == [2.0**i for i in range(n + 1)]
        del gradients, result, x, y
        assert counter.live == 0


@pytest.mark.parametrize("retain_graph", [False, True])
def test_a_graph_is_released_by_the_sweep_or_by_the_last_name(array_bytes, retain_graph):
    with array_bytes() as counter, using_config("retain_graph", retain_graph):
        x = ones()
        y = chain(engine.square, x, 5)
        for _ in range(1 + retain_graph):
            y.backward()
        assert counter.live == (3 + 4 * retain_graph) * BYTES
        del y
        assert counter.live == 2 * BYTES


class BookSquare(Function):
    """As the book writes it: it keeps the data of its input and output."""

    def forward(self, x):
        return x**2

    def backward(self, gy):
        return 2 * self.inputs[0].data * gy


class DeclaredSquare(Function):
    """The same, but it says what it saves."""

    def forward(self, x):
        self.saved_for_backward = (x,)
        return x**2

    def backward(self, gy):
        (x,) = self.saved_for_backward
        return 2 * x * gy


@pytest.mark.parametrize("square", [BookSquare, DeclaredSquare])
def test_users_functions_are_released_like_the_engines(array_bytes, square):
    with array_bytes() as counter:
        x = ones()
        y = x
        for _ in range(5):
            y = square()(y)
        assert counter.live == 6 * BYTES
        y.backward()
        assert counter.live == 3 * BYTES
        assert arrays(counter.peak) <= 5 + 4  # 2 * x, times gy, and gy itself
        del x, y
        assert counter.live == 0


class Halves(Function):
    """Two outputs, each half as large as the input."""

    def forward(self, x):
        middle = x.size // 2
        self.saved_for_backward = ()
        return x[:middle].copy(), x[middle:].copy()

    def backward(self, first, second):
        return np.concatenate([first, second])


def test_a_dropped_output_is_not_held_and_its_gradient_is_let_go(array_bytes):
    with array_bytes() as counter:
        x = ones()
        y = Halves()(x)[0]
        assert counter.live == BYTES * 3 // 2
        counter.reset_peak()
        y.backward()
        assert counter.peak == BYTES * 7 // 2  # a user's function owns its gys: two halves
        assert counter.live == BYTES * 5 // 2
        assert x.grad.sum() == SIZE // 2
