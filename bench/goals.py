"""The engine's speed goals, each measured as ratios of interleaved times within one run.

``python -m bench.goals`` (or ``make goals``, which installs DeZero first) prints a Markdown
table and exits with 1 if a goal is missed. PyTorch is compared where it is installed.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import engine

Work = Callable[[], object]
Prepare = Callable[[], Work]  # does what is not timed, and returns what is


@dataclass(frozen=True)
class Goal:
    """What is compared with what, and the largest ratio that is good enough.

    Attributes:
        scale: what the ratio of the times is divided by: the ratio of the operation
            counts, where these differ.
    """

    name: str
    limit: float
    ours: Prepare
    other: Prepare
    rounds: int
    scale: float = 1.0


def ratios(goal: Goal) -> list[float]:
    """Time both alternately and return the ratio of each pair of neighbours, sorted."""

    def seconds(prepare: Prepare) -> float:
        work = prepare()
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    seconds(goal.ours), seconds(goal.other)
    pairs = []
    for round_ in range(goal.rounds):
        if round_ % 2:  # who goes first alternates too
            ours, other = seconds(goal.ours), seconds(goal.other)
        else:
            other, ours = seconds(goal.other), seconds(goal.ours)
        pairs.append(ours / other / goal.scale)
    return sorted(pairs)


def chain(operation: Callable[[Any], Any], length: int, size: int = 10) -> Work:
    """``length`` times ``operation`` over ``size`` elements of our own, forward and backward."""
    data = np.full(size, 1.0001)

    def work() -> None:
        y = engine.Variable(data)
        for _ in range(length):
            y = operation(y)
        y.backward()

    return work


def wide(leaves: int) -> Prepare:
    """``leaves`` variables summed pairwise, level by level; the backward is timed."""
    data = np.full(10, 1.0)

    def prepare() -> Work:
        level: list[Any] = [engine.Variable(data) for _ in range(leaves)]
        while len(level) > 1:
            odd = level[len(level) // 2 * 2 :]
            level = [a + b for a, b in zip(level[::2], level[1::2], strict=False)] + odd
        return level[0].backward  # type: ignore[no-any-return]

    return prepare


def nothing_before(work: Work) -> Prepare:
    """Time all of ``work``."""
    return lambda: work


def by_hand(size: int) -> Work:
    """Three squares forward and backward, as one would write them in NumPy."""
    x0 = np.full(size, 1.0001)

    def work() -> object:
        x1 = x0 * x0
        x2 = x1 * x1
        x3 = x2 * x2
        gradient = np.ones_like(x3)
        for x in (x2, x1, x0):
            gradient = gradient * x
            gradient += gradient
        return gradient

    return work


def goldstein_price(variable: Callable[[Any], Any], size: int) -> Work:
    """Value and both gradients of the Goldstein-Price function over ``size`` points."""
    points = np.random.default_rng(0).uniform(-2, 2, (2, size))

    def work() -> None:
        x, y = variable(points[0]), variable(points[1])
        first = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
        second = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
        value = (1 + (x + y + 1) ** 2 * first) * (30 + (2 * x - 3 * y) ** 2 * second)
        value.backward()

    return work


def dezero_goals() -> list[Goal]:
    """Ours against the book's engine; empty, with a sentence, where it is not installed."""
    try:
        np.int = int  # type: ignore[attr-defined]  # dezero 0.0.13 uses the name that NumPy 1.24 dropped
        dezero = importlib.import_module("dezero")
        functions = importlib.import_module("dezero.functions")
    except ImportError as error:
        print(f"DeZero is not compared ({error}); pip install 'gradmeter[peers]'", file=sys.stderr)
        return []

    def book(operation: Callable[[Any], Any]) -> Work:
        data = np.full(10, 1.0001)

        def work() -> None:
            y = dezero.Variable(data)
            for _ in range(1000):
                y = operation(y)
            y.backward()

        return work

    pairs: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
        "y * y": (lambda y: y * y,) * 2,
        "y * c": (lambda y: y * 1.0001,) * 2,
        "y + c": (lambda y: y + 1.0001,) * 2,
        "y ** 2": (lambda y: y**2,) * 2,
        "tanh": (engine.tanh, functions.tanh),
    }
    goals = [
        Goal(
            f"1,000 times {name}, 10 elements, against DeZero",
            0.55,
            nothing_before(chain(ours, 1000)),
            nothing_before(book(its)),
            15,
        )
        for name, (ours, its) in pairs.items()
    ]
    return [
        *goals,
        Goal(
            "Goldstein-Price, 1e6 points, against DeZero",
            0.5,
            nothing_before(goldstein_price(engine.Variable, 10**6)),
            nothing_before(goldstein_price(dezero.Variable, 10**6)),
            7,
        ),
    ]


