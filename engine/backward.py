"""The reverse sweep: the gradients of a result with respect to its leaves."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np

from . import observer
from .blocks import current
from .errors import GradientError, GraphError
from .function import (
    LEAF,
    Function,
    book_style_outputs,
    gradient_dtype,
    name_of,
    number_of_outputs,
    released_error,
    saved_by,
    target_of,
)
from .gradient import (
    Slots,
    accumulate,
    accumulated_dtype,
    conform,
    ndarray,
    ones,
    own,
    spare,
    widen,
    zeros,
)
from .stand_in import as_plain, copy_array
from .variable import NO_GRAPH, Variable, check_data

OutputGradients = list[tuple[Function, Slots]]


def backward(root: Variable, retain_grad: bool | None) -> None:
    """Add the gradients of ``root`` to its leaves; see `Variable.backward`."""
    settings = current()
    if retain_grad is None:
        retain_grad = settings.retain_grad
    edge = root._edge
    if edge is None:
        check_data(root.data, "backward")
        edge = (root, LEAF, root.data.shape, gradient_dtype(root.data))
    elif edge is NO_GRAPH:
        raise GraphError(
            "backward: this variable has no graph to differentiate; it was computed under "
            "no_grad() (or enable_backprop=False), or from constants only"
        )
    source, index, shape, dtype = target_of(edge)
    if root.grad is None:
        seed = ones(shape, dtype)
    else:
        seed = conform(root.grad, shape, dtype, False, "backward: the seed, this variable's grad,")
    if isinstance(source, Variable):
        root.grad = copy_array(seed) if root.grad is None else seed
        return
    gys: Slots = [None] * number_of_outputs(source)
    gys[index] = seed
    del seed
    leaves, output_gradients, stale_outputs = sweep(source, gys, retain_grad, settings.retain_graph)
    _store(leaves, output_gradients, stale_outputs)


def sweep(
    function: Function, gys: Slots, retain_grad: bool, retain_graph: bool
) -> tuple[dict[int, Slots], OutputGradients, list[Variable]]:
    """Compute the gradients of the leaves from those of the outputs of ``function``.

    Changes no variable. Functions run in the reverse order of their calls. That is a
    topological order, and it finishes one branch before it starts the next, so that fewer
    gradients are pending than in the order of generations.

    Returns:
        The leaves' gradients, as [gradient, leaf, dtype] by the leaf's id, not yet narrowed
        to that dtype where the arithmetic's is wider; with retain_grad,
        each function with the gradients of its outputs; without, the outputs that hold
        a gradient of an earlier sweep.
    """
    order = [-function._number]
    pending: dict[int, Slots] = {order[0]: [*gys, function]}
    gys.clear()
    leaves: dict[int, Slots] = {}
    wide: dict[tuple[int, int], np.dtype[Any]] = {}  # pending gradients to be narrowed
    is_mixed = False  # whether gradients of one variable may be of several dtypes
    output_gradients: OutputGradients = []
    stale_outputs: list[Variable] = []
    slots: Slots | None
    gxs: Slots | None
    while order:
        gys = pending.pop(heappop(order))
        function = gys.pop()
        if wide:
            _narrow(gys, function._number, wide)
        if function._released:
            raise released_error(function)
        if function._layouts is not None:
            for i, layout in enumerate(function._layouts):
                if gys[i] is None:
                    gys[i] = zeros(*layout)
        if retain_grad:
            output_gradients.append((function, list(gys)))
        elif function._reference is not None:
            variable = function._reference()
            if variable is not None and variable.grad is not None:
                stale_outputs.append(variable)
            variable = None
        else:
            outputs = [reference() for reference in function._references]
            stale_outputs += [y for y in outputs if y is not None and y.grad is not None]
            del outputs
        if observer.watches:
            _notify("before", function, gys)
        try:
            if function.writes:
                out = spare(gys, () if retain_graph else function.saved_for_backward)
                gxs = function.backward(gys.pop(), out)
                out = None
            else:
                gxs = _gradients_of(function, gys)
        except Exception as error:
            error.add_note(f"in the backward of {name_of(function)}")
            raise
        if not retain_graph:
            function._released = True
            function.saved_for_backward = ()
            if not function.built_in:
                function._inputs = function._results = None
        edges = function._edges
        for i, edge in enumerate(edges):
            gx = gxs[i]
            if gx is None or edge is None:
                continue
            if type(edge) is tuple:
                source, index, shape, dtype = edge
            else:
                source, index, shape, dtype = edge, 0, edge._shape, edge._dtype
            if type(gx) is not ndarray or gx.dtype is not dtype or gx.shape != shape:
                label = f"{name_of(function)}: the gradient that backward returned for input {i}"
                wider_dtype = accumulated_dtype(gx, dtype)
                gxs[i] = gx = conform(gx, shape, wider_dtype, function.built_in, label)
                if wider_dtype != dtype:
                    is_mixed = True
                    if index >= 0:
                        wide[source._number, index] = dtype
            if not function.built_in:  # a user's backward may write into what it returned
                gx = None
                own(gxs, i)
                gx = gxs[i]
            if index < 0:
                index = 0
                slots = leaves.setdefault(id(source), [None, source, dtype])
            else:
                number = -source._number
                slots = pending.get(number)
                if slots is None:
                    slots = pending[number] = [*[None] * number_of_outputs(source), source]
                    heappush(order, number)
            if slots[index] is None:
                slots[index] = gx
            else:
                if slots[index].shape != shape:
                    raise GradientError(
                        "backward: a leaf's data was replaced while the graph was recorded; it was "
                        f"used with shape {shape} and with shape {slots[index].shape}"
                    )
                gx = None  # accumulate() counts references, and this one is not needed
                if is_mixed:
                    widen(slots, index, gxs, i)
                accumulate(slots, index, gxs, i)
        gx = gxs = slots = None  # frees gradients that were added to others, before an event
        if observer.watches:
            _notify("after", function, (), [_pending_gradient(e, leaves, pending) for e in edges])
    return leaves, output_gradients, stale_outputs


def _gradients_of(function: Function, gys: Slots) -> list[Any]:
    """Return the gradients of the inputs of a function that may be a user's."""
    if not function.built_in:
        for i in range(len(gys)):
            own(gys, i)
    # Keeps the outputs alive while the function's backward may read them.
    outputs = book_style_outputs(function) if function.saved_for_backward is None else None
    result = function.backward(*gys)
    del outputs
    gys.clear()
    gxs = list(result) if isinstance(result, tuple) else [result]
    del result
    if len(gxs) != len(function._edges):
        raise GradientError(
            f"{name_of(function)}: backward returned {len(gxs)} gradients "
            f"for {len(function._edges)} inputs"
        )
    return gxs


