"""Fusion: a program split into loops, each over all elements of one shape, and the rest.

An operation belongs to a stage: the number of steps (sums, matrix products, loops over
another shape) that must finish, one after the other, before it can begin. All elementwise
operations of one shape and stage make one loop, which also computes the sums over all axes
of its results.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from .program import Program, Shape


@dataclass(frozen=True, slots=True)
class Loop:
    """Elementwise operations of one shape, and sums over all of it.

    Attributes:
        shape: of every operation.
        nodes: the operations, in order.
        sums: the nodes that sum one of them over all axes.
    """

    shape: Shape
    nodes: tuple[int, ...]
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """One operation of NumPy's on whole arrays: a matrix product, or a reduction."""

    node: int


def steps(program: Program) -> tuple[Loop | Whole, ...]:
    """Split a program into loops and whole-array operations, in an order that can run."""
    node_stages: list[int] = []  # of each node: the stage that computes it
    ready_stages: list[int] = []  # of each node: the first stage that can read it
    groups: dict[tuple[int, Shape], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    wholes: dict[int, list[int]] = defaultdict(list)
    for number, node in enumerate(program.nodes):
        inputs_ready = max((ready_stages[n] for n in node.arguments), default=0)
        node_stage = ready_stage = inputs_ready
        if node.kind == "elementwise":
            node_stage = max(
                node_stages[n] if in_loop(program, n, node.shape) else ready_stages[n]
                for n in node.arguments
            )
            groups[node_stage, node.shape][0].append(number)
            ready_stage = node_stage + 1
        elif node.kind == "reduce" and is_full_sum(program, number):
            (operand,) = node.arguments
            node_stage = node_stages[operand]
            groups[node_stage, program.nodes[operand].shape][1].append(number)
            ready_stage = node_stage + 1
        elif node.kind in ("reduce", "matmul"):
            wholes[node_stage].append(number)
            ready_stage = node_stage + 1
        node_stages.append(node_stage)
        ready_stages.append(ready_stage)
    ordered: list[Loop | Whole] = []
    for stage in sorted({*wholes, *(s for s, _ in groups)}):
        for (group_stage, shape), (nodes, sums) in groups.items():
            if group_stage == stage:
                ordered.append(Loop(shape, tuple(nodes), tuple(sums)))
        ordered += [Whole(number) for number in wholes[stage]]
    return tuple(ordered)


def in_loop(program: Program, number: int, shape: Shape) -> bool:
    """Whether a node may be in the same loop as an operation of this shape."""
    node = program.nodes[number]
    return node.kind == "elementwise" and node.shape == shape


def is_full_sum(program: Program, number: int) -> bool:
    """Whether a reduction is a sum over all axes of an elementwise operation."""
    node = program.nodes[number]
    (argument,) = node.arguments
    operand = program.nodes[argument]
    return (
        node.operation == "add"
        and operand.kind == "elementwise"
        and len(operand.shape) > 0
        and node.dtype.itemsize <= 8  # the size of a partial sum
        and node.detail == tuple(range(len(operand.shape)))
    )
