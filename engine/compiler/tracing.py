"""Trace a function into a program, by a forward and a backward on recording arrays."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from .. import observer
from ..backward import sweep
from ..config import no_grad
from ..edge import gradient_dtype
from ..errors import GraphError, RecordingError
from ..operations import add
from ..operations import sum as total
from ..stand_in import lift
from ..variable import NO_GRAPH, Variable
from .ambient import refusing_ambient_state
from .captured import first_change
from .interruptions import noticing_interruptions
from .keys import may_change, package_of
from .numpy_functions import FUNCTIONS, METHODS
from .program import Array, Program
from .recorded_array import RecordedArray
from .recorder import Recorder

PASS_AS_ARGUMENT = (
    "pass it as an argument (an ndarray: its values may change from call to call, and its "
    "gradient is None; a Variable: it is differentiated)"
)


@dataclass(frozen=True, slots=True)
class Traced:
    """A recorded function.

    Attributes:
        program: its outputs are the values and after them the gradients.
        structure: the function's result, with output numbers in place of its values.
        gradients: for each argument, the output that is its gradient; None where there
            is none.
    """

    program: Program
    structure: Any
    gradients: tuple[int | None, ...]


Recording = tuple[Traced, dict[int, tuple[Array, str]], dict[int, Variable]]
"""A traced function, the arrays from outside with the lines that use them, and the other leaves."""


def trace(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: tuple[str, ...],
    with_gradients: bool,
    random_states: Callable[[], Any],
    state: Callable[[], Any],
    environment_is_watched: bool,
) -> Traced:
    """Record ``function``, which is called twice to detect what differs between calls.

    Args:
        arguments: of the call; the last ones belong to the keywords.
        with_gradients: whether to record the gradients as well.
        random_states: returns the states of the generators that the function may use.
        state: returns the keys of what it may read from outside, by place.
        environment_is_watched: whether `os.environ` is among these.

    Raises:
        RecordingError: something cannot be recorded.
        Exception: whatever the function raises.
    """
    random_before = random_states()
    with noticing_interruptions() as is_interruption:
        call = (is_interruption, function, arguments, keywords, with_gradients)
        with refusing_ambient_state(is_interruption, package_of(function), environment_is_watched):
            first, first_outside, first_leaves = _record_in_context(*call)
        if random_states() != random_before:
            raise RecordingError(
                "the compiled function draws random numbers, which would be the same in every "
                f"call; draw them outside, and {PASS_AS_ARGUMENT}"
            )
        state_between = state()
        second, second_outside, second_leaves = _record_in_context(*call)
    if first_leaves.keys() & second_leaves.keys():
        raise RecordingError(
            "the compiled function uses a Variable that it did not get as an argument; "
            f"{PASS_AS_ARGUMENT}"
        )
    for identity, (array, line) in second_outside.items():
        if identity in first_outside and may_change(array):
            raise RecordingError(
                f"an ndarray from outside of the compiled function ({line}) may change between "
                f"calls; {PASS_AS_ARGUMENT}, or make it read-only (array.flags.writeable = False)"
            )
    if not first.program.equals(second.program) or first.structure != second.structure:
        raise RecordingError(
            "the function does something else each time that it is called, which cannot be "
            "recorded; compute what changes outside, "
            f"and {PASS_AS_ARGUMENT.split(' (')[0]}"
        )
    state_after = state()
    if state_between != state_after:
        raise RecordingError(
            f"the compiled function changes {first_change(state_between, state_after)}, which it "
            "reads from outside, each time that it is called; a compiled call would not: return "
            "the new value"
        )
    return first


def _record_in_context(*call: Any) -> Recording:
    """Record once, in a copy of the context, which the function may change."""
    try:
        return contextvars.copy_context().run(_record_once, *call)
    except Exception as error:
        cause = error.__cause__
        while cause is not None:
            if isinstance(cause, RecordingError):  # NumPy's own error hides the reason
                raise cause from None
            cause = cause.__cause__
        raise


def _record_once(
    is_interruption: Callable[[Any], bool],
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: tuple[str, ...],
    with_gradients: bool,
) -> Recording:
    observer.silent.set(True)
    recorder = Recorder(FUNCTIONS, METHODS)

    def stand_in_of(array: Any) -> Any:
        """Return the stand-in of an array; what interrupts the recording gets an array."""
        is_programs = not is_interruption(sys._getframe(1))
        return recorder.new(recorder.node_of(array)) if is_programs else np.array(array)

    lift.set(stand_in_of)
    stand_ins: list[Any] = []
    inputs: list[Any] = []
    array_count = 0
    for x in arguments:
        if isinstance(x, Variable | np.ndarray):
            data = x.data if isinstance(x, Variable) else x
            array = recorder.input(array_count, data.shape, data.dtype)
            array_count += 1
            stand_ins.append(Variable(array, x.name) if isinstance(x, Variable) else array)  # type: ignore[arg-type]
            inputs.append(array)
        else:
            stand_ins.append(x)
            inputs.append(None)
    positional = len(stand_ins) - len(keywords)
    named = dict(zip(keywords, stand_ins[positional:], strict=True))
    try:
        if with_gradients:
            value = function(*stand_ins[:positional], **named)
        else:
            with no_grad():
                value = function(*stand_ins[:positional], **named)
        _refuse_changes([*zip(stand_ins, inputs, strict=True)])
        leaves: list[Any] = []
        structure = flatten(value, leaves)
        results = [leaf.data if isinstance(leaf, Variable) else leaf for leaf in leaves]
        gradients: list[int | None] = [None] * len(arguments)
        by_leaf: dict[int, Any] = {}
        if with_gradients:
            by_leaf = _gradients(recorder, leaves)
            for i, x in enumerate(stand_ins):
                if isinstance(x, Variable) and id(x) in by_leaf:
                    gradients[i] = len(results)
                    gradient = recorder.new(recorder.node_of(by_leaf.pop(id(x))[0]))
                    results.append(gradient.astype(gradient_dtype(x.data)))
        program = recorder.finish(results)
    finally:
        recorder.thread = None
    # Leaves that are no arguments: new ones of the function, or from outside.
    other_leaves = {identity: slots[1] for identity, slots in by_leaf.items()}
    return Traced(program, structure, tuple(gradients)), recorder.outside_arrays, other_leaves


def _refuse_changes(stand_ins: list[tuple[Any, Any]]) -> None:
    """Raise RecordingError if the function changed one of its arguments."""
    for x, array in stand_ins:
        if isinstance(x, Variable) and (x.data is not array or x.grad is not None):
            what = "data" if x.data is not array else "grad"
            raise RecordingError(
                f"the compiled function assigns to an argument's {what}, which a compiled call "
                "would not; leave arguments as they are (after a backward() of its own: "
                "cleargrad()), and return the new value"
            )


def _gradients(recorder: Recorder, values: list[Any]) -> dict[int, Any]:
    """Compute gradients of the sum of the values, as [gradient, leaf] by the leaf's id."""
    roots = [v for v in values if isinstance(v, Variable) and v._edge is not NO_GRAPH]
    if not roots:
        raise GraphError(
            "a compiled function returned nothing that depends on a Variable with a graph, so "
            "there is no gradient; give Variables, do not call it under no_grad(), or compile "
            "it with gradients=False"
        )
    root = (
        roots[0]
        if len(roots) == 1 and roots[0].creator is not None
        else reduce(add, map(total, roots))
    )
    edge: Any = root._edge
    leaves, _, _ = sweep(edge, recorder.constant(1, edge._shape, edge._dtype), False, False)
    return leaves


def flatten(value: Any, leaves: list[Any]) -> Any:
    """Append a value's leaves, and return its tuples, lists and dicts with their numbers.

    Raises:
        RecordingError: the value contains another type.
    """
    if isinstance(value, Variable | RecordedArray):
        leaves.append(value)
        return len(leaves) - 1
    if isinstance(value, tuple):
        parts = [flatten(part, leaves) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, list):
        return [flatten(part, leaves) for part in value]
    if isinstance(value, dict):
        return {key: flatten(part, leaves) for key, part in value.items()}
    raise RecordingError(
        f"a compiled function returned {type(value).__name__}; it must return Variables, or "
        "tuples, lists and dicts of them"
    )


def unflatten(structure: Any, arrays: list[Array]) -> Any:
    """Return the structure with arrays in place of their numbers."""
    if isinstance(structure, int):
        return arrays[structure]
    if isinstance(structure, tuple):
        parts = [unflatten(part, arrays) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    if isinstance(structure, list):
        return [unflatten(part, arrays) for part in structure]
    return {key: unflatten(part, arrays) for key, part in structure.items()}
