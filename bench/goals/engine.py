"""The speed goals of the engine: against DeZero, PyTorch, NumPy by hand and other sizes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import Any

import numpy as np

from gradmeter import engine
from gradmeter.bench.goals.goal import Goal, Prepare, Work, without_setup
from gradmeter.bench.installing import install


def chain(
    operation: Callable[[Any], Any],
    length: int,
    size: int = 10,
    variable: Callable[[Any], Any] = engine.Variable,
) -> Work:
    """Apply ``operation`` ``length`` times to a variable of ``size`` elements, and go backward."""
    data = np.ones(size)  # which squares leave as they are, far from an overflow

    def work() -> None:
        y = variable(data)
        for _ in range(length):
            y = operation(y)
        y.backward()

    return work


def wide(leaves: int) -> Prepare:
    """Sum ``leaves`` variables pairwise, level by level; only the backward is timed."""
    data = np.full(10, 1.0)

    def prepare() -> Work:
        level: list[Any] = [engine.Variable(data) for _ in range(leaves)]
        while len(level) > 1:
            odd = level[len(level) // 2 * 2 :]
            level = [a + b for a, b in zip(level[::2], level[1::2], strict=False)] + odd
        return level[0].backward  # type: ignore[no-any-return]

    return prepare


def by_hand(size: int) -> Work:
    """Compute three squares forward and backward in NumPy, without an engine."""
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
    """Compute value and gradients of the Goldstein-Price function over ``size`` points."""
    points = np.random.default_rng(0).uniform(-2, 2, (2, size))

    def work() -> None:
        x, y = variable(points[0]), variable(points[1])
        first = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
        second = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
        value = (1 + (x + y + 1) ** 2 * first) * (30 + (2 * x - 3 * y) ** 2 * second)
        value.backward()

    return work


# The book's design up to step 24, which the engine is to beat, and the package's own core.
CORES: Mapping[str, tuple[str, float]] = {
    "dezero.core_simple": ("dezero.core_simple", 0.5),
    "dezero.core": ("dezero", 0.55),
}


def dezero_goals() -> Iterator[Goal]:
    """Yield the goals against both cores of DeZero; none, and a sentence, without it."""
    try:
        np.int = int  # type: ignore[attr-defined]  # dezero 0.0.13 uses the name that NumPy 1.24 dropped
        modules = {name: importlib.import_module(name) for name, _ in CORES.values()}
        functions = importlib.import_module("dezero.functions")
    except ImportError as error:
        print(f"DeZero is not compared ({error}); {install('gradmeter[dezero]')}", file=sys.stderr)
        return
    modules["dezero.core_simple"].setup_variable()  # the operators
    version = metadata.version("dezero")
    pairs: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
        "y * y": (lambda y: y * y,) * 2,
        "y * c": (lambda y: y * 1.0001,) * 2,
        "y + c": (lambda y: y + 1.0001,) * 2,
        "y ** 2": (lambda y: y**2,) * 2,
        "tanh": (engine.tanh, functions.tanh),
    }
    for core, (module, limit) in CORES.items():
        variable = modules[module].Variable
        for name, (ours, its) in pairs.items():
            if name == "tanh" and core == "dezero.core_simple":  # which has none
                continue
            yield Goal(
                f"1,000 times {name}, 10 elements, against {core} {version}",
                limit,
                without_setup(chain(ours, 1000)),
                without_setup(chain(its, 1000, variable=variable)),
                31,
            )
        yield Goal(
            f"Goldstein-Price, 1e6 points, against {core} {version}",
            0.5,
            without_setup(goldstein_price(engine.Variable, 10**6)),
            without_setup(goldstein_price(variable, 10**6)),
            7,
        )


def torch_goals() -> list[Goal]:
    """Return the goals against eager PyTorch on one thread; none where it is not installed."""
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError:
        print(f"PyTorch is not compared: it is not installed; {install('torch')}", file=sys.stderr)
        return []
    torch.set_num_threads(1)
    ones = torch.ones(10, dtype=torch.float64)

    def eager(operation: Callable[[Any], Any]) -> Work:
        def work() -> None:
            y = torch.ones(10, dtype=torch.float64, requires_grad=True)
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
            f"1,000 times {name}, 10 elements, against PyTorch {torch.__version__}",
            1.0,
            without_setup(chain(ours, 1000)),
            without_setup(eager(its)),
            15,
        )
        for name, (ours, its) in pairs.items()
    ]


def own_goals() -> list[Goal]:
    """Return the goals against our engine at another size, and against NumPy by hand."""
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
            without_setup(chain(engine.square, 10**6, 1)),
            without_setup(chain(engine.square, 10**4, 1)),
            5,
            scale=100,
        ),
        Goal(
            "three squares over 1e6, against NumPy by hand",
            1.1,
            without_setup(chain(engine.square, 3, 10**6)),
            without_setup(by_hand(10**6)),
            41,
        ),
    ]
