"""An interruption at any moment leaves no tracer and no tracemalloc on, and what follows works."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, random, signal, sys, tracemalloc
import numpy as np
import gradmeter
from gradmeter.engine import Variable, square

def f(x):
    for _ in range(30):
        y = x + x
        z = [y * 2 for _ in range(3)]
    return z

def traced():
    with gradmeter.trace():
        square(Variable(f(x)[0]))

def interrupt(*_):
    raise KeyboardInterrupt

x = np.zeros(100)
# What they import, before: Python 3.11 makes a RuntimeError of an interruption in a class's body.
traced()
gradmeter.measure(f, x)
signal.signal(signal.SIGALRM, interrupt)
random.seed(0)
interrupted = 0
for _ in range(60):
    work = random.choice([lambda: gradmeter.measure(f, x), traced])
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0005, 0.04))
            work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted += 1
    on = tracemalloc.is_tracing(), sys.gettrace(), not gc.isenabled(), gc.get_debug()
    assert not any(on), on
assert interrupted, "nothing was interrupted"
assert gradmeter.measure(f, x).held == 3 * x.nbytes
"""


def test_an_interruption_at_any_moment_leaves_nothing_on():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
