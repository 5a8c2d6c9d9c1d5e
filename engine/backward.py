"""The reverse sweep: the gradients of a result with respect to its leaves."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from . import observer
from .blocks import current
from .edge import Target, place_of
from .errors import GradientError, GraphError
from .function import (
    RELEASED,
    Edge,
    Function,
    book_style_outputs,
    name_of,
    released_error,
    saved_by,
)
from .gradient import (
    SOLE_REFERENCES,
    Slots,
    accumulate,
    accumulated_dtype,
    conform,
    getrefcount,
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
    edge: Any = root._edge
    if edge is NO_GRAPH:
        raise GraphError(
            "backward: this variable has no graph to differentiate; it was computed under "
            "no_grad() (or enable_backprop=False), or from constants only"
        )
    if edge is None:
        check_data(root.data, "backward")
        edge = Target(root, None, root.data)
    if root.grad is None:
        seed = ones(edge._shape, edge._dtype)
    else:
        label = "backward: the seed, this variable's grad,"
        seed = conform(root.grad, edge._shape, edge._dtype, False, label)
    if root._edge is None:
        root.grad = copy_array(seed) if root.grad is None else seed
        return
    seeds = [seed]
    del seed
    leaves, output_gradients, stale_outputs = sweep(
        edge, seeds.pop(), retain_grad, settings.retain_graph
    )
    _store(leaves, output_gradients, stale_outputs)


def sweep(
    root: Edge, seed: Any, retain_grad: bool, retain_graph: bool
) -> tuple[dict[int, Slots], OutputGradients, list[Variable]]:
    """Compute the gradients of the leaves from that of one output.

    Changes no variable. Functions run in the reverse order of their calls. That is a
    topological order, and it finishes one branch before it starts the next, so that fewer
    gradients are pending than in the order of generations.

    Args:
        root: the function of that output, or the output among its several.
        seed: the output's gradient.

    Returns:
        The leaves' gradients, as [gradient, leaf, dtype] by the leaf's id, not yet narrowed
        to that dtype where the arithmetic's is wider; with retain_grad,
        each function with the gradients of its outputs; and the outputs that hold a gradient
        of an earlier sweep.
    """
    order: list[int] = []
    pending: dict[int, Slots] = {}  # the gradients of a function's outputs, and the function
    leaves: dict[int, Slots] = {}
    is_mixed = False  # whether gradients may be wider than they must be when they are complete
    output_gradients: OutputGradients = []
    stale_outputs: list[Variable] = []
    slots: Slots | None
    slots, index = _slots_of(root, leaves, pending, order)
    slots[index] = seed
    slots = seed = None
    while order:
        gys = pending.pop(heappop(order))
        function = gys.pop()
        if is_mixed:
            _narrow(gys, function)
        if function.saved_for_backward is RELEASED:
            raise released_error(function)
        if function._layouts is None:
            variable = function._reference()
            if variable is not None and variable.grad is not None:
                stale_outputs.append(variable)
            variable = None
        else:
            _complete(gys, function, stale_outputs)
        if retain_grad:
            output_gradients.append((function, list(gys)))
        try:
            in_place = function.in_place
            if in_place:
                if observer.watches:
                    _notify("before", function, gys)
                out = gys[0]
                # The list and this name: nothing else refers to it. (Then it is writable: the
                # sweep computed or copied it.)
                if (
                    getrefcount(out) != SOLE_REFERENCES
                    or type(out) is not ndarray
                    or out.base is not None
                    or in_place == "saved"
                ):
                    out = None if retain_graph else spare(function.saved_for_backward, out)
                gxs = function.backward(gys.pop(), out)
                out = None
            else:
                gxs = _gradients_of(function, gys, retain_graph)
        except BaseException as error:
            if function.in_place and not retain_graph:
                function.saved_for_backward = RELEASED  # it may have been written into
            if isinstance(error, Exception):
                error.add_note(f"in the backward of {name_of(function)}")
            raise
        if not retain_graph:
            function.saved_for_backward = RELEASED
        for i, edge in enumerate(function._edges):
            gx = gxs[i]
            if gx is None or edge is None:
                continue
            if type(gx) is not ndarray or gx.dtype is not edge._dtype or gx.shape != edge._shape:
                label = f"{name_of(function)}: the gradient that backward returned for input {i}"
                dtype = accumulated_dtype(gx, edge._dtype)
                gxs[i] = gx = conform(gx, edge._shape, dtype, function.built_in, label)
                is_mixed = is_mixed or dtype != edge._dtype
            if not function.built_in:  # a user's backward may write into what it returned
                gx = None
                own(gxs, i)
                gx = gxs[i]
            number = edge._number
            if number is None:
                slots, index = _slots_of(edge, leaves, pending, order)
            else:
                number = -number
                slots = pending.get(number)
                if slots is None:
                    pending[number] = [gx, edge]
                    heappush(order, number)
                    continue
                index = 0
            if slots[index] is None:
                slots[index] = gx
            else:
                if slots[index].shape != edge._shape:
                    raise GradientError(
                        "backward: a leaf's data was replaced while the graph was recorded; it was "
                        f"used with shape {edge._shape} and with shape {slots[index].shape}"
                    )
                gx = None  # accumulate() counts references, and this one is not needed
                if is_mixed:
                    widen(slots, index, gxs, i)
                accumulate(slots, index, gxs, i)
        gx = gxs = None  # frees gradients that were added to others, before an event
        if observer.watches:
            edges = function._edges  # no name for the gradients: it would be one more reference
            _notify("after", function, (), [_pending_gradient(e, leaves, pending) for e in edges])
    return leaves, output_gradients, stale_outputs


def _slots_of(
    edge: Any, leaves: dict[int, Slots], pending: dict[int, Slots], order: list[int]
) -> tuple[Slots, int]:
    """Return where the sweep's table holds the gradient for an edge, as a list and an index."""
    function, index = place_of(edge)
    if index is None:
        return leaves.setdefault(id(function), [None, function, edge._dtype]), 0
    number = -function._number
    if number not in pending:
        pending[number] = [*[None] * len(function.outputs), function]
        heappush(order, number)
    return pending[number], index


