"""Layouts: how arrays lie in memory, as far as a plan depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .program import Array, Node, Program, Shape, apply_view

Strides = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """An argument's shape, dtype and strides (in bytes): all that a plan depends on."""

    shape: Shape
    dtype: np.dtype[Any]
    strides: Strides

    @staticmethod
    def of(array: Array) -> Layout:
        """Return the layout of an array."""
        return Layout(array.shape, array.dtype, array.strides)

    def template(self) -> Array:
        """Return an array of this layout without memory: its elements must not be used."""
        element = np.zeros(1, self.dtype)
        return np.lib.stride_tricks.as_strided(element, self.shape, self.strides)


def contiguous(shape: Shape, dtype: np.dtype[Any]) -> Layout:
    """Return the layout of a new array."""
    steps: list[int] = []
    step = dtype.itemsize
    for n in reversed(shape):
        steps.append(step)
        step *= max(n, 1)
    return Layout(shape, dtype, tuple(reversed(steps)))


def lay_out(program: Program, inputs: Sequence[Layout]) -> tuple[Program, tuple[Layout, ...]]:
    """Return the program with every reshape a view, and each node's layout.

    An array that is reshaped and not contiguous is copied first, by a "copy" node.
    """
    nodes: list[Node] = []
    templates: list[Array] = []
    new_numbers: list[int] = []

    def append(node: Node, template: Array) -> int:
        nodes.append(node)
        templates.append(template)
        return len(nodes) - 1

    for node in program.nodes:
        arguments = tuple([new_numbers[n] for n in node.arguments])
        if node.kind == "view" and node.operation == "reshape":
            (source,) = arguments
            if not templates[source].flags.c_contiguous:
                source_node = nodes[source]
                copy = Node(
                    "elementwise",
                    "copy",
                    arguments,
                    source_node.shape,
                    source_node.dtype,
                    None,
                    node.place,
                )
                arguments = (
                    append(copy, contiguous(source_node.shape, source_node.dtype).template()),
                )
        if node.kind == "view":
            template = apply_view(node.operation, node.detail, templates[arguments[0]])
        elif node.kind == "input":
            template = inputs[node.index].template()
        elif node.kind == "array":
            template = Layout.of(program.arrays[node.index]).template()
        else:
            template = contiguous(node.shape, node.dtype).template()
        new_numbers.append(append(replace(node, arguments=arguments), template))
    outputs = tuple([new_numbers[n] for n in program.outputs])
    return Program(tuple(nodes), program.arrays, outputs), tuple(map(Layout.of, templates))


def coalesce(
    shape: Shape, operands: Sequence[Layout]
) -> tuple[tuple[int, ...], tuple[Strides, ...]]:
    """Return a loop's axes, as few as its operands allow, and the operands' strides.

    Args:
        shape: of the loop; the operands broadcast to it.
        operands: the arrays that it reads; the arrays that it writes are contiguous.
    """
    strides = [
        (0,) * (len(shape) - len(o.shape))
        + tuple(0 if n == 1 else s for n, s in zip(o.shape, o.strides, strict=True))
        for o in operands
    ]
    axes = [i for i, n in enumerate(shape) if n != 1]
    lengths: list[int] = []
    steps: list[list[int]] = [[] for _ in operands]
    for i in axes:
        n = shape[i]
        if lengths and all(
            loop_steps[-1] == n * operand_strides[i]
            for loop_steps, operand_strides in zip(steps, strides, strict=True)
        ):
            lengths[-1] *= n
            for loop_steps, operand_strides in zip(steps, strides, strict=True):
                loop_steps[-1] = operand_strides[i]
            continue
        lengths.append(n)
        for loop_steps, operand_strides in zip(steps, strides, strict=True):
            loop_steps.append(operand_strides[i])
    if not lengths:
        return (1,), tuple((0,) for _ in operands)
    return tuple(lengths), tuple(map(tuple, steps))
