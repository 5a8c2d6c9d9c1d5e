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
from .loops import LoopPlan
from .plan import Plan
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
        self.threads = threads
        self.arena = aligned(plan.arena_bytes)
        loops = [step for step in plan.steps if isinstance(step, LoopPlan)]
        used = max([threads_of(loop, threads) for loop in loops], default=1)
        self.scratch = [aligned(plan.scratch_bytes) for _ in range(used)]
        self.tables = [plan.table.copy() for _ in range(used)]
        self.partials = np.empty(plan.partial_bytes, np.uint8)
        self.busy = False
        buffers = [self.arena, *self.scratch, *self.tables, self.partials]
        self.nbytes = sum([array.nbytes for array in buffers])
        nodes = plan.program.nodes
        self.arrays: list[Any] = [None] * len(nodes)
        for number, place in plan.places.items():
            if place.result is None:
                node = nodes[number]
                self.arrays[number] = np.ndarray(node.shape, node.dtype, self.arena, place.start)
        for number in plan.constants:
            self.arrays[number] = np.broadcast_to(nodes[number].number, nodes[number].shape)
        if plan.scratch_addresses:
            for table, scratch in zip(self.tables, self.scratch, strict=True):
                address = address_of(scratch)
                for word, offset in plan.scratch_addresses:
                    table[word] = address + offset


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
    plan: Plan, inputs: Sequence[Array], outputs: Sequence[Array], workspace: Workspace
) -> None:
    """Run a plan: read the inputs and write the outputs, which overlap nothing."""
    program = plan.program
    arrays = workspace.arrays.copy()
    for number, index in plan.owners.items():
        arrays[number] = outputs[index]
    for number, place in plan.places.items():
        if place.result is not None:
            node, memory = program.nodes[number], outputs[place.result]
            arrays[number] = np.ndarray(node.shape, node.dtype, memory, place.start)
    for number, node in plan.ready:
        if node.kind == "view":
            arrays[number] = apply_view(node.operation, node.detail, arrays[node.arguments[0]])
        elif node.kind == "input":
            arrays[number] = inputs[node.index]
        else:
            arrays[number] = program.arrays[node.index]
    SILENT.copy().run(_execute_steps, plan, arrays, workspace)
    for index, number in enumerate(program.outputs):
        if plan.owners.get(number) != index:
            np.copyto(outputs[index], arrays[number])


# NumPy's errstate belongs to a context. To run in a copy of one takes a tenth of the time
# that a new `np.errstate` takes.
SILENT = Context()
SILENT.run(np.seterr, all="ignore")


def _execute_steps(plan: Plan, arrays: list[Any], workspace: Workspace) -> None:
    for i, (step, words) in enumerate(zip(plan.steps, plan.addresses, strict=True)):
        if isinstance(step, LoopPlan):
            for word, number in words:
                address = address_of(arrays[number])
                for table in workspace.tables:
                    table[word] = address
            _execute_loop(step, plan.drivers[i], arrays, workspace)
            finish_sums(plan.program, step, arrays, workspace.partials)
        else:
            _execute_whole(plan.program, step.node, arrays)


def _execute_loop(loop: LoopPlan, driver: Driver, arrays: list[Any], workspace: Workspace) -> None:
    n = loop.lengths[0]
    if not math.prod(loop.lengths):
        return
    threads = threads_of(loop, len(workspace.tables))
    step = loop.block
    if step is None:
        step = max(-(-n // (PIECES_PER_THREAD * threads)), 1) if threads > 1 else n
    blocks = [(start, min(start + step, n)) for start in range(0, n, step)]
    # What adds to one partial result belongs to one thread.
    lanes = loop.partials or len(blocks)
    shares: list[list[tuple[int, int]]] = [[] for _ in range(threads)]
    for i, block in enumerate(blocks):
        shares[i % lanes % threads].append(block)

    def compute(k: int) -> None:
        table = address_of(workspace.tables[k])
        driver(arrays, workspace.scratch[k], table, workspace.partials, shares[k])

    futures = [
        _pool(len(workspace.tables)).submit(SILENT.copy().run, compute, k)
        for k in range(1, threads)
    ]
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
