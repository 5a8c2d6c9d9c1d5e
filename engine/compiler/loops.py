"""Plan a loop: its parts (kernels and NumPy functions) over blocks of the outermost axis.

Operations that kernels cannot compute exactly as NumPy (exp, log, tanh, powers, integers
...) are NumPy's own, applied to a block at a time, so that their operands and results stay in the
processor's cache and agree with eager execution to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .fusion import Loop
from .kernels import Kernel, compile_kernel
from .layout import Layout, Strides, coalesce, contiguous
from .planning import Lifetime, offsets
from .program import Node, Program
from .source import Operand, instructions, source

SCRATCH_BYTES = 1 << 18  # about half of a core's second-level cache
MIN_BLOCK, MAX_BLOCK = 256, 1 << 14  # elements
MAX_KERNEL_OPERATIONS = 300  # operations


@dataclass(frozen=True, slots=True)
class KernelPart:
    """A compiled kernel and where its table lies.

    Attributes:
        text: its source.
        table: its first word in the table of all loops.
        words: its words there: numbers, and the `Address` of a node.
    """

    text: str
    kernel: Kernel
    table: int
    words: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """A word of a table: where a node's array begins, or its block in the scratch memory."""

    node: int


@dataclass(frozen=True, slots=True)
class NumpyPart:
    """A NumPy function on blocks."""

    node: int


@dataclass(frozen=True, slots=True)
class SumPart:
    """The sum of a block, stored among the partial sums."""

    node: int
    summed: int
    first: int


Part = KernelPart | NumpyPart | SumPart


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """Everything about a loop that does not change from call to call.

    Attributes:
        loop: what it computes.
        lengths: its axes.
        layouts: strides along them of the arrays it reads, by node.
        stored: the operations whose results are arrays.
        scratch: offset of each block in the scratch memory, by node.
        scratch_bytes: of all of them, per thread.
        block: the length of a block along the outermost axis; None for no blocks.
        parts: what computes each block.
        partials: how many partial sums each sum has.
    """

    loop: Loop
    lengths: tuple[int, ...]
    layouts: dict[int, Strides]
    stored: frozenset[int]
    scratch: dict[int, int]
    scratch_bytes: int
    block: int | None
    parts: tuple[Part, ...]
    partials: int

    @property
    def addresses(self) -> tuple[tuple[int, int], ...]:
        """The words of the tables that hold an array's address, each with its node."""
        return tuple(
            (part.table + i, word.node)
            for part in self.parts
            if isinstance(part, KernelPart)
            for i, word in enumerate(part.words)
            if isinstance(word, Address)
        )

    @property
    def blocks(self) -> range:
        """Where each block begins."""
        n = self.lengths[0]
        return range(0, n, self.block or max(n, 1))


