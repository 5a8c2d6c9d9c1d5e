"""Random programs over a pool of variables: any graph, from the engine's and users' functions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import numpy as np
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, Variable, no_grad

SIZE = 5
BYTES = 8 * SIZE

Step = tuple[str, int, int]


class Book(Function):
    """As the book writes it, reading its input and its output."""

    def forward(self, x):
        return np.tanh(x)

    def backward(self, gy):
        y = self.outputs[0]
        y = y if isinstance(y, Variable) else y()  # strong references are the variables
        return gy * (1 - y.data * y.data) + 0 * self.inputs[0].data


class Declared(Function):
    """It says what it saves, and also keeps the gradient that it was given."""

    def forward(self, x):
        self.saved_for_backward = (np.cos(x),)
        return np.sin(x)

    def backward(self, gy):
        self.kept = gy
        return gy * self.saved_for_backward[0]


class Two(Function):
    """Two outputs from two inputs."""

    def forward(self, a, b):
        return a + b, a - b

    def backward(self, g0, g1):
        return g0 + g1, g0 - g1


class Recomputing(Function):
    """It saves its input alone and runs a graph and a sweep of its own in its backward."""

    def forward(self, x):
        with no_grad():
            y = engine.tanh(Variable(x) * 0.5)
        self.saved_for_backward = (x,)
        return y.data

    def backward(self, gy):
        x = Variable(self.saved_for_backward[0])
        y = engine.tanh(x * 0.5)
        y.grad = gy
        y.backward()
        return x.grad


def unrecorded(a):
    with no_grad():
        return a * 0.5


# Each gives a list of results from two variables of the pool.
STEPS = {
    "add": lambda a, b: [a + b],
    "sub": lambda a, b: [a - b],
    "neg": lambda a, b: [-a],
    "mul": lambda a, b: [a * b],
    "scale": lambda a, b: [a * 0.5],
    "constant": lambda a, b: [a * np.full(SIZE, 0.5) + np.full(SIZE, 0.25)],
    "square": lambda a, b: [engine.square(a)],
    "exp": lambda a, b: [engine.exp(-engine.square(a))],
    "pow": lambda a, b: [(a + 4.0) ** 0.5],
    "maximum": lambda a, b: [engine.maximum(a, b)],
    "div": lambda a, b: [a / (engine.square(b) + 1.0)],
    "sum": lambda a, b: [a + engine.sum(b)],
    "matmul": lambda a, b: [(a @ b) * 0.1 + a],
    "book": lambda a, b: [Book()(a)],
    "declared": lambda a, b: [Declared()(a)],
    "two": lambda a, b: list(Two()(a, b)),
    "one of two": lambda a, b: [Two()(a, b)[1]],
    "recomputing": lambda a, b: [Recomputing()(a)],
    "no_grad": lambda a, b: [unrecorded(a)],
}


def programs(without: Iterable[str] = (), **sizes: int) -> st.SearchStrategy[list[Step]]:
    """Lists of steps: a name and which two of the latest variables it takes."""
    names = sorted(STEPS.keys() - set(without))
    step = st.tuples(st.sampled_from(names), st.integers(0, 3), st.integers(0, 9))
    return st.lists(step, **{"max_size": 12, **sizes})


def leaves() -> list[Variable]:
    """Return the two variables that a program begins with."""
    return [Variable(np.linspace(-1, 1, SIZE), "a"), Variable(np.full(SIZE, 0.3), "b")]


def run(
    program: list[Step], more: dict = STEPS, begin: Iterable[Variable] = ()
) -> tuple[list[Variable], Variable]:
    """Return the pool, two leaves and then every result, and the sum of it all."""
    pool = [*begin] or leaves()
    with np.errstate(all="ignore"):
        for name, i, j in program:
            step = STEPS.get(name) or more[name]
            pool += step(pool[-1 - i % len(pool)], pool[-1 - j % len(pool)])
        return pool, reduce(engine.add, pool)
