"""Fusion: a program split into loops, over all elements of one shape or over rows, and the rest.

An operation belongs to a stage: the number of steps (sums, matrix products, loops over
another domain) that must finish, one after the other, before it can begin. All elementwise
operations of one shape and stage make one loop, which also computes the sums over all axes
of its results. What only a later loop reads is computed there, if that takes less memory.

Where rows are short, arrays of equally many rows share a loop over their rows, whatever
their shapes: matrix products and reductions of each row belong to it, and so do the products
and sums that contract the rows, which are added up block by block. So a step of training is
one pass over its batch, and what lies between two matrix products stays in the cache.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .program import Program, Shape

MAX_ROW = 128  # elements of a short row


@dataclass(frozen=True, slots=True)
class Loop:
    """Operations over one domain, and sums over all of it.

    Attributes:
        domain: the shape of every operation, or the rows that all have.
        nodes: the operations, in order.
        sums: the nodes that contract the domain: sums and matrix products.
    """

    domain: Shape
    nodes: tuple[int, ...]
    sums: tuple[int, ...]

    @property
    def members(self) -> tuple[int, ...]:
        """All that it computes."""
        return *self.nodes, *self.sums


@dataclass(frozen=True, slots=True)
class Whole:
    """One operation of NumPy's on whole arrays: a matrix product, or a reduction."""

    node: int

    @property
    def members(self) -> tuple[int, ...]:
        """All that it computes."""
        return (self.node,)


