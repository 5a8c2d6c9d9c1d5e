"""Run a loop: each part on each block, by any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .loops import KernelPart, LoopPlan, NumpyPart, SumPart
from .program import Array, Program, numpy_function


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
    base = run.table_address
    if plan.block is None:
        kernels = [(p.kernel, base + 8 * p.table) for p in plan.parts if isinstance(p, KernelPart)]
        for block in starts:
            for kernel, table in kernels:
                kernel(table, block.start, block.stop)
        return
    views = _loop_views(program, plan, run)
    functions = _part_functions(program, plan, run, views)
    for block in starts:
        for function in functions:
            function(block.start, block.stop)


def _loop_views(program: Program, plan: LoopPlan, run: Run) -> dict[int, Array]:
    """Return the arrays that NumPy's functions need, with the loop's axes."""
    numbers = {
        n
        for part in plan.parts
        for n in (
            (part.node, *program.nodes[part.node].arguments)
            if isinstance(part, NumpyPart)
            else (part.summed,)
            if isinstance(part, SumPart)
            else ()
        )
    }
    views: dict[int, Array] = {}
    for n in numbers:
        node = program.nodes[n]
        if node.kind == "constant":
            views[n] = node.number
        elif n in plan.scratch:
            shape = (plan.block or 0, *plan.lengths[1:])
            views[n] = np.ndarray(shape, node.dtype, run.scratch, plan.scratch[n])
        else:
            array = np.broadcast_to(run.arrays[n], plan.loop.shape)
            if n in plan.stored:
                array = run.arrays[n]
            views[n] = array.reshape(plan.lengths)
    return views


def _part_functions(
    program: Program, plan: LoopPlan, run: Run, views: dict[int, Array]
) -> list[Callable[[int, int], None]]:
    """Return each part as a function of a block's start and stop."""

    def block_of(n: int) -> Callable[[int, int], Array]:
        view = views[n]
        if program.nodes[n].kind == "constant":
            return lambda *_: view
        if n in plan.scratch:
            return lambda start, stop: view[: stop - start]
        return lambda start, stop: view[start:stop]

    def kernel_part(part: KernelPart) -> Callable[[int, int], None]:
        table = run.table_address + 8 * part.table
        function = part.kernel
        return lambda start, stop: function(table, start, stop)

    def numpy_part(part: NumpyPart) -> Callable[[int, int], None]:
        node = program.nodes[part.node]
        out, arguments = block_of(part.node), [block_of(n) for n in node.arguments]
        apply = numpy_writer(node.operation)
        return lambda start, stop: apply(
            out(start, stop), *[argument(start, stop) for argument in arguments]
        )

    def sum_part(part: SumPart) -> Callable[[int, int], None]:
        summed, dtype, step = block_of(part.summed), program.nodes[part.node].dtype, plan.block or 1
        partial_sums = _partial_sums(part, plan, run, dtype)
        reduce: Any = np.add.reduce
        return lambda start, stop: reduce(
            summed(start, stop),
            None,
            dtype,
            partial_sums[start // step : start // step + 1].reshape(()),
        )

    makers: Any = {KernelPart: kernel_part, NumpyPart: numpy_part, SumPart: sum_part}
    return [makers[type(part)](part) for part in plan.parts]


def numpy_writer(operation: str) -> Callable[..., None]:
    """Return an elementwise NumPy operation as a function of its output and its operands."""
    if operation in ("cast", "copy"):
        return lambda out, x: np.copyto(out, x, casting="unsafe")
    if operation == "where":

        def where(out: Array, condition: Array, x: Array, y: Array) -> None:
            np.copyto(out, y)
            np.copyto(out, x, where=condition)

        return where
    function = numpy_function(operation)

    def apply(out: Array, *operands: Array) -> None:
        function(*operands, out=out)

    return apply


def finish_sums(program: Program, plan: LoopPlan, run: Run) -> None:
    """Add up the partial sums of a loop."""
    for part in plan.parts:
        if isinstance(part, SumPart):
            dtype = program.nodes[part.node].dtype
            np.add.reduce(_partial_sums(part, plan, run, dtype), None, dtype, run.arrays[part.node])


def _partial_sums(part: SumPart, plan: LoopPlan, run: Run, dtype: np.dtype[Any]) -> Array:
    """Return the partial sums, each at the beginning of its eight bytes."""
    words = run.partials[part.first : part.first + plan.partials]
    return words.view(dtype)[:: 8 // dtype.itemsize]