def plan_loop(
    program: Program,
    loop: Loop,
    layouts: Sequence[Layout],
    stored: frozenset[int],
    first_word: int,
    first_partial: int,
) -> tuple[LoopPlan, int]:
    """Plan a loop.

    Args:
        stored: the nodes of the whole program that are arrays.
        first_word: where its tables begin.
        first_partial: where its partial sums (of 8 bytes) begin.

    Returns:
        The plan, and the number of words of its tables.
    """
    nodes = program.nodes
    inside = set(loop.nodes)
    read = sorted(
        {
            n
            for number in loop.nodes
            for n in nodes[number].arguments
            if n not in inside and nodes[n].kind != "constant"
        }
    )
    written = [contiguous(loop.shape, np.dtype(np.uint8))]
    lengths, steps = coalesce(loop.shape, [*written, *[layouts[n] for n in read]])
    strides = dict(zip(read, steps[1:], strict=True))

    part_of = _assign_parts(program, loop)
    last = max(part_of.values(), default=0)
    # The results that are read outside of their part, and the last part that reads each.
    last_parts: dict[int, int] = {}
    for number in loop.nodes:
        is_kernel = _is_kernel(program, number)
        for n in nodes[number].arguments:
            if n in inside and (part_of[n] != part_of[number] or not is_kernel):
                last_parts[n] = max(last_parts.get(n, 0), part_of[number])
        if not is_kernel:
            last_parts.setdefault(number, part_of[number])
    for number in loop.sums:
        last_parts[nodes[number].arguments[0]] = last + 1
    visible = {n for n in loop.nodes if n in last_parts or n in stored}
    blocks = sorted(n for n in visible if n not in stored)

    row = int(np.prod(lengths[1:], dtype=np.int64))
    width = sum(nodes[n].dtype.itemsize for n in blocks) or 8
    block: int | None = None
    if blocks or loop.sums or any(not _is_kernel(program, n) for n in loop.nodes):
        elements = min(max(SCRATCH_BYTES // width, MIN_BLOCK), MAX_BLOCK)
        block = max(elements // max(row, 1), 1)
        block = min(block, max(lengths[0], 1))
    lifetimes = [
        Lifetime((block or 0) * row * nodes[n].dtype.itemsize, part_of[n], last_parts[n])
        for n in blocks
    ]
    places, scratch_bytes = offsets(lifetimes)
    scratch = dict(zip(blocks, places, strict=True))

    parts: list[Part] = []
    word = first_word
    for index in range(last + 1):
        members = [n for n in loop.nodes if part_of[n] == index]
        kernel_nodes = [n for n in members if _is_kernel(program, n)]
        if kernel_nodes:
            part = _kernel_part(
                program, kernel_nodes, lengths, strides, visible, stored, inside, word
            )
            word += len(part.words)
            parts.append(part)
        parts += [NumpyPart(n) for n in members if not _is_kernel(program, n)]
    partials = -(-lengths[0] // block) if block and lengths[0] else 0
    for i, number in enumerate(loop.sums):
        first = first_partial + i * partials
        parts.append(SumPart(number, nodes[number].arguments[0], first))
    plan = LoopPlan(
        loop,
        lengths,
        strides,
        stored & inside,
        scratch,
        scratch_bytes,
        block,
        tuple(parts),
        partials,
    )
    return plan, word - first_word


def _is_kernel(program: Program, number: int) -> bool:
    return _instructions(program, number) is not None


def _instructions(program: Program, number: int) -> str | None:
    node = program.nodes[number]
    return instructions(node, [program.nodes[n] for n in node.arguments])


def _assign_parts(program: Program, loop: Loop) -> dict[int, int]:
    """Return the part of the loop that computes each operation: in each, kernels first."""
    part: dict[int, int] = {}
    is_kernel: dict[int, bool] = {}
    sizes: dict[int, int] = {}
    for number in loop.nodes:
        is_kernel[number] = _is_kernel(program, number)
        index = 0
        for n in program.nodes[number].arguments:
            if n in part:
                # A part runs its kernel, then NumPy's functions one after the other.
                index = max(index, part[n] + (is_kernel[number] and not is_kernel[n]))
        if is_kernel[number]:
            while sizes.get(index, 0) >= MAX_KERNEL_OPERATIONS:
                index += 1
            sizes[index] = sizes.get(index, 0) + 1
        part[number] = index
    return part


def _kernel_part(
    program: Program,
    members: Sequence[int],
    lengths: tuple[int, ...],
    strides: dict[int, Strides],
    visible: set[int],
    stored: frozenset[int],
    inside: set[int],
    first_word: int,
) -> KernelPart:
    nodes = program.nodes
    rank = len(lengths)
    own_nodes = set(members)
    arguments = list(dict.fromkeys(n for number in members for n in nodes[number].arguments))
    constants = [n for n in arguments if nodes[n].kind == "constant"]
    read = [n for n in arguments if n not in own_nodes and nodes[n].kind != "constant"]
    written = [n for n in members if n in visible]

    def steps(n: int) -> Strides:
        return contiguous(lengths, nodes[n].dtype).strides if n in inside else strides[n]

    def operand(n: int) -> Operand:
        inner = steps(n)[-1]
        kind = "unit" if inner == nodes[n].dtype.itemsize else "step" if inner else "same"
        return Operand(n, nodes[n].dtype.name, kind, n in inside and n not in stored)

    reads, writes = [operand(n) for n in read], [operand(n) for n in written]
    body = [(n, nodes[n].arguments, _instructions(program, n) or "") for n in members]
    typed = [(n, nodes[n].dtype.name) for n in constants]
    text = source(rank, reads, writes, typed, body)
    words: list[Any] = list(lengths[1:])
    for o in (*reads, *writes):
        words.append(Address(o.node))
        words += steps(o.node)[: rank - 1 if o.inner != "step" else rank]
    for n in constants:
        words.append(int(np.float64(nodes[n].number).view(np.int64)))
    return KernelPart(text, compile_kernel(text), first_word, tuple(words))
