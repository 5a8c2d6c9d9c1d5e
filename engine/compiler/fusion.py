"""Fusion: a program split into loops, over all elements of one shape or over rows, and the rest.

An operation belongs to a stage: the number of steps (sums, matrix products, loops over
another domain) that must finish, one after the other, before it can begin. All elementwise
operations of one shape and stage make one loop, which also computes the sums over all axes
of its results.

Where rows are short, arrays of equally many rows share a loop over their rows, whatever
their shapes: matrix products and reductions of each row belong to it, and so do the products
and sums that contract the rows, which are added up block by block. So a step of training is
one pass over its batch, and what lies between two matrix products stays in the cache.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Whole:
    """One operation of NumPy's on whole arrays: a matrix product, or a reduction."""

    node: int


def steps(program: Program) -> tuple[Loop | Whole, ...]:
    """Split a program into loops and whole-array operations, in an order that can run."""
    nodes = program.nodes
    ready: list[int] = []  # of each node: the first stage that can read all of it
    loop_of: dict[int, tuple[int, Shape]] = {}  # of each operation in a loop, and its views
    loops: dict[tuple[int, Shape], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    wholes: dict[int, list[int]] = defaultdict(list)
    for number, node in enumerate(nodes):
        stage = max((ready[n] for n in node.arguments), default=0)
        if node.kind == "view" and keeps_rows(program, number):
            (viewed,) = node.arguments
            if viewed in loop_of and loop_of[viewed][1] == domain(node.shape) == node.shape[:1]:
                loop_of[number] = loop_of[viewed]
        if node.kind not in ("elementwise", "reduce", "matmul"):
            ready.append(stage)
            continue
        where, by_row, contracts = rows_read(program, number)
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
    return tuple(ordered)


def domain(shape: Shape) -> Shape:
    """Return what a loop over arrays of this shape counts: their rows, if these are short."""
    return shape[:1] if math.prod(shape[1:]) <= MAX_ROW else shape


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


def rows_read(program: Program, number: int) -> tuple[Shape | None, set[int], bool]:
    """Return the domain that a loop can compute an operation over; None for none.

    With it, the nodes that are read row by row, and whether the operation contracts the rows.
    """
    nodes = program.nodes
    node = nodes[number]
    shapes = [nodes[n].shape for n in node.arguments]
    own = domain(node.shape)
    if node.kind == "elementwise":
        aligned = {
            n
            for n, shape in zip(node.arguments, shapes, strict=True)
            if len(shape) == len(node.shape) and domain(shape) == own
        }
        return own, aligned, False
    if node.kind == "reduce":
        (operand,) = node.arguments
        (shape,) = shapes
        axes = node.detail
        assert isinstance(axes, tuple)
        if not shape or (0 in axes and node.operation != "add"):
            return None, set(), False
        if len(axes) == len(shape) or (len(domain(shape)) == 1 and axes):
            return domain(shape), {operand}, 0 in axes
        return None, set(), False
    left, right = node.arguments
    matrix = untransposed(program, left)
    if len(shapes[1]) <= 2 and (matrix != left or len(shapes[0]) == 1):
        rows = domain(nodes[matrix].shape)
        if len(rows) == 1 and domain(shapes[1]) == rows:
            return rows, {matrix, right}, True
    if len(shapes[0]) == 2 >= len(shapes[1]) and len(domain(shapes[0])) == len(own) == 1:
        return own, {left}, False
    return None, set(), False
