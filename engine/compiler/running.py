"""The driver of a loop: a Python function, written for it, that computes blocks of it.

Its text names each array once, and each block of it once in every round, so that what Python
does between NumPy's functions and kernels is least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np

from .fusion import rows_read, untransposed
from .kernels import compile_kernel
from .loops import KernelPart, LoopPlan, NumpyPart, SumPart
from .program import Array, Node, Program, numpy_function

Driver = Callable[[list[Any], Array, int, Array, Iterable[tuple[int, int]]], None]
"""Computes blocks, given by where each starts and stops on the outermost axis.

It takes the arrays by node, a thread's scratch memory and the address of its table, and the
memory of the partial results.
"""


def driver(program: Program, plan: LoopPlan) -> Driver:
    """Return the driver of a loop."""
    writer = _Writer(program, plan)
    for i, part in enumerate(plan.parts):
        if isinstance(part, KernelPart):
            writer.kernel(i, part)
        elif isinstance(part, NumpyPart):
            writer.function(part)
        else:
            writer.sum(part)
    lines = [
        "def run(arrays, scratch, table, partials, blocks):",
        *writer.before.values(),
        "    for start, stop in blocks:",
        "        n = stop - start",
        *writer.body,
    ]
    exec(compile("\n".join(lines), "<driver>", "exec"), writer.names)
    run: Driver = writer.names["run"]
    return run


class _Writer:
    """The text of a driver, under construction.

    Attributes:
        names: what it refers to.
        before: the lines before its loop, by the name that each defines.
        body: the lines of its loop.
    """

    def __init__(self, program: Program, plan: LoopPlan) -> None:
        self.program, self.plan = program, plan
        self.names: dict[str, Any] = {
            "add": np.add,
            "broadcast_to": np.broadcast_to,
            "matmul": np.matmul,
            "ndarray": np.ndarray,
        }
        self.before: dict[str, str] = {}
        self.body: list[str] = []
        self._blocks: set[str] = set()

    def kernel(self, index: int, part: KernelPart) -> None:
        """Call a kernel."""
        self.names[f"kernel{index}"] = compile_kernel(part.text)
        scale = f" * {part.scale}" if part.scale != 1 else ""
        self._add(f"kernel{index}(table + {8 * part.table}, start{scale}, stop{scale})")

    def function(self, part: NumpyPart) -> None:
        """Call a NumPy function."""
        node = self.program.nodes[part.node]
        _, by_row, _ = rows_read(self.program, part.node)
        operands = [self._block(n, n in by_row) for n in node.arguments]
        self._add(self._call(part.node, operands, self._block(part.node)))

    def sum(self, part: SumPart) -> None:
        """Add a block's sum or product to its partial result."""
        number, count = part.node, self.plan.partials
        node = self.program.nodes[number]
        left, *others = node.arguments
        matrix = untransposed(self.program, left)
        operands = [self._block(n) for n in (matrix, *others)]
        if node.kind == "matmul" and matrix != left:
            operands[0] += ".T"
        if count == 1:
            self.before[f"p{number}"] = f"    p{number} = arrays[{number}]"
            result = f"p{number}"
        else:
            self._define("p", number, (count, *node.shape), "partials", part.first)
            result = f"p{number}[start // {self.plan.block} % {count}, ...]"
        if part.scratch is None:
            self._add(self._call(number, operands, result))
            return
        self._define("t", number, node.shape, "scratch", part.scratch)
        self._add(f"r, first = {result}, start < {count * (self.plan.block or 1)}")
        self._add(self._call(number, operands, f"r if first else t{number}"))
        self._add(f"first or add(r, t{number}, r)")

    def _add(self, line: str) -> None:
        self.body.append(f"        {line}")

    def _define(
        self, letter: str, number: int, shape: tuple[int, ...], memory: str, start: int
    ) -> None:
        """Define an array of a node's dtype somewhere in memory."""
        self.names[f"dtype{number}"] = self.program.nodes[number].dtype
        name = f"{letter}{number}"
        self.before[name] = f"    {name} = ndarray({shape}, dtype{number}, {memory}, {start})"

    def _call(self, number: int, operands: list[str], out: str) -> str:
        """Return the call of a node's operation."""
        node = self.program.nodes[number]
        if _sums_columns(self.program, node):
            self.names[f"ones{number}"] = _ones(self.plan.block or 0, node.dtype)
            return f"matmul(ones{number}[:n], {operands[0]}, out={out})"
        self.names[f"f{number}"] = operation(node, self.plan.uniform)
        return f"f{number}({', '.join(operands)}, out={out})"

    def _block(self, number: int, by_row: bool = True) -> str:
        """Return the name of a node's block."""
        node, plan = self.program.nodes[number], self.plan
        if node.kind == "constant" and not node.shape:
            self.names[f"c{number}"] = node.number
            return f"c{number}"
        array, block = f"a{number}", f"b{number}"
        if number in plan.scratch:
            row = plan.lengths[1:] if plan.uniform else node.shape[1:]
            shape = (plan.block or 0, *row)
            self._define("a", number, shape, "scratch", plan.scratch[number])
            text = f"{array}[:n]"
        elif node.kind == "view" and self._is_in_scratch(number):
            viewed = self._block(node.arguments[0])
            shape_text = ", ".join(["n", *map(str, node.shape[1:])]) + ","
            text = (
                f"{viewed}.reshape({shape_text})"
                if node.operation == "reshape"
                else f"broadcast_to({viewed}, ({shape_text}))"
            )
        else:
            whole = f"arrays[{number}]"
            if plan.uniform:
                shape = self.program.nodes[plan.loop.nodes[0]].shape
                if node.shape != shape:
                    whole = f"broadcast_to({whole}, {shape})"
                whole, by_row = f"{whole}.reshape({plan.lengths})", True
            self.before[array] = f"    {array} = {whole}"
            if not by_row:
                return array
            text = f"{array}[start:stop]"
        if block not in self._blocks:
            self._blocks.add(block)
            self._add(f"{block} = {text}")
        return block

    def _is_in_scratch(self, number: int) -> bool:
        while self.program.nodes[number].kind == "view":
            (number,) = self.program.nodes[number].arguments
        return number in self.plan.scratch


