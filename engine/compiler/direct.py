"""Direct calls: a plan of kernels alone, run by one thread without a workspace.

All that a call does is to allocate the results, to write the arrays' addresses into a table,
and to call the kernels, whose other arguments are made once.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .addresses import address_of
from .execution import MIN_THREADED_ELEMENTS
from .layout import Layout, contiguous
from .loops import KernelPart, LoopPlan, base
from .plan import HUGE_PAGE_BYTES, Plan, new_outputs
from .program import Array, Program, apply_view

Direct = Callable[[Sequence[Array], list[Array] | None], list[Array]]
"""Computes the results of given inputs: in these arrays, or else in new ones."""


def direct_call(plan: Plan, threads: int, inputs: Sequence[Layout]) -> Direct | None:
    """Return a plan as a direct call; None for a plan that needs more than its kernels.

    Args:
        inputs: the layouts that the plan is for.
    """
    program, nodes = plan.program, plan.program.nodes
    kernels = _kernel_calls(plan, threads)
    if kernels is None or plan.arena_bytes:
        return None
    # The words of each array, and where what a word is the address of begins in that array.
    table = plan.table.copy()
    words: list[list[tuple[int, int]]] = [[] for _ in (*inputs, *program.outputs)]
    for word, number in [pair for step in plan.addresses for pair in step]:
        source = base(program, number)
        node = nodes[source]
        if node.kind == "array":
            table[word] = address_of(_view(program, number, program.arrays[node.index]))
            continue
        is_input = node.kind == "input"
        place = node.index if is_input else len(inputs) + plan.owners[source]
        layout = inputs[place] if is_input else contiguous(node.shape, node.dtype)
        array = layout.template()
        start = address_of(_view(program, number, array)) - address_of(array)
        words[place].append((word, start))
    copies = [(i, n) for i, n in enumerate(program.outputs) if plan.owners.get(n) != i]
    results = [(nodes[n].shape, nodes[n].dtype) for n in program.outputs]
    is_large = any(nodes[n].bytes > HUGE_PAGE_BYTES for n in program.outputs)
    empty, int64, zero = np.empty, ctypes.c_int64, ctypes.c_int64(0)

    def copied(number: int, given: Sequence[Array], arrays: Sequence[Array]) -> Array:
        source = base(program, number)
        node = nodes[source]
        if node.kind == "constant":
            return node.number
        if node.kind == "array":
            return _view(program, number, program.arrays[node.index])
        of = given[node.index] if node.kind == "input" else arrays[plan.owners[source]]
        return _view(program, number, of)

    def run(given: Sequence[Array], arrays: list[Array] | None) -> list[Array]:
        if arrays is None:
            if is_large:
                arrays = new_outputs(plan, threads)
            else:
                arrays = [empty(shape, dtype) for shape, dtype in results]
        own_table = table.copy()
        for array, places in zip((*given, *arrays), words, strict=True):
            for word, start in places:
                own_table[word] = address_of(array) + start
        first_word = address_of(own_table)
        for kernel, start, stop in kernels:
            kernel(int64(first_word + start), zero, stop)
        for index, number in copies:
            np.copyto(arrays[index], copied(number, given, arrays))
        return arrays

    return run


def _kernel_calls(plan: Plan, threads: int) -> list[tuple[Any, int, Any]] | None:
    """Return the kernels, where their tables begin (bytes), and where their ranges end."""
    calls: list[tuple[Any, int, Any]] = []
    for loop in plan.steps:
        if not isinstance(loop, LoopPlan) or loop.block is not None:
            return None
        size = math.prod(loop.lengths)
        if threads > 1 and size >= MIN_THREADED_ELEMENTS:
            return None
        for part in loop.parts if size else ():
            assert isinstance(part, KernelPart)  # all that a loop without blocks has
            # Without argument types it takes ctypes' integers, which nothing converts.
            typed: Any = part.kernel
            kernel = ctypes.CFUNCTYPE(None)(ctypes.cast(typed, ctypes.c_void_p).value or 0)
            calls.append((kernel, 8 * part.table, ctypes.c_int64(part.scale * loop.lengths[0])))
    return calls


def _view(program: Program, number: int, array: Array) -> Array:
    """Return a node as a view of the array that its base is."""
    node = program.nodes[number]
    if node.kind != "view":
        return array
    return apply_view(node.operation, node.detail, _view(program, node.arguments[0], array))
