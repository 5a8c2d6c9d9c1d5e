"""Checkpointing: memory for time, by computing again in the backward.

After Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost" (2016):
a chain of n operations in sqrt(n) checkpointed segments holds about 2*sqrt(n) arrays
instead of n, and computes each segment twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from weakref import ref

from engine.backward import sweep
from engine.config import no_grad, using_config
from engine.errors import DataError, GraphError
from engine.function import Function, _next_number
from engine.variable import Variable

PASS_IT: Final = "give it to engine.checkpoint as one of the inputs"


def checkpoint(function: Callable[..., Any], *inputs: Any) -> Any:
    """Compute ``function(*inputs)``, saving only the inputs; backward computes it again.

    Args:
        function: takes the inputs and returns a Variable or a tuple of them. It is called
            once in the forward and once in each backward, and must do the same each time.
        inputs: Variables, ndarrays and numbers. Only Variables receive gradients, and only
            those given here.

    Returns:
        What the function returned.

    Raises:
        DataError: an input or what the function returned is of another type.
        GraphError: in the backward: the function uses a Variable from outside that is not
            an input, or returned another number of results than before.
    """
    return _Checkpoint(function)(*inputs)


class _Checkpoint(Function):
    """A function of variables as one operation, which saves its inputs alone."""

    built_in = True  # it takes numbers as they are, and writes into nothing that it is given
    operation_name = "checkpoint"

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def forward(self, *arrays: Any) -> Any:
        """The function's results, without its graph."""
        self.saved_for_backward = arrays
        with no_grad():
            results = self.function(*self._variables(arrays))
        several = isinstance(results, tuple)
        for y in results if several else (results,):
            if not isinstance(y, Variable):
                raise DataError(
                    f"checkpoint: the function returned {type(y).__name__}; it returns a "
                    "Variable or a tuple of them"
                )
        return tuple([y.data for y in results]) if several else results.data

    def backward(self, *gys: Any) -> Any:
        """The inputs' gradients, through a graph that is made now."""
        inputs = self._variables(self.saved_for_backward)
        first = _next_number()
        # Weak references make no cycles, so that what is dropped below is gone.
        with using_config("enable_backprop", True), using_config("output_references", "weak"):
            end = _end(self.function(*inputs), list(gys), inputs)
        del gys
        if end is None:
            return tuple([None] * len(inputs))
        _refuse_earlier_than(end, first)
        leaves = sweep(end, [None], False, False)[0]
        del end
        gradients = tuple([leaves.pop(id(x), (None,))[0] for x in inputs])
        others = [ref(leaf) for _, leaf in leaves.values()]
        leaves.clear()
        if any(other() is not None for other in others):
            raise GraphError(
                "checkpoint: the function uses a Variable from outside, whose gradient would be "
                f"lost; {PASS_IT}"
            )
        return gradients

    def _variables(self, arrays: tuple[Any, ...]) -> list[Any]:
        """The inputs as the function sees them: variables where gradients are wanted."""
        edges = self._edges or [None] * len(arrays)
        return [x if edge is None else Variable(x) for x, edge in zip(arrays, edges, strict=True)]


class _End(Function):
    """Where a graph made anew ends: its backward hands out the gradients that are waiting."""

    built_in = True
    saved_for_backward: Any = ()

    def __init__(self, gradients: list[Any]) -> None:
        self.gradients = gradients

    def forward(self, *ys: Any) -> Any:
        """Nothing of interest."""
        return ys[0]

    def backward(self, *_: Any) -> Any:
        """The gradients, which nothing else holds from here on."""
        gradients = tuple(self.gradients)
        self.gradients.clear()
        return gradients


def _end(results: Any, gradients: list[Any], inputs: list[Any]) -> _End | None:
    """The end of the graph of the results; None if they depend on no input."""
    results = results if isinstance(results, tuple) else (results,)
    if len(results) != len(gradients):
        raise GraphError(
            f"checkpoint: the function returned {len(results)} results, and {len(gradients)} "
            "before; it must do the same each time"
        )
    given = {id(x) for x in inputs}
    pairs = [
        (y, gradient)
        for y, gradient in zip(results, gradients, strict=True)
        if isinstance(y, Variable) and (y._edge or id(y) in given)
    ]
    if not pairs:
        return None
    end = _End([gradient for _, gradient in pairs])
    end(*[y for y, _ in pairs])
    return end


def _refuse_earlier_than(end: Function, first: int) -> None:
    """Raise GraphError if the graph contains an operation from before number ``first``."""
    todo, seen = [end], {id(end)}
    while todo:
        for edge in todo.pop()._edges or ():
            if edge and isinstance(edge[0], Function) and id(edge[0]) not in seen:
                if edge[0]._number < first:
                    raise GraphError(
                        "checkpoint: the function uses a result that was computed outside of "
                        f"it; {PASS_IT}"
                    )
                seen.add(id(edge[0]))
                todo.append(edge[0])
