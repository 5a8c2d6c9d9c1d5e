"""Direct calls: a plan of kernels, and of sums of one block, run by one thread.

All that a call does is to allocate the results, to write the arrays' addresses into a table,
and to call the kernels, whose other arguments are made once.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .addresses import address_of
from .execution import SILENT, aligned, threads_of
from .fusion import base
from .kernels import compile_kernel
from .layout import Layout, contiguous
from .loops import KernelPart, LoopPlan, SumPart
from .plan import HUGE_PAGE_BYTES, Plan, new_array
from .program import Array, Program, Shape, apply_view
from .running import operation

Direct = Callable[[Sequence[Array], list[Array] | None], list[Array]]
"""Computes the results of given inputs: in these arrays, or else in new ones."""


def direct_call(plan: Plan, threads: int, inputs: Sequence[Layout]) -> Direct | None:
    """Return a plan as a direct call; None for a plan that needs more than its kernels.

    Args:
        inputs: the layouts that the plan is for.
    """
    program, nodes = plan.program, plan.program.nodes
    calls = _calls(plan, threads)
    if calls is None or any(buffer.output is None for buffer in plan.buffers):
        return None
    kernels, sums = calls
    # Each word's array among inputs and results, and where what it is the address of begins.
    table = plan.table.copy()
    words: list[list[tuple[int, int]]] = [[] for _ in (*inputs, *program.outputs)]
    for word, number in [pair for step in plan.addresses for pair in step]:
        node = nodes[base(program, number)]
        if node.kind == "array":
            table[word] = address_of(_view(program, number, program.arrays[node.index]))
            continue
        place = _place(plan, number, len(inputs))
        is_input = place < len(inputs)
        array = (inputs[place] if is_input else contiguous(node.shape, node.dtype)).template()
        start = address_of(_view(program, number, array)) - address_of(array)
        words[place].append((word, start))
    copies = [
        (index, number, *_source(plan, number, len(inputs)))
        for index, number in enumerate(program.outputs)
        if plan.owners.get(number) != index
    ]
    scratch_words = [pair for step in plan.scratch_addresses for pair in step]
    results = [(nodes[n].shape, nodes[n].dtype) for n in program.outputs]
    is_large = any(nodes[n].bytes > HUGE_PAGE_BYTES for n in program.outputs)
    empty, int64, zero = np.empty, ctypes.c_int64, ctypes.c_int64(0)

    def run(given: Sequence[Array], out: list[Array] | None) -> list[Array]:
        arrays = out
        if arrays is None:
            if is_large:
                arrays = [new_array(nodes[n], threads) for n in program.outputs]
            else:
                arrays = [empty(shape, dtype) for shape, dtype in results]
        own_table, every = table.copy(), (*given, *arrays)
        for array, places in zip(every, words, strict=True):
            for word, start in places:
                own_table[word] = address_of(array) + start
        scratch = aligned(plan.scratch_bytes)
        if scratch_words:
            start = address_of(scratch)
            for word, offset in scratch_words:
                own_table[word] = start + offset
        first_word = address_of(own_table)
        for kernel, start, stop in kernels:
            kernel(int64(first_word + start), zero, stop)
        if sums:
            SILENT.copy().run(_add_up, sums, arrays, scratch)
        for index, number, place, fixed in copies:
            source = every[place] if fixed is None else fixed
            np.copyto(arrays[index], _view(program, number, source))
        return arrays

    return run


def _place(plan: Plan, number: int, inputs: int) -> int:
    """Return the array that a node shows by its place among inputs and results."""
    source = base(plan.program, number)
    node = plan.program.nodes[source]
    return node.index if node.kind == "input" else inputs + plan.owners[source]


def _source(plan: Plan, number: int, inputs: int) -> tuple[int, Array | None]:
    """Return the place of the array that a node shows, or the array where it never changes."""
    node = plan.program.nodes[base(plan.program, number)]
    if node.kind == "constant":
        return 0, node.number
    if node.kind == "array":
        return 0, plan.program.arrays[node.index]
    return _place(plan, number, inputs), None


@dataclass(frozen=True, slots=True)
class _Sum:
    """A sum over one block, which lies in the scratch memory or is a result; both by number."""

    add: Callable[..., Any]
    result: int
    summed: int | None
    offset: int
    shape: Shape
    dtype: np.dtype[Any]


def _add_up(sums: Sequence[_Sum], arrays: Sequence[Array], scratch: Array) -> None:
    for s in sums:
        if s.summed is None:
            block = np.ndarray(s.shape, s.dtype, scratch, s.offset)
        else:
            block = arrays[s.summed].reshape(s.shape)
        s.add(block, out=arrays[s.result])


def _calls(plan: Plan, threads: int) -> tuple[list[tuple[Any, int, Any]], list[_Sum]] | None:
    """Return the kernels, where their tables begin (bytes) and their ranges end; and the sums.

    None where there is more to a plan, or the sums are not the last that it computes.
    """
    nodes = plan.program.nodes
    kernels: list[tuple[Any, int, Any]] = []
    sums: list[_Sum] = []
    for loop in plan.steps:
        if not isinstance(loop, LoopPlan):
            return None
        size, rows = math.prod(loop.lengths), loop.lengths[0]
        if threads_of(loop, threads) > 1 or (
            loop.block is not None and (not loop.uniform or loop.block < rows or not size)
        ):
            return None
        for part in loop.parts if size else ():
            if isinstance(part, KernelPart) and not sums:
                typed: Any = compile_kernel(part.text)
                # Without argument types it takes ctypes' integers, which nothing converts.
                kernel = ctypes.CFUNCTYPE(None)(ctypes.cast(typed, ctypes.c_void_p).value or 0)
                kernels.append((kernel, 8 * part.table, ctypes.c_int64(part.scale * rows)))
            elif isinstance(part, SumPart) and part.node in plan.owners:
                node = nodes[part.node]
                (number,) = node.arguments if node.kind == "reduce" else (-1,)
                summed = None if number in loop.scratch else plan.owners.get(number)
                if summed is None and number not in loop.scratch:
                    return None
                add, offset = operation(node, True), loop.scratch.get(number, 0)
                result, dtype = plan.owners[part.node], nodes[number].dtype
                sums.append(_Sum(add, result, summed, offset, loop.lengths, dtype))
            else:
                return None
    return kernels, sums


def _view(program: Program, number: int, array: Array) -> Array:
    """Return a node as a view of the array that its base is."""
    node = program.nodes[number]
    if node.kind != "view":
        return array
    return apply_view(node.operation, node.detail, _view(program, node.arguments[0], array))
