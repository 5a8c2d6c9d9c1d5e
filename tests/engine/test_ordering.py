"""The sweep's order: each operation once, whatever the graph's width, in near-linear work."""

from __future__ import annotations

import math
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, Variable, function


class Counting(Function):
    """The sum of its inputs; it counts its backwards."""

    swept = 0

    def forward(self, *xs):
        return np.asarray(sum(xs))

    def backward(self, gy):
        self.swept += 1
        return (gy,) * len(self.inputs)


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4), min_size=1, max_size=30),
    st.integers(0, 30),
)
def test_the_sweep_visits_every_ancestor_once_and_nothing_else(wiring, root):
    """Each new node sums some earlier ones; the reference walks the same wiring by itself."""
    nodes = [Variable(np.ones(1))]
    functions, edges = [], []
    for sources in wiring:
        sources = [-1 - s % len(nodes) + len(nodes) for s in sources]
        functions.append(Counting())
        nodes.append(functions[-1](*[nodes[s] for s in sources]))
        edges.append(sources)
    root %= len(functions)
    paths = [0] * len(nodes)  # to each node, from the root
    paths[root + 1] = 1
    for node in range(root + 1, 0, -1):
        for source in edges[node - 1]:
            paths[source] += paths[node]
    nodes[root + 1].backward()
    assert [f.swept for f in functions] == [int(p > 0) for p in paths[1:]]
    assert nodes[0].grad == paths[0]


def test_paths_that_double_at_every_step_are_walked_once():
    x = Variable(np.ones(1))
    y = x
    for _ in range(1000):
        y = y + y
    y.backward()
    assert x.grad == 2.0**1000

    x = Variable(np.ones(1))
    a, b = x, x
    for _ in range(76):
        a, b = b, a + b
    b.backward()
    assert x.grad == b.data == 8944394323791464  # the 78th Fibonacci number, exact in float64


def pairwise_sum(variables):
    while len(variables) > 1:
        pairs = zip(variables[::2], variables[1::2], strict=False)
        rest = variables[len(variables) // 2 * 2 :]
        variables = [a + b for a, b in pairs] + rest
    return variables[0]


def test_thirty_thousand_leaves_summed_pairwise():
    weights = np.arange(30_000.0)
    leaves = [Variable(np.ones(1)) for _ in weights]
    y = pairwise_sum([leaf * w for leaf, w in zip(leaves, weights.tolist(), strict=True)])
    y.backward()
    assert y.data == weights.sum()
    assert np.array_equal(np.concatenate([leaf.grad for leaf in leaves]), weights)


def test_many_long_branches_of_one_leaf():
    x = Variable(np.full(1, 2.0))
    branches = []
    for i in range(200):
        y = x
        for _ in range(i):
            y = y + 1.0
        branches.append(engine.square(y))
    y = pairwise_sum(branches)
    y.backward()
    assert x.grad == sum(2 * (2 + i) for i in range(200))


def chain(n):
    y = Variable(np.ones(1))
    for _ in range(n):
        y = y * 1.0
    return y


def fan(n):
    return pairwise_sum([Variable(np.ones(1)) for _ in range(n + 1)])


def one_leaf_fan(n):
    x = Variable(np.ones(1))
    return pairwise_sum([x * 1.0 for _ in range(n // 2 + 1)])


def lattice(n):
    """Rows as long as the lattice is deep, each node made from two neighbours before it."""
    side = math.isqrt(n)
    row = [Variable(np.ones(1)) for _ in range(side)]
    for _ in range(side - 1):
        row = [(a + b) * 0.5 for a, b in zip(row, row[1:] + row[:1], strict=True)]
    return pairwise_sum(row)


shapes = pytest.mark.parametrize("shape", [chain, fan, one_leaf_fan, lattice])
variants = pytest.mark.parametrize("retain", [False, True])


def engine_lines(work):
    """How many lines of the engine's code run during work()."""
    home = str(Path(engine.__file__).parent)
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if not frame.f_code.co_filename.startswith(home):
            return None
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


@shapes
@variants
def test_lines_run_by_the_sweep_grow_with_the_operations(shape, retain):
    few, many = shape(200), shape(2000)
    first = engine_lines(lambda: few.backward(retain_grad=retain))
    then = engine_lines(lambda: many.backward(retain_grad=retain))
    assert 8 * first < then < 12 * first


@shapes
def test_lines_run_by_the_forward_grow_with_the_operations(shape):
    first, then = engine_lines(lambda: shape(200)), engine_lines(lambda: shape(2000))
    assert 8 * first < then < 12 * first


class Numbered(int):
    """A call's number that counts how often it is compared."""

    compared = 0

    def __lt__(self, other):
        Numbered.compared += 1
        return int(self) < int(other)

    def __gt__(self, other):
        Numbered.compared += 1
        return int(self) > int(other)

    def __eq__(self, other):
        Numbered.compared += 1
        return int(self) == int(other)

    __hash__ = int.__hash__

    def __neg__(self):
        return Numbered(-int(self))


@shapes
def test_ordering_compares_near_linearly(monkeypatch, shape):
    """What a C function compares inside itself is no line: a list sorted anew shows here."""
    numbers = count()
    monkeypatch.setattr(function, "_next_number", lambda: Numbered(next(numbers)))
    n = 3000
    y = shape(n)
    Numbered.compared = 0
    y.backward()
    operations = next(numbers)
    assert operations >= n // 2
    assert Numbered.compared <= 4 * operations * math.log2(operations)
    assert shape is chain or Numbered.compared >= operations // 2  # the count is not blind
