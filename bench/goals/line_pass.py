"""What the line meter takes: of a program in pure Python, and of one that computes with arrays."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from gradmeter import engine
from gradmeter.bench.goals.goal import Goal, without_setup
from gradmeter.bench.meters.lines import recording
from gradmeter.bench.meters.watched_files import WatchedFiles

EVENTS = 1_000_000
SECONDS = 10.0  # for so many line events
TIMES = 1.1  # as long as without, of a program that computes with arrays
_PROGRAM = """
def count(rounds):
    total = 0
    for i in range(rounds):
        total = add(total, i)
    return total

def add(a, b):
    return a + b
"""
_LINES = 3  # of each round: the loop's, its body's and the function's


def seconds() -> list[float]:
    """Measure the processor seconds of a million line events, three times."""
    file = Path(__file__).with_name("counted.py")  # which need not be there
    variables: dict[str, object] = {"__name__": "counted", "__file__": str(file)}
    exec(compile(_PROGRAM, str(file), "exec"), variables)
    count = variables["count"]
    assert callable(count)
    found = []
    for _ in range(3):
        with recording(WatchedFiles(patterns=["counted"])):
            began = time.process_time()
            count(EVENTS // _LINES)
            found.append(time.process_time() - began)
    return found


def numeric() -> Goal:
    """A forward and backward with every line of the engine watched, against one without."""

    def run() -> None:
        x, y = (engine.Variable(np.linspace(-1, 1, 1_000_000)) for _ in range(2))
        z = x
        for _ in range(10):
            z = engine.square(z) * y + x
        z.backward()

    def watched() -> None:
        with recording(WatchedFiles(patterns=["gradmeter.engine"])):
            run()

    name = "lines of the engine, ten squares, products and sums over 1e6, against without"
    return Goal(name, TIMES, without_setup(watched), without_setup(run), rounds=20)
