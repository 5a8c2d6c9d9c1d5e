"""Layouts: how arrays lie in memory, as far as a plan depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.compiler.program import Array, Node, Program, Shape, apply_view

Strides = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """An argument's shape, dtype and strides (in bytes): all that a plan depends on."""

    shape: Shape
    dtype: np.dtype[Any]
    strides: Strides

    @staticmethod
    def of(array: Array) -> Layout:
        """The layout of an array."""
        return Layout(array.shape, array.dtype, array.strides)

    def template(self) -> Array:
        """An array of this layout whose elements must not be touched: it has no memory."""
        one = np.zeros(1, self.dtype)
        return np.lib.stride_tricks.as_strided(one, self.shape, self.strides)


def contiguous(shape: Shape, dtype: np.dtype[Any]) -> Layout:
    """The layout of a new array."""
    steps: list[int] = []
    step = dtype.itemsize
    for n in reversed(shape):
        steps.append(step)
        step *= max(n, 1)
    return Layout(shape, dtype, tuple(reversed(steps)))


def laid_out(program: Program, inputs: Sequence[Layout]) -> tuple[Program, tuple[Layout, ...]]:
    """The program with every reshape made possible without a copy, and each node's layout.

    What is reshaped and does not lie contiguously is copied first, by a "copy" node.
    """
    nodes: list[Node] = []
    templates: list[Array] = []
    new: list[int] = []

    def append(node: Node, template: Array) -> int:
        nodes.append(node)
        templates.append(template)
        return len(nodes) - 1

    for node in program.nodes:
        arguments = tuple([new[n] for n in node.arguments])
        if node.kind == "view" and node.operation == "reshape":
            (looked,) = arguments
            if not templates[looked].flags.c_contiguous:
                of = nodes[looked]
                copy = Node("elementwise", "copy", arguments, of.shape, of.dtype, None, node.place)
                arguments = (append(copy, contiguous(of.shape, of.dtype).template()),)
        if node.kind == "view":
            template = apply_view(node.operation, node.detail, templates[arguments[0]])
        elif node.kind == "input":
            template = inputs[node.index].template()
        elif node.kind == "array":
            template = Layout.of(program.arrays[node.index]).template()
        else:
            template = contiguous(node.shape, node.dtype).template()
        new.append(append(replace(node, arguments=arguments), template))
    outputs = tuple([new[n] for n in program.outputs])
    return Program(tuple(nodes), program.arrays, outputs), tuple(map(Layout.of, templates))


def coalesced(
    shape: Shape, operands: Sequence[Layout]
) -> tuple[tuple[int, ...], tuple[Strides, ...]]:
    """A loop's axes, as few as its operands allow, and their strides along these.

    Args:
        shape: of the loop; the operands broadcast to it.
        operands: the arrays that it reads; what it writes is contiguous.
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
            mine[-1] == n * theirs[i] for mine, theirs in zip(steps, strides, strict=True)
        ):
            lengths[-1] *= n
            for mine, theirs in zip(steps, strides, strict=True):
                mine[-1] = theirs[i]
            continue
        lengths.append(n)
        for mine, theirs in zip(steps, strides, strict=True):
            mine.append(theirs[i])
    if not lengths:
        return (1,), tuple((0,) for _ in operands)
    return tuple(lengths), tuple(map(tuple, steps))
