"""From a function to a program: its forward and its backward, run on recording arrays."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from engine import observer
from engine.backward import sweep
from engine.compiler.captured import changed
from engine.compiler.keys import may_change
from engine.compiler.program import Array, Program
from engine.compiler.recorded_array import RecordedArray
from engine.compiler.recorder import Recorder
from engine.config import no_grad
from engine.errors import GraphError, RecordingError
from engine.function import gradient_dtype
from engine.operations import add
from engine.operations import sum as total
from engine.stand_in import lift
from engine.variable import Variable

PASS_IT = (
    "pass it as an argument (an ndarray: its values may change from call to call, and its "
    "gradient is None; a Variable: it is differentiated)"
)


@dataclass(frozen=True, slots=True)
class Traced:
    """A recorded function.

    Attributes:
        program: its outputs are the values and after them the gradients.
        structure: what the function returned, with the outputs' numbers for its values.
        gradients: for each argument, the output that is its gradient; None where there
            is none.
    """

    program: Program
    structure: Any
    gradients: tuple[int | None, ...]


Recording = tuple[Traced, dict[int, tuple[Array, str]], dict[int, Variable]]
"""With the arrays from outside and where they were met, and the leaves that are no arguments."""


def trace(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: tuple[str, ...],
    wanted: bool,
    random_states: Callable[[], Any],
    state: Callable[[], Any],
) -> Traced:
    """Record a call of ``function``; it is called twice, to find what it does not repeat.

    Args:
        arguments: of the call; the last ones belong to the keywords.
        wanted: whether to record the gradients as well.
        random_states: the states of the generators that the function may use.
        state: what it may read from outside, by place.

    Raises:
        RecordingError: something cannot be recorded.
        Exception: whatever the function raises.
    """
    before = random_states()
    first, outside, leaves = _in_a_context(function, arguments, keywords, wanted)
    if random_states() != before:
        raise RecordingError(
            "the compiled function draws random numbers, which would be the same in every "
            f"call; draw them outside, and {PASS_IT}"
        )
    between = state()
    second, again, others = _in_a_context(function, arguments, keywords, wanted)
    if leaves.keys() & others.keys():
        raise RecordingError(
            f"the compiled function uses a Variable that it did not get as an argument; {PASS_IT}"
        )
    for identity, (array, line) in again.items():
        if identity in outside and may_change(array):
            raise RecordingError(
                f"an ndarray from outside of the compiled function ({line}) may change without "
                f"its knowledge; {PASS_IT}, or make it read-only (array.flags.writeable = False)"
            )
    if not first.program.same_as(second.program) or first.structure != second.structure:
        raise RecordingError(
            "the function does something else each time that it is called, which cannot be "
            "recorded; compute what changes outside, "
            f"and {PASS_IT.split(' (')[0]}"
        )
    after = state()
    if between != after:
        raise RecordingError(
            f"the compiled function changes {changed(between, after)}, which it reads from "
            "outside, each time that it is called; a compiled call would not: return what is new"
        )
    return first


def _in_a_context(*call: Any) -> Recording:
    """Record once, in a context of its own: what the function changes there ends with it."""
    try:
        return contextvars.copy_context().run(_once, *call)
    except Exception as error:
        cause = error.__cause__
        while cause is not None:
            if isinstance(cause, RecordingError):  # NumPy may say less: that it got no number
                raise cause from None
            cause = cause.__cause__
        raise


def _once(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: tuple[str, ...],
    wanted: bool,
) -> Recording:
    observer.silent.set(True)
    recorder = Recorder()
    lift.set(lambda array: recorder.new(recorder.node_of(array)))
    stand_ins: list[Any] = []
    inputs: list[Any] = []
    arrays = 0
    for x in arguments:
        if isinstance(x, Variable | np.ndarray):
            data = x.data if isinstance(x, Variable) else x
            array = recorder.input(arrays, data.shape, data.dtype)
            arrays += 1
            stand_ins.append(Variable(array, x.name) if isinstance(x, Variable) else array)  # type: ignore[arg-type]
            inputs.append(array)
        else:
            stand_ins.append(x)
            inputs.append(None)
    positional = len(stand_ins) - len(keywords)
    named = dict(zip(keywords, stand_ins[positional:], strict=True))
    try:
        if wanted:
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
        if wanted:
            by_leaf = _gradients(recorder, leaves)
            for i, x in enumerate(stand_ins):
                if isinstance(x, Variable) and id(x) in by_leaf:
                    gradients[i] = len(results)
                    gradient = recorder.new(recorder.node_of(by_leaf.pop(id(x))[0]))
                    results.append(gradient.astype(gradient_dtype(x.data)))
        program = recorder.finish(results)
    finally:
        recorder.thread = None
    # Leaves that are no arguments: made by the function itself, or from outside.
    others = {identity: slots[1] for identity, slots in by_leaf.items()}
    return Traced(program, structure, tuple(gradients)), recorder.outside, others


def _refuse_changes(stand_ins: list[tuple[Any, Any]]) -> None:
    """Raise RecordingError if the function changed one of its arguments."""
    for x, array in stand_ins:
        if isinstance(x, Variable) and (x.data is not array or x.grad is not None):
            what = "data" if x.data is not array else "grad"
            raise RecordingError(
                f"the compiled function assigns to an argument's {what}, which a compiled call "
                "would not; leave arguments as they are (after a backward() of its own: "
                "cleargrad()), and return what is new"
            )


def _gradients(recorder: Recorder, values: list[Any]) -> dict[int, Any]:
    """Gradients of the sum of the values, as [gradient, leaf] by the leaf's id."""
    roots = [v for v in values if isinstance(v, Variable) and v._edge != ()]
    if not roots:
        raise GraphError(
            "a compiled function returned nothing that depends on a Variable with a graph, so "
            "there is no gradient; give Variables, do not call it under no_grad(), or compile "
            "it with gradients=False"
        )
    root = roots[0] if len(roots) == 1 and roots[0]._edge else reduce(add, map(total, roots))
    source, index, shape, dtype = root._edge  # type: ignore[misc]
    gys: list[Any] = [None] * len(source._references)  # type: ignore[union-attr]
    gys[index] = recorder.constant(1, shape, dtype)
    leaves, _, _ = sweep(source, gys, False, False)  # type: ignore[arg-type]
    return leaves


def flatten(value: Any, leaves: list[Any]) -> Any:
    """The structure of tuples, lists and dicts, with numbers for the leaves, which are appended.

    Raises:
        RecordingError: there is something else in it.
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
        f"a compiled function returned {type(value).__name__}; it returns Variables, or tuples, "
        "lists and dicts of them"
    )


def unflatten(structure: Any, arrays: list[Array]) -> Any:
    """The structure with its arrays."""
    if isinstance(structure, int):
        return arrays[structure]
    if isinstance(structure, tuple):
        parts = [unflatten(part, arrays) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    if isinstance(structure, list):
        return [unflatten(part, arrays) for part in structure]
    return {key: unflatten(part, arrays) for key, part in structure.items()}
