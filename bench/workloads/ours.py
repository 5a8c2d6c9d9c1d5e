"""Our workloads: each is one function of arrays, with its inputs and its exact results.

A workload is written in Python's operators and a small namespace of operations (`square`,
`exp`, `log`, `tanh`, `maximum`, `sum`, `matmul`), so that any engine can run it. To add
one, write one function here that returns a `Workload`, and decorate it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from gradmeter.bench.workloads.prediction import Prediction
from gradmeter.bench.workloads.workload import Array, Chain, Inputs, Settings, Workload

_families: dict[str, tuple[Callable[..., Workload], bool]] = {}


def family(*, depth: bool = False) -> Callable[[Callable[..., Workload]], Callable[..., Workload]]:
    """Register the decorated function under its name; with ``depth``, it takes one."""

    def register(make: Callable[..., Workload]) -> Callable[..., Workload]:
        _families[make.__name__] = (make, depth)
        return make

    return register


def names() -> list[str]:
    """Return the names that `get` knows; ``-N`` stands for a depth."""
    return [name + "-N" * depth for name, (_, depth) in _families.items()]


@cache
def get(name: str) -> Workload | None:
    """Return the workload of this name, the same object at every call; None if there is none."""
    match = re.fullmatch(r"(\w+?)(?:-([1-9][0-9]{0,6}))?", name)
    if match:
        make, deep = _families.get(match[1], (None, False))
        if make and deep == bool(match[2]):
            return make(int(match[2])) if deep else make()
    return None


def is_taken(name: str) -> bool:
    """Whether a name, but for a depth, is that of one of our workloads."""
    return name.partition("-")[0] in _families


def _uniform_x(low: float, high: float) -> Inputs:
    return lambda size, rng: {"x": rng.uniform(low, high, size)}


def _uniform_xy(low: float, high: float) -> Inputs:
    return lambda size, rng: {"x": rng.uniform(low, high, size), "y": rng.uniform(low, high, size)}


DEEPEST_EXACT = 40


def _power(depth: int) -> dict[str, Any]:
    """Return inputs that keep x to the power of 2**depth near 1, and the exact gradient.

    Each squaring doubles the relative rounding error; where the error would exceed the
    result, the inputs are ones and there is no exact gradient.
    """
    if depth > DEEPEST_EXACT:
        return {"inputs": lambda size, _: {"x": np.ones(size)}}
    exponent = 2.0**depth
    return {
        "inputs": _uniform_x(1 - 1 / exponent, 1 + 1 / exponent),
        "exact": lambda x: {"x": exponent * x ** (exponent - 1)},
        "tolerance": max(1e-9, 8 * exponent * 2.3e-16),
    }


def _chain(
    settings: Settings, n: int, *, weak: str, strong: str, saves: bool = True, scalars: int = 0
) -> Prediction | None:
    """Predict the memory of a chain of n operations on one array; None where not derived.

    One operation alone has no intermediate result, so its prediction is of that depth alone.

    Args:
        weak, strong: the peak of the backward, by ``output_references``.
        saves: whether each operation keeps its input until its backward.
        scalars: bytes of a Python constant while NumPy computes with it.
    """

    def prediction(forward: str, backward: str, held: str, dropped: str = "0 B") -> Prediction:
        return Prediction(forward, backward, held, dropped, scalars, {"n": 2} if n > 1 else {})

    if settings.get("execution", "eager") != "eager":
        return None
    few = "3 arrays" if n > 1 else "2 arrays"
    if not settings["enable_backprop"]:
        return prediction(few, "0 B", "2 arrays")
    if settings.get("checkpoint"):
        return None
    cycles = settings["output_references"] == "strong"
    if settings["retain_graph"] or (cycles and settings["retain_grad"]):
        return None
    forward = "(n + 1) arrays" if saves or cycles else few
    if settings["retain_grad"]:  # x, y and n + 1 gradients
        return prediction(forward, "(n + 3) arrays", "(n + 3) arrays")
    if cycles:  # the intermediate results stay until the collector runs
        return prediction(forward, strong, "(n + 2) arrays", "(n + 2) arrays")
    return prediction(forward, weak, "3 arrays")


def _squared(settings: Settings, n: int) -> Prediction | None:
    # The first gradient goes into an intermediate result, where there is one.
    weak = "(n + 1) arrays" if n > 1 else "3 arrays"
    return _chain(settings, n, weak=weak, strong="(n + 2) arrays")


@family(depth=True)
def squares(depth: int) -> Workload:
    """n squares, each of the previous result: each saves its input."""

    def predict(settings: Settings) -> Prediction | None:
        segments = settings.get("checkpoint", 0)
        default = {"retain_grad": False, "retain_graph": False, "output_references": "weak"}
        plain = all(settings[name] == value for name, value in default.items())
        if segments and plain and settings["enable_backprop"] and depth % segments == 0:
            length = depth // segments
            if settings.get("execution", "eager") == "eager" and 1 < length < depth:
                # Forward: what the segments save, the result, and one more within a segment.
                # Backward: the last segment once more, beside what the others save.
                return Prediction(
                    f"{segments + 2} arrays",
                    f"({segments} + n/{segments} + 1) arrays",
                    "3 arrays",
                    "0 B",
                    since={"n": 2 * segments},
                    multiple={"n": segments},
                )
        return _squared(settings, depth)

    return Workload(
        name=f"squares-{depth}",
        meaning=f"{depth} squares, each of the previous result",
        function=Chain(lambda operations, x: operations.square(x), depth),
        predict=predict,
        estimate=2 * depth + 4,
        **_power(depth),
    )


@family(depth=True)
def self_products(depth: int) -> Workload:
    """n times y * y: the same memory as squares."""

    def predict(settings: Settings) -> Prediction | None:
        return _squared(settings, depth)

    return Workload(
        name=f"self_products-{depth}",
        meaning=f"{depth} times y * y",
        function=Chain(lambda _operations, x: x * x, depth),
        predict=predict,
        estimate=2 * depth + 6,
        **_power(depth),
    )


@family(depth=True)
def constant_sums(depth: int) -> Workload:
    """n times y + c: no operation saves its input."""

    def predict(settings: Settings) -> Prediction | None:
        return _chain(
            settings, depth, weak="3 arrays", strong="(n + 2) arrays", saves=False, scalars=8
        )

    return Workload(
        name=f"constant_sums-{depth}",
        meaning=f"{depth} times y + c",
        function=Chain(lambda _operations, x: x + 1.5, depth),
        inputs=_uniform_x(-1, 1),
        exact=lambda x: {"x": np.ones_like(x)},
        predict=predict,
        estimate=2 * depth + 4,
    )


@family()
def step17_loop() -> Workload:
    """The loop of the book's step 17: three squares of fresh data, ten times, forward only."""

    def predict(settings: Settings) -> Prediction | None:
        n, k = 3, 10
        if settings.get("execution", "eager") != "eager" or settings.get("checkpoint"):
            return None
        if not settings["enable_backprop"]:  # the old result, the new x, two of the new
            return Prediction(4, 0, 2, 0)
        if settings["output_references"] == "strong":
            return Prediction(k * (n + 1), 0, k * (n + 1), k * (n + 1))
        return Prediction(2 * n + 2, 0, n + 1, 0)

    return Workload(
        name="step17_loop",
        meaning="ten iterations of three squares over fresh data, forward only",
        function=squares(3).function,
        inputs=_uniform_x(0.5, 1.5),
        predict=predict,
        estimate=45,
        iterations=10,
        fresh=True,
        backward=False,
    )