def torch_goals() -> list[Goal]:
    """Ours against PyTorch eager on one thread; empty where it is not installed."""
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError:
        print("PyTorch is not compared: it is not installed; pip install torch", file=sys.stderr)
        return []
    torch.set_num_threads(1)
    ones = torch.ones(10, dtype=torch.float64)

    def eager(operation: Callable[[Any], Any]) -> Work:
        def work() -> None:
            y = torch.full((10,), 1.0001, dtype=torch.float64, requires_grad=True)
            for _ in range(1000):
                y = operation(y)
            y.backward(ones)

        return work

    pairs: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
        "y * y": (lambda y: y * y,) * 2,
        "square": (engine.square, lambda y: y.square()),
        "y * c": (lambda y: y * 1.0001,) * 2,
        "y + c": (lambda y: y + 1.0001,) * 2,
        "tanh": (engine.tanh, lambda y: y.tanh()),
    }
    return [
        Goal(
            f"1,000 times {name}, 10 elements, against PyTorch",
            1.0,
            nothing_before(chain(ours, 1000)),
            nothing_before(eager(its)),
            15,
        )
        for name, (ours, its) in pairs.items()
    ]


def own_goals() -> list[Goal]:
    """Ours against itself at another size, and against NumPy by hand."""
    return [
        Goal(
            "30,000 leaves summed pairwise, backward per operation, against 300",
            2.0,
            wide(30_000),
            wide(300),
            15,
            scale=29_999 / 299,
        ),
        Goal(
            "a chain of 1e6 squares, per operation, against 1e4",
            2.0,
            nothing_before(chain(engine.square, 10**6, 1)),
            nothing_before(chain(engine.square, 10**4, 1)),
            5,
            scale=100,
        ),
        Goal(
            "three squares over 1e6, against NumPy by hand",
            1.1,
            nothing_before(chain(engine.square, 3, 10**6)),
            nothing_before(by_hand(10**6)),
            41,
        ),
    ]


def main() -> int:
    """Measure every goal; print a row each; return 1 if one was missed."""
    missed = 0
    print("| goal | at most | median ratio | middle half | |\n| --- | --- | --- | --- | --- |")
    for goal in [*dezero_goals(), *torch_goals(), *own_goals()]:
        missed += not _tell(goal.name, goal.limit, ratios(goal))
    from bench import compiled_goals  # which are goals too, and need this module

    for threads in (1, 2):
        with compiled_goals.cores(threads):
            for goal in compiled_goals.goals(threads):
                missed += not _tell(goal.name, goal.limit, ratios(goal))
    name = "Goldstein-Price, first compiled call, seconds in a fresh process"
    missed += not _tell(name, compiled_goals.COMPILE_SECONDS, compiled_goals.compile_seconds())
    name = "Goldstein-Price compiled, 1e7 points, bytes beyond inputs and outputs"
    missed += not _tell(name, compiled_goals.SPARE, [compiled_goals.spare()] * 2)
    return 1 if missed else 0


def _tell(name: str, limit: float, figures: Sequence[float]) -> bool:
    """Print a row; whether the median is within the limit."""
    low, median, high = statistics.quantiles(figures, n=4)
    met = median <= limit
    print(
        f"| {name} | {limit:.3g} | {median:.3g} | {low:.3g} to {high:.3g} "
        f"| {'met' if met else 'missed'} |",
        flush=True,
    )
    return met


if __name__ == "__main__":
    sys.exit(main())
