"""Run a loop: each part on each block, by any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .fusion import rows_read, untransposed
from .loops import KernelPart, LoopPlan, NumpyPart, SumPart
from .program import Array, Node, Program, apply_view, numpy_function

Block = Callable[[int, int], Any]  # an operand, from where a block starts to where it stops


@dataclass(slots=True)
class Run:
    """The memory by which one thread of one call runs a loop.

    Attributes:
        arrays: by node.
        scratch: this thread's memory.
        table: this thread's table, and its address.
    """

    arrays: list[Any]
    scratch: Array
    table: Array
    table_address: int
    partials: Array


def run_loop(program: Program, plan: LoopPlan, run: Run, starts: Iterable[range]) -> None:
    """Compute blocks of a loop, given as ranges of the outermost axis."""
    functions: list[Callable[[int, int], None]] = [
        _kernel_part(run, part)
        if isinstance(part, KernelPart)
        else _numpy_part(program, plan, run, part)
        if isinstance(part, NumpyPart)
        else _sum_part(program, plan, run, part)
        for part in plan.parts
    ]
    for block in starts:
        for function in functions:
            function(block.start, block.stop)


def _kernel_part(run: Run, part: KernelPart) -> Any:
    table, kernel, scale = run.table_address + 8 * part.table, part.kernel, part.scale
    return lambda start, stop: kernel(table, scale * start, scale * stop)


def _numpy_part(program: Program, plan: LoopPlan, run: Run, part: NumpyPart) -> Any:
    node = program.nodes[part.node]
    _, by_row, _ = rows_read(program, part.node)
    out = _block_of(program, plan, run, part.node)
    operands = [_block_of(program, plan, run, n, n in by_row) for n in node.arguments]
    apply = operation(node)
    return lambda start, stop: apply(out(start, stop), *[x(start, stop) for x in operands])


def _sum_part(program: Program, plan: LoopPlan, run: Run, part: SumPart) -> Any:
    node = program.nodes[part.node]
    step = plan.block or 1
    matrices = [untransposed(program, n) for n in node.arguments]
    operands = [_block_of(program, plan, run, n) for n in matrices]
    if node.kind == "matmul" and matrices[0] != node.arguments[0]:
        first = operands[0]
        operands[0] = lambda start, stop: first(start, stop).T
    apply = _column_sum(program, node, step) or operation(node, plan.uniform)
    partials = _partial_results(node, plan, run, part)
    further: Any = None
    if part.scratch is not None:
        further = np.ndarray(node.shape, node.dtype, run.scratch, part.scratch)

    def add(start: int, stop: int) -> None:
        index = start // step
        result = partials[index % plan.partials, ...]
        if index < plan.partials:
            apply(result, *[x(start, stop) for x in operands])
        else:
            apply(further, *[x(start, stop) for x in operands])
            np.add(result, further, out=result)

    return add


def _block_of(
    program: Program, plan: LoopPlan, run: Run, number: int, by_row: bool = True
) -> Block:
    """Return a node's block as a function of where it starts and stops."""
    node = program.nodes[number]
    array = run.arrays[number]
    if number in plan.scratch:
        row = plan.lengths[1:] if plan.uniform else node.shape[1:]
        block = np.ndarray((plan.block or 0, *row), node.dtype, run.scratch, plan.scratch[number])
        return lambda start, stop: block[: stop - start]
    if array is None and node.kind == "view":
        viewed = _block_of(program, plan, run, node.arguments[0])
        row = node.shape[1:]
        return lambda start, stop: apply_view(
            node.operation, (stop - start, *row), viewed(start, stop)
        )
    if node.kind == "constant" and not node.shape:
        array, by_row = node.number, False
    elif plan.uniform:
        shape = program.nodes[plan.loop.nodes[0]].shape
        array = array if array.shape == shape else np.broadcast_to(array, shape)  # read-only
        array, by_row = array.reshape(plan.lengths), True
    if not by_row:
        return lambda *_: array
    return lambda start, stop: array[start:stop]


def operation(node: Node, all_axes: bool = False) -> Callable[..., None]:
    """Return a NumPy operation as a function of its output and its operands.

    Args:
        all_axes: whether a reduction is over all axes of its operand.
    """
    if node.kind == "elementwise":
        return numpy_writer(node.operation)
    if node.kind == "matmul":
        return lambda out, left, right: np.matmul(left, right, out=out)
    function: Any = numpy_function(node.operation)
    reduce = function.reduce
    axes = None if all_axes else node.detail
    return lambda out, x: reduce(x, axes, node.dtype, out)


def _column_sum(program: Program, node: Node, rows: int) -> Callable[..., None] | None:
    """Return the sum of a matrix' rows as a product with ones, which BLAS computes faster."""
    summed = program.nodes[node.arguments[0]]
    # (A dtype's name takes long to compute.)
    same_float = node.dtype == summed.dtype and node.dtype.isnative and node.dtype.char in "fd"
    if node.detail != (0,) or len(summed.shape) != 2 or summed.kind == "view" or not same_float:
        return None
    ones = _ones(rows, node.dtype)
    return lambda out, x: np.matmul(ones[: len(x)], x, out=out)


@cache
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(count, dtype)


def numpy_writer(name: str) -> Callable[..., None]:
    """Return an elementwise NumPy operation as a function of its output and its operands."""
    if name in ("cast", "copy"):
        return lambda out, x: np.copyto(out, x, casting="unsafe")
    if name == "where":

        def where(out: Array, condition: Array, x: Array, y: Array) -> None:
            np.copyto(out, y)
            np.copyto(out, x, where=condition)

        return where
    function = numpy_function(name)

    def apply(out: Array, *operands: Array) -> None:
        function(*operands, out=out)

    return apply


def finish_sums(program: Program, plan: LoopPlan, run: Run) -> None:
    """Add up the partial results of a loop."""
    for part in plan.parts:
        if isinstance(part, SumPart) and plan.partials != 1:
            node = program.nodes[part.node]
            partials = _partial_results(node, plan, run, part)
            np.add.reduce(partials, 0, node.dtype, run.arrays[part.node])


def _partial_results(node: Node, plan: LoopPlan, run: Run, part: SumPart) -> Array:
    if plan.partials == 1:
        result: Array = run.arrays[part.node]
        return result.reshape(1, *node.shape)
    return np.ndarray((plan.partials, *node.shape), node.dtype, run.partials, part.first)