@family()
def diamond() -> Workload:
    """a = x**2; y = a**2 + a**2: one variable on two paths."""

    def function(operations: Any, x: Any) -> Any:
        a = operations.square(x)
        return operations.square(a) + operations.square(a)

    return Workload(
        name="diamond",
        meaning="a = x**2; y = a**2 + a**2",
        function=function,
        inputs=_uniform_x(-2, 2),
        exact=lambda x: {"x": 8 * x**3},
        estimate=12,
    )


@family()
def matyas() -> Workload:
    """0.26 (x**2 + y**2) - 0.48 x y."""

    def function(_operations: Any, x: Any, y: Any) -> Any:
        return 0.26 * (x**2 + y**2) - 0.48 * x * y

    return Workload(
        name="matyas",
        meaning="the Matyas function of x and y",
        function=function,
        inputs=_uniform_xy(-10, 10),
        exact=lambda x, y: {"x": 0.52 * x - 0.48 * y, "y": 0.52 * y - 0.48 * x},
        estimate=24,
    )


@family()
def goldstein_price() -> Workload:
    """The Goldstein-Price function: some forty operations on two inputs."""

    def function(_operations: Any, x: Any, y: Any) -> Any:
        first = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
        second = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
        return (1 + (x + y + 1) ** 2 * first) * (30 + (2 * x - 3 * y) ** 2 * second)

    def exact(x: Array, y: Array) -> dict[str, Array]:
        p = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
        q = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
        u, v = x + y + 1, 2 * x - 3 * y
        a, b = 1 + u**2 * p, 30 + v**2 * q
        a_xy = 2 * u * p + u**2 * (-14 + 6 * x + 6 * y)  # the same for x and y
        b_x = 4 * v * q + v**2 * (-32 + 24 * x - 36 * y)
        b_y = -6 * v * q + v**2 * (48 - 36 * x + 54 * y)
        return {"x": a_xy * b + a * b_x, "y": a_xy * b + a * b_y}

    return Workload(
        name="goldstein_price",
        meaning="the Goldstein-Price function of x and y",
        function=function,
        inputs=_uniform_xy(-2, 2),
        exact=exact,
        tolerance=1e-8,  # near its minima large terms cancel
        estimate=160,
    )


@family()
def training_step() -> Workload:
    """Five steps of gradient descent on a two-layer perceptron, with tanh and mean squared error.

    The size is the number of elements of the batch: rows of 8 features; 16 hidden units.
    """

    def inputs(size: int, rng: np.random.Generator) -> dict[str, Array]:
        features = min(size, 8)
        x = rng.uniform(-1, 1, (size // features, features))
        return {
            "x": x,
            "t": np.sin(np.pi * x.sum(axis=1, keepdims=True)) + rng.normal(0, 0.1, (len(x), 1)),
            "w1": rng.normal(0, 0.3, (features, 16)),
            "b1": np.zeros(16),
            "w2": rng.normal(0, 0.3, (16, 1)),
            "b2": np.zeros(1),
        }

    def function(operations: Any, x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        hidden = operations.tanh(operations.matmul(x, w1) + b1)
        error = operations.matmul(hidden, w2) + b2 - t
        return operations.sum(error * error) * (1 / t.shape[0])

    return Workload(
        name="training_step",
        meaning="five steps of SGD on a two-layer perceptron (tanh, mean squared error)",
        function=function,
        inputs=inputs,
        constants=frozenset({"x", "t"}),
        estimate=320,
        iterations=5,
        rate=0.05,
    )
