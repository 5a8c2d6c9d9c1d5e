"""What graphs hold between and after sweeps, in array bytes: by variant, exact.

"Arrays" are bytes of array data divided by those of the input. The 0-d constants of which
the engine broadcasts seeds and the gradients of unused outputs live as long as the process;
they are made before counting.
"""

from __future__ import annotations

import gc

import numpy as np
import pytest

from gradmeter import engine
from gradmeter.engine import Function, Variable, using_config

SIZE = 100_000
BYTES = 8 * SIZE


@pytest.fixture(scope="module", autouse=True)
def seed_and_zero_exist():
    Halves()(ones(2))[0].backward()


@pytest.fixture(autouse=True)
def collector_off():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def ones(size: int = SIZE) -> Variable:
    return Variable(np.full(size, 1.0))


def chain(operation, x, n):
    for _ in range(n):
        x = operation(x)
    return x


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
        assert counter.peak == k * (n + 2) * BYTES
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
        assert counter.peak == (2 * n + 2) * BYTES
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


def test_a_sweep_that_retains_nothing_drops_what_an_earlier_one_retained(array_bytes):
    with array_bytes() as counter, using_config("retain_graph", True):
        x = ones()
        y = chain(engine.square, x, 5)
        y.backward(retain_grad=True)
        assert counter.live == (6 + 6) * BYTES
        y.grad = None
        y.backward()
        assert counter.live == (6 + 1) * BYTES
        assert x.grad[0] == 2 * 2**5


def test_a_seed_of_another_dtype_is_converted_and_the_conversion_let_go(array_bytes):
    with array_bytes() as counter:
        x = ones()
        y = chain(lambda y: y * 0.5, x, 3)
        y.grad = np.full(SIZE, 8, np.int64)
        counter.reset_peak()
        y.backward()
        # x, y, the seed and one of gradients, into which each writes; 16 for numbers as 0-d arrays
        assert 4 * BYTES <= counter.peak <= 4 * BYTES + 16
        assert counter.live == 3 * BYTES
        assert (y.grad, x.grad[0]) == (None, 1.0)


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
        assert (
            counter.peak <= (5 + 4) * BYTES + 16
        )  # with two Python numbers; 2 * x, times gy, and gy itself
        del x, y
        assert counter.live == 0


class Shift(Function):
    """It hands on the very gradient that it was given."""

    def forward(self, x):
        self.saved_for_backward = ()
        return x + 1.0

    def backward(self, gy):
        return gy


def test_a_gradient_that_a_users_function_hands_on_is_not_copied(array_bytes):
    with array_bytes() as counter:
        x = ones()
        y = chain(lambda y: Shift()(y), x, 3)
        counter.reset_peak()
        y.backward()
        assert counter.peak == counter.live == 3 * BYTES


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