def _complete(gys: Slots, function: Function, stale_outputs: list[Variable]) -> None:
    """Fill in zeros for outputs that were not used, and note those that hold a gradient."""
    for i, layout in enumerate(function._layouts or ()):
        if gys[i] is None:
            gys[i] = zeros(*layout)
        variable = function._references[i]()
        if variable is not None and variable.grad is not None:
            stale_outputs.append(variable)


def _gradients_of(function: Function, gys: Slots, retain_graph: bool) -> list[Any]:
    """Return the gradients of the inputs of a function that may be a user's."""
    if not function.built_in:
        for i in range(len(gys)):
            own(gys, i)
    if observer.watches:
        _notify("before", function, gys)
    # Keeps the outputs alive while the function's backward may read them.
    outputs = book_style_outputs(function) if function.saved_for_backward is None else None
    result = function.backward(*gys)
    del outputs
    gys.clear()
    if not retain_graph:
        function._inputs = function._results = None
    gxs = list(result) if isinstance(result, tuple) else [result]
    del result
    if len(gxs) != len(function._edges):
        raise GradientError(
            f"{name_of(function)}: backward returned {len(gxs)} gradients "
            f"for {len(function._edges)} inputs"
        )
    return gxs


def _narrow(gys: Slots, function: Function) -> None:
    """Convert the complete gradients of an operation's outputs to the outputs' dtypes."""
    for i, (_, dtype) in enumerate(function._layouts or [((), function._dtype)]):
        if gys[i] is not None and gys[i].dtype is not dtype:
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
    function, index = place_of(edge)
    if index is None:
        return leaves.get(id(function), [None])[0]
    return pending.get(-function._number, {index: None})[index]


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
