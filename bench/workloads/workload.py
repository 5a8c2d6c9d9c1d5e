"""A workload: a function of arrays, its inputs for a size, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from gradmeter.bench.workloads.prediction import Prediction

Array = np.ndarray[Any, Any]
Settings = Mapping[str, Any]
Inputs = Callable[[int, np.random.Generator], dict[str, Array]]

SMALL = 8  # elements per array of the runs that warm up


@dataclass(frozen=True, eq=False)
class Workload:
    """A function of arrays, its inputs for a size, its exact gradients and predicted memory.

    Attributes:
        name: with the depth, where there is one ("squares-30"); in reports, run files and
            baselines it is what a workload is known by.
        meaning: one sentence.
        function: takes the engine's operations and the inputs in order, returns the result,
            one array of any shape.
        inputs: for a size (elements per array) and a generator, the arrays by name: float16,
            float32 or float64, and for constants booleans and integers, too. An array of
            another number of elements is allowed; figures in arrays are of the size. The
            same generator has to give the same arrays.
        constants: the names of the inputs that get no gradient.
        exact: from the inputs, by name, the gradients of the sum of the result, by input name
            and of the input's shape; None where it is not known.
        tolerance: the relative error that rounding may make in the gradients, in float64.
        predict: from the settings of the engine ``predicted_engine``, the memory; None where
            it is not derived.
        estimate: arrays at the peak, roughly and at most; for the check that a case fits.
        iterations: how often the function is run; the result's name is bound anew each time.
        fresh: whether every iteration has inputs of its own.
        backward: whether each iteration goes backward.
        rate: the learning rate of a gradient descent step on the inputs after each
            backward; None for no step.
        least: the smallest size that it takes.
        predicted_engine: the name of the engine that ``predict`` is derived for.
        source: where a worker loads it from, FILE:NAME with an absolute path; set when it is
            loaded, and empty where its name suffices.
    """

    name: str
    meaning: str
    function: Callable[..., Any]
    inputs: Inputs
    constants: frozenset[str] = frozenset()
    exact: Callable[..., dict[str, Array]] | None = None
    tolerance: float = 1e-9
    predict: Callable[[Settings], Prediction | None] | None = None
    estimate: int = 64
    iterations: int = 1
    fresh: bool = False
    backward: bool = True
    rate: float | None = None
    least: int = 1
    predicted_engine: str = "engine"
    source: str = ""

    def small(self, size: int) -> int:
        """Return the size of the runs that warm up for runs of ``size``, which is no smaller."""
        return min(size, max(SMALL, self.least))


def workload(
    inputs: Inputs,
    *,
    name: str = "",
    meaning: str = "",
    constants: Iterable[str] = (),
    **more: Any,
) -> Callable[[Callable[..., Any]], Workload]:
    """Declare the decorated function as a workload, to be named FILE.py:NAME.

    The function takes the engine's operations (``square``, ``exp``, ``log``, ``tanh``,
    ``maximum``, ``sum``, ``matmul``, and what else an engine's adapter has) and the inputs in
    order. It returns one array, whose sum is what gradients are of.

    Args:
        inputs: for a size (elements per array) and a ``numpy.random.Generator``, the arrays
            by name, of dtype float64 as a rule.
        name: in reports and baselines; by default that of the function.
        meaning: one sentence; by default the first line of the function's docstring.
        constants: the names of the inputs that get no gradient.
        more: further attributes of `Workload`: ``exact``, ``tolerance``, ``predict``,
            ``predicted_engine``, ``estimate``, ``iterations``, ``fresh``, ``backward``,
            ``rate`` and ``least``.

    Returns:
        A decorator, which turns the function into a `Workload`.

    Raises:
        TypeError: by the decorator: ``more`` has something else.
    """

    def declare(function: Callable[..., Any]) -> Workload:
        docstring = (getattr(function, "__doc__", None) or "").strip()
        return Workload(
            name=name or getattr(function, "__name__", ""),
            meaning=meaning or docstring.partition("\n")[0].rstrip("."),
            function=function,
            inputs=inputs,
            constants=frozenset(constants),
            **more,
        )

    return declare


@dataclass(frozen=True)
class Chain:
    """A function that applies one link ``depth`` times, and can be cut between any two.

    Attributes:
        link: takes the engine's operations and one array, returns one array.
    """

    link: Callable[[Any, Any], Any]
    depth: int

    def __call__(self, operations: Any, x: Any) -> Any:
        """Apply all links."""
        for _ in range(self.depth):
            x = self.link(operations, x)
        return x

    def segments(self, count: int) -> list[Chain]:
        """Cut the chain into ``count`` pieces of about the same length, of one link at least."""
        count = min(count, self.depth)
        ends = [self.depth * i // count for i in range(count + 1)]
        return [Chain(self.link, b - a) for a, b in pairwise(ends)]