def _narrow(gys: Slots, number: int, wide: dict[tuple[int, int], np.dtype[Any]]) -> None:
    """Convert the complete gradients of an operation's outputs to the outputs' dtypes."""
    for i in range(len(gys)):
        dtype = wide.pop((number, i), None)
        if dtype is not None:
            gys[i] = as_plain(gys[i]).astype(dtype, copy=False)


def _store(
    leaves: dict[int, Slots], output_gradients: OutputGradients, stale_outputs: list[Variable]
) -> None:
    """Assign the finished gradients to their variables, once all of them are computed."""
    if observer.watches:
        observer.notify(observer.Event("backward", "before", "store", -1))
    for slots in leaves.values():
        previous = slots[1].grad
        if previous is not None:
            gradient = slots[0]
            label = "backward: the grad that a leaf holds, to which the new one would be added,"
            dtype = accumulated_dtype(previous, gradient.dtype)
            incoming = [conform(previous, gradient.shape, dtype, False, label)]
            del gradient, previous
            widen(slots, 0, incoming, 0)
            accumulate(slots, 0, incoming, 0)
        if slots[0].dtype != slots[2]:
            slots[0] = slots[0].astype(slots[2])
        own(slots, 0)
    for function, gys in output_gradients:
        # Keeps input variables that have no other references, with their gradients.
        function._inputs = function.inputs
        for i in range(len(gys)):
            own(gys, i)

    if observer.watches:
        gradients = [slots[0] for slots in leaves.values()]
        gradients += [gradient for _, gys in output_gradients for gradient in gys]
        observer.notify(observer.Event("backward", "after", "store", -1, outputs=tuple(gradients)))

    for slots in leaves.values():
        slots[1].grad = slots[0]
    for output in stale_outputs:
        output.grad = None
    for function, gys in output_gradients:
        for reference, gradient in zip(function.outputs, gys, strict=True):
            variable = reference()
            if variable is not None:
                variable.grad = gradient


def _pending_gradient(edge: Any, leaves: dict[int, Slots], pending: dict[int, Slots]) -> Any:
    """Return the gradient that the sweep holds for an edge's source; None for a constant."""
    if edge is None:
        return None
    source, index, _, _ = target_of(edge)
    if index < 0:
        return leaves.get(id(source), [None])[0]
    return pending.get(-source._number, {index: None})[index]


def _notify(moment: observer.Moment, function: Function, gys: Any, gxs: Any = ()) -> None:
    observer.notify(
        observer.Event(
            "backward",
            moment,
            name_of(function),
            function._number,
            inputs=tuple(gys),
            outputs=tuple(gxs),
            saved=saved_by(function),
            function=function,
        )
    )
