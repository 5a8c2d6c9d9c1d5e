"""Fusion: a program split into loops, each over all elements of one shape, and the rest.

An operation belongs to a stage: the number of times that something had to be finished
before it could begin (a sum, a matrix product, a loop over another shape). All elementwise
operations of one shape and stage make one loop, and so does the sum of everything that the
loop computes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from engine.compiler.program import Program, Shape

GIVEN = frozenset({"input", "constant", "array"})


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
    """The loops and whole-array operations, in an order in which they can run."""
    stage: list[int] = []  # in which it is computed
    ready: list[int] = []  # from which on others may read it
    groups: dict[tuple[int, Shape], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    wholes: dict[int, list[int]] = defaultdict(list)
    for number, node in enumerate(program.nodes):
        before = max((ready[n] for n in node.arguments), default=0)
        here = after = before
        if node.kind == "elementwise":
            here = max(
                stage[n] if in_loop(program, n, node.shape) else ready[n] for n in node.arguments
            )
            groups[here, node.shape][0].append(number)
            after = here + 1
        elif node.kind == "reduce" and sums_a_loop(program, number):
            (summed,) = node.arguments
            here = stage[summed]
            groups[here, program.nodes[summed].shape][1].append(number)
            after = here + 1
        elif node.kind in ("reduce", "matmul"):
            wholes[here].append(number)
            after = here + 1
        stage.append(here)
        ready.append(after)
    ordered: list[Loop | Whole] = []
    for now in sorted({*wholes, *(s for s, _ in groups)}):
        for (when, shape), (nodes, sums) in groups.items():
            if when == now:
                ordered.append(Loop(shape, tuple(nodes), tuple(sums)))
        ordered += [Whole(number) for number in wholes[now]]
    return tuple(ordered)


def in_loop(program: Program, number: int, shape: Shape) -> bool:
    """Whether a node may be in the same loop as an operation of this shape."""
    node = program.nodes[number]
    return node.kind == "elementwise" and node.shape == shape


def sums_a_loop(program: Program, number: int) -> bool:
    """Whether a reduction is the sum of everything that an elementwise operation computes."""
    node = program.nodes[number]
    (summed,) = node.arguments
    of = program.nodes[summed]
    return (
        node.operation == "add"
        and of.kind == "elementwise"
        and len(of.shape) > 0
        and node.dtype.itemsize <= 8  # the place of a partial sum
        and node.detail == tuple(range(len(of.shape)))
    )
