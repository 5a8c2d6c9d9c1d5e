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
from .layout import Layout
from .loops import KernelPart, LoopPlan
from .plan import HUGE_PAGE_BYTES, Plan, new_outputs
from .program import Array, apply_view

Direct = Callable[[Sequence[Array], Sequence[Array] | None], list[Array]]
"""Computes the results of given inputs: in these arrays, or else in new ones."""


def direct_call(plan: Plan, threads: int, inputs: Sequence[Layout]) -> Direct | None:
    """Return a plan as a direct call; None for a plan that needs more than its kernels.

    Args:
        inputs: the layouts that the plan is for.
    """
    program, nodes = plan.program, plan.program.nodes
    outputs = [plan.owners.get(number) for number in program.outputs]
    if plan.arena_bytes or outputs != list(range(len(outputs))):
        return None
    kernels: list[tuple[Any, int, Any, Any]] = []
    for loop in plan.steps:
        if not isinstance(loop, LoopPlan) or loop.block is not None:
            return None
        size = math.prod(loop.lengths)
        if threads > 1 and size >= MIN_THREADED_ELEMENTS:
            return None
        for part in loop.parts if size else ():
            assert isinstance(part, KernelPart)
            stop = ctypes.c_int64(part.scale * loop.lengths[0])
            kernels.append((_untyped(part.kernel), 8 * part.table, ctypes.c_int64(0), stop))

    # The words of each array, and where the node in a word begins within that array.
    template = plan.table.copy()
    words: list[list[tuple[int, int]]] = [[] for _ in (*inputs, *outputs)]
    for word, number in [pair for step in plan.addresses for pair in step]:
        chain = [number]
        while nodes[chain[-1]].kind == "view":
            chain += nodes[chain[-1]].arguments
        start = nodes[chain[-1]]
        if chain[-1] in plan.owners:
            words[len(inputs) + plan.owners[chain[-1]]].append((word, 0))
            continue
        array = (
            inputs[start.index].template() if start.kind == "input" else program.arrays[start.index]
        )
        view = array
        for n in reversed(chain[:-1]):
            view = apply_view(nodes[n].operation, nodes[n].detail, view)
        if start.kind == "input":
            words[start.index].append((word, address_of(view) - address_of(array)))
        else:
            template[word] = address_of(view)
    results = [(nodes[n].shape, nodes[n].dtype) for n in program.outputs]
    is_large = any(nodes[n].bytes > HUGE_PAGE_BYTES for n in program.outputs)
    empty, int64 = np.empty, ctypes.c_int64

    def run(given: Sequence[Array], out: Sequence[Array] | None) -> list[Array]:
        if out is not None:
            arrays = list(out)
        elif is_large:
            arrays = new_outputs(plan, threads)
        else:
            arrays = [empty(shape, dtype) for shape, dtype in results]
        table = template.copy()
        for array, places in zip((*given, *arrays), words, strict=True):
            address = address_of(array)
            for word, start in places:
                table[word] = address + start
        base = address_of(table)
        for kernel, start, first, stop in kernels:
            kernel(int64(base + start), first, stop)
        return arrays

    return run


def _untyped(kernel: Any) -> Any:
    """Return a kernel that takes its arguments as ctypes' integers, which nothing converts."""
    return ctypes.CFUNCTYPE(None)(ctypes.cast(kernel, ctypes.c_void_p).value or 0)