def steps(program: Program, max_row: int = MAX_ROW) -> tuple[Loop | Whole, ...]:
    """Split a program into loops and whole-array operations, in an order that can run.

    Args:
        max_row: the elements of the longest row of a loop over rows.
    """
    nodes = program.nodes
    ready: list[int] = []  # of each node: the first stage that can read all of it
    loop_of: dict[int, tuple[int, Shape]] = {}  # of each operation in a loop, and its views
    loops: dict[tuple[int, Shape], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    wholes: dict[int, list[int]] = defaultdict(list)
    for number, node in enumerate(nodes):
        stage = max((ready[n] for n in node.arguments), default=0)
        if node.kind == "view" and keeps_rows(program, number):
            (viewed,) = node.arguments
            rows = domain(node.shape, max_row)
            if viewed in loop_of and loop_of[viewed][1] == rows == node.shape[:1]:
                loop_of[number] = loop_of[viewed]
        if node.kind not in ("elementwise", "reduce", "matmul"):
            ready.append(stage)
            continue
        where, by_row, contracts = rows_read(program, number, max_row)
        members = {n for n in by_row if n in loop_of and loop_of[n][1] == where}
        in_loop = max(
            [loop_of[n][0] if n in members else ready[n] for n in by_row]
            + [ready[n] for n in node.arguments if untransposed(program, n) not in by_row]
        )
        # Half precision is added up at once, as NumPy does in single precision.
        by_blocks = node.dtype.char != "e" and in_loop in {loop_of[n][0] for n in members}
        if where is not None and (by_blocks or not contracts):
            stage = in_loop
            loops[stage, where][contracts].append(number)
            if not contracts:
                loop_of[number] = stage, where
        else:
            wholes[stage].append(number)
        ready.append(stage + 1)
    ordered: list[Loop | Whole] = []
    for stage in sorted({*wholes, *(s for s, _ in loops)}):
        for (loop_stage, where), (operations, sums) in loops.items():
            if loop_stage == stage:
                ordered.append(Loop(where, tuple(operations), tuple(sums)))
        ordered += [Whole(number) for number in wholes[stage]]
    return _late(program, ordered)


def _late(program: Program, ordered: Sequence[Loop | Whole]) -> tuple[Loop | Whole, ...]:
    """Move operations into the first loop that reads them, where less memory lives meanwhile.

    So 1 - y * y, a factor of tanh's backward, is computed there: y is an array until then.
    """
    nodes = program.nodes
    step_of = {n: i for i, step in enumerate(ordered) for n in step.members}
    readers: dict[int, set[int]] = defaultdict(set)  # of a node and its views
    for reader in step_of:
        for n in arrays_read(program, reader):
            readers[n].add(reader)
    outputs = {base(program, n) for n in program.outputs}
    for number in sorted(step_of, reverse=True):
        now = step_of[number]
        then = min([step_of[r] for r in readers[number]], default=now)
        loop, later = ordered[now], ordered[then]
        if then == now or number in outputs or nodes[number].kind != "elementwise":
            continue
        if isinstance(loop, Whole) or isinstance(later, Whole) or loop.domain != later.domain:
            continue
        if not all(in_place(program, r, number) for r in readers[number] if step_of[r] == then):
            continue
        moved, operands, more = {number}, arrays_read(program, number), 0
        while operands:
            n = max(operands)
            operands.remove(n)
            others = [step_of[r] for r in readers[n] - moved]
            needed = max(others, default=-1)
            if n not in step_of or n in outputs or needed >= then:
                continue
            if (
                not others
                and step_of[n] == now
                and nodes[n].kind == "elementwise"
                and all(in_place(program, r, n) for r in readers[n])
            ):
                moved.add(n)
                operands |= arrays_read(program, n)
            else:  # lives longer; one byte more where nothing is won, as it would die here
                more += nodes[n].bytes + (needed <= now)
        if more <= nodes[number].bytes:
            step_of |= dict.fromkeys(moved, then)
    members: list[list[int]] = [[] for _ in ordered]
    for n in sorted(step_of):
        members[step_of[n]].append(n)
    return tuple(
        replace(step, nodes=tuple([n for n in numbers if n not in step.sums]))
        if isinstance(step, Loop)
        else step
        for step, numbers in zip(ordered, members, strict=True)
        if numbers
    )


def base(program: Program, number: int) -> int:
    """Return the node whose memory a node shows."""
    while program.nodes[number].kind == "view":
        (number,) = program.nodes[number].arguments
    return number


def arrays_read(program: Program, number: int) -> set[int]:
    """Return the nodes whose memory an operation reads."""
    return {base(program, n) for n in program.nodes[number].arguments}


def in_place(program: Program, reader: int, number: int) -> bool:
    """Whether an operation reads nothing of a node, or for each element the same one."""
    node = program.nodes[reader]
    return all(
        n == number and node.kind == "elementwise" and node.shape == program.nodes[n].shape
        for n in node.arguments
        if base(program, n) == number
    )


def domain(shape: Shape, max_row: int) -> Shape:
    """Return what a loop over arrays of this shape counts: their rows, if these are short."""
    return shape[:1] if math.prod(shape[1:]) <= max_row else shape


def keeps_rows(program: Program, view: int) -> bool:
    """Whether each row of a view shows the same row of what it views."""
    node = program.nodes[view]
    viewed = program.nodes[node.arguments[0]]
    if not node.shape or not viewed.shape or node.shape[0] != viewed.shape[0]:
        return False
    if node.operation == "reshape":
        return node.shape[0] > 0
    return node.operation == "broadcast" and len(node.shape) == len(viewed.shape)


def untransposed(program: Program, number: int) -> int:
    """Return the matrix that a node is the transpose of; otherwise the node."""
    node = program.nodes[number]
    if node.operation == "transpose" and node.detail == (1, 0):
        return node.arguments[0]
    return number


def rows_read(
    program: Program, number: int, max_row: int = MAX_ROW
) -> tuple[Shape | None, set[int], bool]:
    """Return the domain that a loop can compute an operation over; None for none.

    With it, the nodes that are read row by row, and whether the operation contracts the rows.
    """
    nodes = program.nodes
    node = nodes[number]
    shapes = [nodes[n].shape for n in node.arguments]
    own = domain(node.shape, max_row)
    if node.kind == "elementwise":
        aligned = {
            n
            for n, shape in zip(node.arguments, shapes, strict=True)
            if len(shape) == len(node.shape) and domain(shape, max_row) == own
        }
        return own, aligned, False
    if node.kind == "reduce":
        (operand,) = node.arguments
        (shape,) = shapes
        axes = node.detail
        assert isinstance(axes, tuple)
        if not shape or (0 in axes and node.operation != "add"):
            return None, set(), False
        if len(axes) == len(shape) or (len(domain(shape, max_row)) == 1 and axes):
            return domain(shape, max_row), {operand}, 0 in axes
        return None, set(), False
    left, right = node.arguments
    matrix = untransposed(program, left)
    if len(shapes[1]) <= 2 and (matrix != left or len(shapes[0]) == 1):
        rows = domain(nodes[matrix].shape, max_row)
        if len(rows) == 1 and domain(shapes[1], max_row) == rows:
            return rows, {matrix, right}, True
    by_row = len(domain(shapes[0], max_row)) == len(own) == 1 and left != untransposed(
        program, right
    )
    if len(shapes[0]) == 2 >= len(shapes[1]) and by_row:
        return own, {left}, False
    return None, set(), False
