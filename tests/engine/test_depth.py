"""Graphs of any depth: forward, backward and deletion without recursion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradmeter.engine import Variable, using_config

from ..thorough import THOROUGH

HOME = Path(__file__).parents[2]

CHILD = """
import gc, sys, threading
import numpy as np
from gradmeter import engine
from gradmeter.engine import Function, Variable, using_config

class Boom(Exception):
    pass

class Book(Function):
    def forward(self, x):
        return x + 1.0
    def backward(self, gy):
        return gy * self.inputs[0].data / self.inputs[0].data

class Two(Function):
    def forward(self, x):
        return x + 1.0, x + 2.0
    def backward(self, g0, g1):
        return g0 + g1

class Raises(Book):
    def backward(self, gy):
        raise Boom

def chain(step, n):
    y = x = Variable(np.ones(1))
    for i in range(n):
        y = step(y, i)
    return x, y

STEPS = [
    lambda y, i: y + 1.0,
    lambda y, i: y * 1.0,
    lambda y, i: y - 0.5,
    lambda y, i: engine.maximum(y, 0.5),
    lambda y, i: y / 1.0,
]

def mixed(n):
    x, y = chain(lambda y, i: STEPS[i % 5](y, i), n)
    y.backward()
    assert x.grad == 1.0, x.grad
    y = None
    x, y = chain(STEPS[1], n // 5)
    y = None  # never swept

def sweep(step, n, **arguments):
    x, y = chain(step, n)
    y.backward(**arguments)
    assert x.grad == 1.0, x.grad
    return x, y

def book(n):
    sweep(lambda y, i: Book()(y), n)
    chain(lambda y, i: Book()(y), n)

def several(n):
    sweep(lambda y, i: Two()(y)[1], n)
    chain(lambda y, i: Two()(y)[0], n)

def retained(n):
    sweep(STEPS[1], n, retain_grad=True)
    with using_config("retain_graph", True):
        x, y = sweep(STEPS[1], n, retain_grad=True)
        y.backward()
        assert x.grad == 2.0, x.grad

def strong(n):
    with using_config("output_references", "strong"):
        sweep(STEPS[1], n, retain_grad=True)
        chain(STEPS[1], n)
        gc.collect()

def raised(n):
    x, y = chain(lambda y, i: Raises()(y) if i == n // 2 else y + 1.0, n)
    for _ in range(2):
        try:
            y.backward()
        except Boom as error:
            kept = error
        except engine.GraphError:
            pass
    assert x.grad is None

def middle_first(n):
    x = y = Variable(np.ones(1))
    every = []
    for i in range(n):
        y = y + 1.0
        every.append(y)
    del every[n // 2 :], y
    every[-1].backward()
    assert x.grad == 1.0
    del every[:], x

def work():
    of, n = globals()[sys.argv[1]], int(sys.argv[2])
    of(10)  # what is imported at the first use is nested deeply
    sys.setrecursionlimit(60)
    gc.disable()  # it would only take time
    of(n)
    print("done")

threading.stack_size(1024 * 1024)  # what recurses in C falls through this floor early
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(
    ("what", "n"),
    [
        ("mixed", 1_000_000),
        ("book", 100_000),
        ("several", 50_000),
        ("retained", 50_000),
        ("strong", 100_000),
        ("raised", 100_000),
        ("middle_first", 100_000),
    ],
)
def test_a_deep_chain_forward_backward_and_deletion_in_a_small_stack(what, n):
    n = n if THOROUGH else min(n, 100_000) // 2
    child = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CHILD, what, str(n)],
        capture_output=True,
        text=True,
        cwd=HOME,
        check=False,
    )
    assert child.returncode == 0, f"exit {child.returncode}: {child.stderr[-2000:]}"
    assert child.stdout.endswith("done\n"), child.stderr[-2000:]
    assert not child.stderr


def test_a_deep_graph_is_printed_and_asked_without_recursion():
    with using_config("retain_graph", True):
        y = Variable(np.ones(1))
        for _ in range(5000):
            y = y * 1.0
        y.backward(retain_grad=True)
        assert repr(y) == "variable([1.])"
        assert y.generation == 5000
        depth = 0
        while y.creator is not None:
            (y,) = y.creator.inputs
            depth += 1
            assert y.grad == 1.0
        assert depth == 5000
