"""The reverse sweep: from a result back to the leaves it was made from."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np

from engine import observer
from engine.config import current
from engine.errors import GradientError, GraphError
from engine.function import (
    LEAF,
    Function,
    gradient_dtype,
    name_of,
    outputs_as_the_book,
    released_error,
    saved_by,
)
from engine.gradient import Slots, accumulate, conform, ones, own, zeros
from engine.stand_in import copied
from engine.variable import Variable, check_data

Kept = list[tuple[Function, Slots]]


def backward(root: Variable, retain_grad: bool | None) -> None:
    """Add the gradients of ``root`` to its leaves; see `Variable.backward`."""
    settings = current()
    if retain_grad is None:
        retain_grad = settings.retain_grad
    edge = root._edge
    if edge is None:
        check_data(root.data, "backward")
        edge = (root, LEAF, root.data.shape, gradient_dtype(root.data))
    elif not edge:
        raise GraphError(
            "backward: this variable was made without a graph, so there is nothing to go back "
            "through; it was computed under no_grad() (or enable_backprop=False), or from "
            "constants only"
        )
    source, index, shape, dtype = edge
    if root.grad is None:
        seed = ones(shape, dtype)
    else:
        seed = conform(root.grad, shape, dtype, False, "backward: the seed, this variable's grad,")
    if isinstance(source, Variable):
        root.grad = copied(seed) if root.grad is None else seed
        return
    gys: Slots = [None] * len(source._references)
    gys[index] = seed
    del seed
    leaves, kept, stale = sweep(source, gys, retain_grad, settings.retain_graph)
    _store(leaves, kept, stale)


def sweep(
    function: Function, gys: Slots, retain_grad: bool, retain_graph: bool
) -> tuple[dict[int, Slots], Kept, list[Variable]]:
    """Go back from ``function``, given the gradients of its outputs; change no variable.

    Functions are taken in the reverse order of their calls. That is a topological order,
    and it finishes one branch before it starts the next, so that fewer gradients wait
    than in the order of generations.

    Returns:
        The leaves' gradients, as [gradient, leaf] by the leaf's id; with retain_grad,
        each function with the gradients of its outputs; without, the outputs that hold
        a gradient of an earlier sweep.
    """
    order = [-function._number]
    pending = {order[0]: (function, gys)}
    leaves: dict[int, Slots] = {}
    kept: Kept = []
    stale: list[Variable] = []
    slots: Slots | None
    gxs: Slots | None
    while order:
        function, gys = pending.pop(heappop(order))
        edges = function._edges or ()
        if function._released:
            raise released_error(function)
        if function._layouts is not None:
            for i, layout in enumerate(function._layouts):
                if gys[i] is None:
                    gys[i] = zeros(*layout)
        if retain_grad:
            kept.append((function, list(gys)))
        else:
            for reference in function._references:
                variable = reference()
                if variable is not None and variable.grad is not None:
                    stale.append(variable)
            variable = None
        as_the_book = function.saved_for_backward is None
        # Alive while its backward may read them.
        revived = outputs_as_the_book(function) if as_the_book else None
        if not function.built_in:
            for i in range(len(gys)):
                own(gys, i)
        if observer.watches:
            _tell("before", function, gys)
        try:
            returned = function.backward(*gys)
        except Exception as error:
            error.add_note(f"in the backward of {name_of(function)}")
            raise
        del revived
        gys.clear()
        gxs = list(returned) if isinstance(returned, tuple) else [returned]
        del returned
        if len(gxs) != len(edges):
            raise GradientError(
                f"{name_of(function)}: backward returned {len(gxs)} gradients "
                f"for {len(edges)} inputs"
            )
        if not retain_graph:
            function._released = True
            function.saved_for_backward = ()
            if as_the_book:
                function._inputs = function._results = None
        for i, edge in enumerate(edges):
            gx = gxs[i]
            if edge is None or gx is None:
                continue
            source, index, shape, dtype = edge
            if type(gx) is not np.ndarray or gx.dtype is not dtype or gx.shape != shape:
                what = f"{name_of(function)}: the gradient that backward returned for input {i}"
                gxs[i] = gx = conform(gx, shape, dtype, function.built_in, what)
            if not function.built_in:  # its author may write into what he returned
                gx = None
                own(gxs, i)
                gx = gxs[i]
            if index < 0:
                index = 0
                slots = leaves.setdefault(id(source), [None, source])
            else:
                number = -source._number
                if number in pending:
                    slots = pending[number][1]
                else:
                    slots = [None] * len(source._references)
                    pending[number] = (source, slots)
                    heappush(order, number)
            if slots[index] is None:
                slots[index] = gx
            else:
                if slots[index].shape != shape:
                    raise GradientError(
                        "backward: a leaf's data was replaced while the graph was made; it was "
                        f"used with shape {shape} and with shape {slots[index].shape}"
                    )
                gx = None  # one reference less: accumulate() looks at their number
                accumulate(slots, index, gxs, i)
        gx = gxs = slots = None  # what was added to another is gone before anybody is told
        if observer.watches:
            _tell("after", function, (), [_standing(e, leaves, pending) for e in edges])
    return leaves, kept, stale


def _store(leaves: dict[int, Slots], kept: Kept, stale: list[Variable]) -> None:
    """Hand the finished gradients to their variables: first make them all, then assign."""
    if observer.watches:
        observer.tell(observer.Event("backward", "before", "store", -1))
    for slots in leaves.values():
        old = slots[1].grad
        if old is not None:
            gradient = slots[0]
            what = "backward: the grad that a leaf holds, to which the new one would be added,"
            old = conform(old, gradient.shape, gradient.dtype, False, what)
            del gradient
            accumulate(slots, 0, [old], 0)
        own(slots, 0)
    for function, gys in kept:
        # A variable that nobody holds lives on in the function that it was an input of.
        function._inputs = function.inputs
        for i in range(len(gys)):
            own(gys, i)

    if observer.watches:
        gradients = [slots[0] for slots in leaves.values()]
        gradients += [gradient for _, gys in kept for gradient in gys]
        observer.tell(observer.Event("backward", "after", "store", -1, outputs=tuple(gradients)))

    for slots in leaves.values():
        slots[1].grad = slots[0]
    for holder in stale:
        holder.grad = None
    for function, gys in kept:
        for reference, gradient in zip(function._references, gys, strict=True):
            variable = reference()
            if variable is not None:
                variable.grad = gradient


def _standing(edge: Any, leaves: dict[int, Slots], pending: dict[int, Any]) -> Any:
    """The gradient that stands in the sweep's table where an edge leads; None for a constant."""
    if edge is None:
        return None
    source, index = edge[:2]
    if index < 0:
        return leaves.get(id(source), [None])[0]
    return pending[-source._number][1][index] if -source._number in pending else None


def _tell(moment: observer.Moment, function: Function, gys: Any, gxs: Any = ()) -> None:
    observer.tell(
        observer.Event(
            "backward",
            moment,
            name_of(function),
            function._number,
            inputs=tuple(gys),
            outputs=tuple(gxs),
            saved=saved_by(function),
        )
    )