def operation(node: Node, all_axes: bool = False) -> Callable[..., Any]:
    """Return a NumPy operation as a function of its operands and of ``out``.

    Args:
        all_axes: whether a reduction is over all axes of its operand.
    """
    if node.kind == "matmul":
        return np.matmul
    if node.kind == "reduce":
        reduced: Any = numpy_function(node.operation)
        axes = None if all_axes else node.detail
        return lambda x, out: reduced.reduce(x, axes, node.dtype, out)
    if node.operation in ("cast", "copy"):
        return lambda x, out: np.copyto(out, x, casting="unsafe")
    return _where if node.operation == "where" else numpy_function(node.operation)


def _where(condition: Array, x: Array, y: Array, out: Array) -> None:
    np.copyto(out, y)
    np.copyto(out, x, where=condition)


def _sums_columns(program: Program, node: Node) -> bool:
    """Whether a node sums the rows of a matrix: BLAS multiplies by ones faster."""
    if node.kind != "reduce" or node.operation != "add" or node.detail != (0,):
        return False
    summed = program.nodes[node.arguments[0]]
    same_float = node.dtype == summed.dtype and node.dtype.isnative and node.dtype.char in "fd"
    return len(summed.shape) == 2 and summed.kind != "view" and same_float


@cache
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(count, dtype)


def finish_sums(program: Program, plan: LoopPlan, arrays: list[Any], partials: Array) -> None:
    """Add up the partial results of a loop."""
    for part in plan.parts if plan.partials != 1 else ():
        if isinstance(part, SumPart):
            node = program.nodes[part.node]
            shape = (plan.partials, *node.shape)
            results: Array = np.ndarray(shape, node.dtype, partials, part.first)
            np.add.reduce(results, 0, node.dtype, arrays[part.node])
