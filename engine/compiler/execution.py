"""Execute a plan: its workspace, its steps in order, and its threads."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import cache
from typing import Any

import numpy as np

from .addresses import address_of
from .fusion import Whole
from .loops import LoopPlan
from .plan import Plan, new_array
from .planning import ALIGNMENT
from .program import Array, Program, apply_view
from .running import Driver, finish_sums, operation

MIN_THREADED_ELEMENTS = 1 << 15  # elements
PIECES_PER_THREAD = 4
EMPTY = np.empty(0, np.uint8)


class Workspace:
    """The memory that a compiled program works in, besides its arguments and results.

    Calls that reuse one allocate no array data; one call at a time can use it.

    Attributes:
        nbytes: the bytes that it holds.
    """

    def __init__(self, plan: Plan, threads: int) -> None:
        self.plan = plan
        arena = aligned(plan.arena_bytes)
        self.tables = _tables(plan, threads)
        self.scratch = [aligned(plan.scratch_bytes) for _ in self.tables]
        self.partials = np.empty(plan.partial_bytes, np.uint8)
        self.busy = False
        self.nbytes = sum([x.nbytes for x in (arena, *self.scratch, *self.tables, self.partials)])
        nodes = plan.program.nodes
        self.arrays = {
            n: np.ndarray(nodes[n].shape, nodes[n].dtype, arena, buffer.start)
            for buffer in plan.buffers
            for n in buffer.nodes
            if buffer.output is None
        }


def _tables(plan: Plan, threads: int) -> list[Array]:
    """Return a table for each thread that the plan can use."""
    loops = [step for step in plan.steps if isinstance(step, LoopPlan)]
    used = max([threads_of(loop, threads) for loop in loops], default=1)
    return [plan.table.copy() for _ in range(used)]


def threads_of(loop: LoopPlan, threads: int) -> int:
    """Return how many threads compute a loop: one where it is short, and at most one a block."""
    if math.prod(loop.lengths) < MIN_THREADED_ELEMENTS:
        return 1
    return min(threads, loop.partials or loop.blocks or threads)


def aligned(size: int) -> Array:
    """Allocate bytes that begin with a cache line."""
    if not size:
        return EMPTY
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -address_of(memory) % ALIGNMENT
    return memory[start : start + size]


def execute(
    plan: Plan,
    threads: int,
    inputs: Sequence[Array],
    outputs: Sequence[Array] | None,
    workspace: Workspace | None,
) -> list[Array]:
    """Run a plan: read the inputs and return the outputs.

    Without a workspace, every array is allocated by the step that computes it, and freed by
    the last one that reads it.

    Args:
        outputs: where to write the outputs, arrays that overlap nothing; None for new ones.
    """
    program, nodes = plan.program, plan.program.nodes
    arrays: list[Any] = [None] * len(nodes)
    for number, array in workspace.arrays.items() if workspace else ():
        arrays[number] = array
    if outputs is not None:
        for number, index in plan.owners.items():
            arrays[number] = outputs[index]
    for number in plan.constants:
        arrays[number] = np.broadcast_to(nodes[number].number, nodes[number].shape)
    for number, node in plan.ready:
        if node.kind == "view":
            arrays[number] = apply_view(node.operation, node.detail, arrays[node.arguments[0]])
        elif node.kind == "input":
            arrays[number] = inputs[node.index]
        else:
            arrays[number] = program.arrays[node.index]
    token = ERRSTATE.set(IGNORED)
    try:
        _execute_steps(plan, threads, arrays, workspace)
    finally:
        ERRSTATE.reset(token)
    results = []
    for index, number in enumerate(program.outputs):
        result = arrays[number]
        if plan.owners.get(number) != index:
            result = new_array(nodes[number], threads) if outputs is None else outputs[index]
            np.copyto(result, arrays[number])
        results.append(result)
    return results


# NumPy's errstate is a variable of a context: to set it takes a tenth of the time that a new
# `np.errstate` takes, and leaves the allocator that the caller has chosen.
SILENT = Context()
SILENT.run(np.seterr, all="ignore")
((ERRSTATE, IGNORED),) = SILENT.items()


def _execute_steps(
    plan: Plan, threads: int, arrays: list[Any], workspace: Workspace | None
) -> None:
    tables = workspace.tables if workspace else _tables(plan, threads)
    for i, step in enumerate(plan.steps):
        _begin(plan, i, threads, arrays)
        if isinstance(step, Whole):
            _execute_whole(plan.program, step.node, arrays)
        elif workspace:
            scratch, partials = workspace.scratch, workspace.partials
            _execute_loop(plan, i, step, arrays, tables, scratch, partials)
        else:
            memory = [aligned(step.scratch_bytes) for _ in range(threads_of(step, threads))]
            partials = np.empty(step.partial_bytes, np.uint8)
            _execute_loop(plan, i, step, arrays, tables, memory, partials)
            del memory, partials
        for n in plan.freed[i]:
            arrays[n] = None


def _begin(plan: Plan, i: int, threads: int, arrays: list[Any]) -> None:
    """Allocate the arrays that begin with a step, unless they are given."""
    nodes = plan.program.nodes
    for buffer in plan.born[i]:
        first = nodes[buffer.nodes[0]]
        if arrays[buffer.nodes[0]] is None:
            is_result = buffer.output is not None
            array = new_array(first, threads) if is_result else np.empty(first.shape, first.dtype)
            for n in buffer.nodes:
                arrays[n] = array
    for n in plan.views[i]:
        (viewed,) = nodes[n].arguments
        arrays[n] = apply_view(nodes[n].operation, nodes[n].detail, arrays[viewed])


def _execute_loop(
    plan: Plan,
    i: int,
    loop: LoopPlan,
    arrays: list[Any],
    tables: Sequence[Array],
    scratch: Sequence[Array],
    partials: Array,
) -> None:
    """Compute a loop, the step of this number."""
    for table, memory in zip(tables, scratch, strict=False):
        for word, number in plan.addresses[i]:
            table[word] = address_of(arrays[number])
        start = address_of(memory)
        for word, offset in plan.scratch_addresses[i]:
            table[word] = start + offset
    if math.prod(loop.lengths):
        _execute_blocks(loop, plan.drivers[i], arrays, tables, scratch, partials)
    finish_sums(plan.program, loop, arrays, partials)


def _execute_blocks(
    loop: LoopPlan,
    driver: Driver,
    arrays: list[Any],
    tables: Sequence[Array],
    scratch: Sequence[Array],
    partials: Array,
) -> None:
    n = loop.lengths[0]
    threads = threads_of(loop, len(tables))
    step = loop.block
    if step is None:
        step = max(-(-n // (PIECES_PER_THREAD * threads)), 1) if threads > 1 else n
    blocks = [(start, min(start + step, n)) for start in range(0, n, step)]
    # What adds to one partial result belongs to one thread.
    lanes = loop.partials or len(blocks)
    shares: list[list[tuple[int, int]]] = [[] for _ in range(threads)]
    for k, block in enumerate(blocks):
        shares[k % lanes % threads].append(block)

    def compute(k: int) -> None:
        driver(arrays, scratch[k], address_of(tables[k]), partials, shares[k])

    futures = [_pool(len(tables)).submit(SILENT.copy().run, compute, k) for k in range(1, threads)]
    try:
        compute(0)
    finally:
        errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="engine-compile")


if hasattr(os, "register_at_fork"):  # a forked process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _execute_whole(program: Program, number: int, arrays: list[Any]) -> None:
    node = program.nodes[number]
    operands = [arrays[n] for n in node.arguments]
    operation(node)(*operands, out=arrays[number])
