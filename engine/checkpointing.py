"""Checkpointing: less memory for more time, by computing again in the backward.

After Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost" (2016):
a chain of n operations in sqrt(n) checkpointed segments holds about 2*sqrt(n) arrays
instead of n, and computes each segment twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from weakref import ref

from .backward import sweep
from .computations import Computation, computation_of, difference
from .config import no_grad, using_config
from .edge import source_of
from .errors import DataError, GraphError
from .function import Function, _next_number
from .generators import States, changed, generator_states, present_states, restore
from .variable import Variable

PASS_AS_INPUT: Final = "give it to engine.checkpoint as one of the inputs"


def checkpoint(function: Callable[..., Any], *inputs: Any) -> Any:
    """Compute ``function(*inputs)``, saving only the inputs; backward computes it again.

    Random numbers are the same both times: where the function draws from `np.random`,
    `random` or a generator that it reaches (through its closure, globals, attributes and
    containers), backward puts the generator back for the second computation, and afterwards
    leaves it as it was. What else differs is found by comparing the operations, their
    constants, the inputs and the results. That takes some 0.2 ms per call for the generators'
    states, some 10 microseconds per operation, and reading the inputs, constants and results
    once more each time: for ten operations on a million elements 1.2 times the time.

    Args:
        function: takes the inputs and returns a Variable or a tuple of them. It is called
            once in the forward and once in each backward, and must do the same each time.
        inputs: Variables, ndarrays and numbers. Only Variables receive gradients, and only
            those given here.

    Returns:
        The function's result.

    Raises:
        DataError: an input or what the function returned is of another type.
        GraphError: in the backward: the function uses a Variable from outside that is not
            an input, or did something else than before.
    """
    return _Checkpoint(function, [isinstance(x, Variable) for x in inputs])(*inputs)


class _Checkpoint(Function):
    """A function of variables as one operation that saves only its inputs."""

    built_in = True  # it takes numbers as they are, and writes into none of its arguments
    operation_name = "checkpoint"

    _computation: Computation  # of the forward
    _states: States  # of the generators that the forward drew from, before it

    def __init__(self, function: Callable[..., Any], are_variables: list[bool]) -> None:
        self.function = function
        self._are_variables = are_variables  # of the inputs, also where nothing is recorded

    def forward(self, *arrays: Any) -> Any:
        """Compute the function's results, without its graph."""
        self.saved_for_backward = arrays
        states = generator_states(self.function)
        with no_grad():
            results, self._computation, _ = computation_of(self.function, self._variables(arrays))
        self._states = changed(states)
        is_tuple = isinstance(results, tuple)
        for y in results if is_tuple else (results,):
            if not isinstance(y, Variable):
                raise DataError(
                    f"checkpoint: the function returned {type(y).__name__}; it must return "
                    "a Variable or a tuple of them"
                )
        return tuple([y.data for y in results]) if is_tuple else results.data

    def backward(self, *gys: Any) -> Any:
        """Compute the inputs' gradients, through a graph that is recorded now."""
        inputs = self._variables(self.saved_for_backward)
        first_number = _next_number()
        # Weak references make no cycles, so that what is deleted below is freed at once.
        with using_config("enable_backprop", True), using_config("output_references", "weak"):
            end = _end(self._results_again(inputs), list(gys), inputs)
        del gys
        if end is None:
            return tuple([None] * len(inputs))
        _refuse_earlier_than(end, first_number)
        leaves = sweep(end, None, False, False)[0]
        del end
        gradients = tuple([leaves.pop(id(x), (None,))[0] for x in inputs])
        outside_leaves = [ref(leaf) for _, leaf, _ in leaves.values()]
        leaves.clear()
        if any(leaf() is not None for leaf in outside_leaves):
            raise GraphError(
                "checkpoint: the function uses a Variable from outside, whose gradient would be "
                f"lost; {PASS_AS_INPUT}"
            )
        return gradients

    def _results_again(self, inputs: list[Any]) -> Any:
        """Compute the function's results as in the forward, with its random numbers.

        Raises:
            GraphError: the function did something else.
        """
        states_now = present_states([generator for generator, _ in self._states])
        restore(self._states)
        try:
            results, computation, names = computation_of(self.function, inputs)
        finally:
            restore(states_now)
        count, count_before = len(computation.results), len(self._computation.results)
        reason = (
            f"it returned {count} results, and {count_before} before"
            if count != count_before
            else difference(self._computation, computation, names)
        )
        if reason is not None:
            raise GraphError(
                "checkpoint: the function did something else when backward computed it again: "
                f"{reason}; its gradients would be those of another computation. Give what "
                "changes (arrays that are written into, counters, times, unseeded random "
                f"numbers) as an input, computed before: {PASS_AS_INPUT}"
            )
        return results

    def _variables(self, arrays: tuple[Any, ...]) -> list[Any]:
        """Return the function's inputs, as Variables where they were given as such."""
        return [
            Variable(x) if is_variable else x
            for x, is_variable in zip(arrays, self._are_variables, strict=True)
        ]


class _End(Function):
    """The root of a graph that is recorded again; its backward returns stored gradients."""

    built_in = True
    saved_for_backward: Any = ()

    def __init__(self, gradients: list[Any]) -> None:
        self.gradients = gradients

    def forward(self, *ys: Any) -> Any:
        """Return the first result, of which nothing is used."""
        return ys[0]

    def backward(self, *_: Any) -> Any:
        """Return the gradients, and drop the references to them."""
        gradients = tuple(self.gradients)
        self.gradients.clear()
        return gradients


def _end(results: Any, gradients: list[Any], inputs: list[Any]) -> _End | None:
    """Return the root of the graph of the results; None if they depend on no input."""
    results = results if isinstance(results, tuple) else (results,)
    input_ids = {id(x) for x in inputs}
    pairs = [
        (y, gradient)
        for y, gradient in zip(results, gradients, strict=True)
        if isinstance(y, Variable) and (y.creator is not None or id(y) in input_ids)
    ]
    if not pairs:
        return None
    end = _End([gradient for _, gradient in pairs])
    end(*[y for y, _ in pairs])
    return end


def _refuse_earlier_than(end: Function, first_number: int) -> None:
    """Raise GraphError if the graph contains an operation from before number ``first``."""
    stack, seen = [end], {id(end)}
    while stack:
        for source in map(source_of, stack.pop()._edges or ()):
            if isinstance(source, Function) and id(source) not in seen:
                if source._number < first_number:
                    raise GraphError(
                        "checkpoint: the function uses a result that was computed outside of "
                        f"it; {PASS_AS_INPUT}"
                    )
                seen.add(id(source))
                stack.append(source)
