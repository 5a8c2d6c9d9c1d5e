"""Plan a loop: its parts (kernels and NumPy functions) over blocks of the outermost axis.

Operations that kernels cannot compute exactly as NumPy (exp, log, tanh, powers, integers
..., matrix products) are NumPy's own, applied to a block at a time, so that their operands and
results stay in the processor's cache and agree with eager execution to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .fusion import Loop, base, in_place
from .layout import Layout, coalesce
from .planning import Lifetime, offsets
from .program import Program
from .source import Operand, instructions, source

SCRATCH_BYTES = 1 << 19  # a part of a core's second-level cache
MIN_BLOCK, MAX_BLOCK = 256, 1 << 15  # elements
MAX_KERNEL_OPERATIONS = 300  # operations
PARTIAL_BYTES = 1 << 16  # of all partial results, but for
MIN_PARTIALS = 4  # of each


@dataclass(frozen=True, slots=True)
class KernelPart:
    """A compiled kernel and where its table lies.

    Attributes:
        text: its source.
        table: its first word in the table of all loops.
        words: its words there: numbers, and the `Address` of a node.
        scale: how many steps of its outermost axis a step of the loop's is.
    """

    text: str
    table: int
    words: tuple[Any, ...]
    scale: int


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
    """A sum or a matrix product that contracts a block, added to its partial result.

    Attributes:
        first: the partial results' first byte among all of them, if there are several.
        scratch: where in the scratch memory a further block's result is computed; None where
            each block has a partial result of its own.
    """

    node: int
    first: int
    scratch: int | None


Part = KernelPart | NumpyPart | SumPart


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """Everything about a loop that does not change from call to call.

    Attributes:
        loop: what it computes.
        lengths: its axes; where its operations have several shapes, its rows, and the elements
            of the longest.
        uniform: whether they have one.
        scratch: offset of each block in the scratch memory, by node.
        taken: by node, the one whose memory an array takes over, in the order of time.
        scratch_bytes, partial_bytes: the sizes of the scratch memory, which is per thread, and of
            the partial results.
        block: the length of a block along the outermost axis; None for no blocks.
        parts: what computes each block.
        partials: how many partial results each sum has; one is the result itself.
    """

    loop: Loop
    lengths: tuple[int, ...]
    uniform: bool
    scratch: dict[int, int]
    taken: dict[int, int]
    scratch_bytes: int
    partial_bytes: int
    block: int | None
    parts: tuple[Part, ...]
    partials: int

    @property
    def blocks(self) -> int:
        """How many blocks there are; 0 for no blocks."""
        return -(-self.lengths[0] // self.block) if self.block else 0

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


def plan_loop(
    program: Program,
    loop: Loop,
    layouts: Sequence[Layout],
    stored: frozenset[int],
    dying: Collection[int],
    first_word: int,
) -> LoopPlan:
    """Plan a loop.

    Args:
        stored: the nodes of the whole program that are arrays.
        dying: the arrays of earlier steps that no later one reads.
        first_word: where its tables begin.
    """
    nodes = program.nodes
    inside = set(loop.nodes)
    shapes = {nodes[n].shape for n in inside} | {
        nodes[n].shape for s in loop.sums for n in nodes[s].arguments
    }
    read = {n for number in inside for n in nodes[number].arguments if n not in inside}
    uniform = (
        len(shapes) == 1
        and all(nodes[n].kind == "elementwise" for n in inside)
        and all(nodes[n].kind == "reduce" and nodes[n].shape == () for n in loop.sums)
        and not any(base(program, n) in inside for n in read)
    )
    frame = dict(enumerate(layouts))
    if uniform:
        (shape,) = shapes
        used = [*inside, *[n for n in read if nodes[n].kind != "constant"]]
        lengths, strides = coalesce(shape, [layouts[n] for n in used])
        for n, steps in zip(used, strides, strict=True):
            frame[n] = Layout(lengths, nodes[n].dtype, steps)
    else:
        row = max(math.prod(nodes[n].shape[1:]) for n in inside)
        lengths = (*loop.domain[:1], row)
    units = _units(program, loop, stored)
    unit_of = {n: i for i, unit in enumerate(units) for n in unit}
    dying = frozenset(n for n in dying if all(in_place(program, r, n) for r in loop.members))
    last_read: dict[int, int] = {}  # of what is read outside of its kernel: the last unit to do so
    for number, i in unit_of.items():
        in_kernel = _is_kernel(program, number)
        for argument in nodes[number].arguments:
            n = base(program, argument)
            if n in dying or (n in inside and (unit_of[n] != i or not in_kernel)):
                last_read[n] = max(last_read.get(n, 0), i)
        if not in_kernel and number in inside:
            last_read.setdefault(number, i)
    visible = {n for n in inside if n in last_read or n in stored}
    hidden = sorted(visible - stored, key=lambda n: unit_of[n])
    taken = _taken_over(program, units, unit_of, last_read, visible, stored, dying)
    root = {n: n for n in (*dying, *visible)}
    for n, old in taken.items():
        root[n] = root[old]
    in_arrays = {*dying, *[root[n] for n in visible & stored]}
    blocks = [n for n in hidden if root[n] not in in_arrays]

    rows, row_elements = lengths[0], math.prod(lengths[1:]) or 1
    row_bytes = {n: math.prod(frame[n].shape[1:]) * nodes[n].dtype.itemsize for n in hidden}
    deaths = dict(last_read)
    for n in reversed(hidden):
        if n in taken:
            deaths[taken[n]] = deaths[n]
    owners = [n for n in hidden if n not in taken or taken[n] in dying]
    live = [
        sum(row_bytes[n] for n in owners if unit_of[n] <= i <= deaths[n]) for i in range(len(units))
    ]
    block: int | None = None
    if hidden or loop.sums or any(not _is_kernel(program, n) for n in inside):
        elements = SCRATCH_BYTES * row_elements // (max(live) or 8 * row_elements)
        block = max(min(max(elements, MIN_BLOCK), MAX_BLOCK) // row_elements, 1)
        block = min(block, max(rows, 1))
    count = -(-rows // block) if block else 0
    sum_bytes = {n: -(-nodes[n].bytes // 8) * 8 for n in loop.sums}
    partials = min(count, max(MIN_PARTIALS, PARTIAL_BYTES // (sum(sum_bytes.values()) or 1)))
    further = list(loop.sums) if count > partials else []
    owners = [n for n in owners if root[n] not in in_arrays]
    lifetimes = [Lifetime((block or 0) * row_bytes[n], unit_of[n], deaths[n]) for n in owners]
    lifetimes += [Lifetime(nodes[n].bytes, unit_of[n], unit_of[n]) for n in further]
    places, scratch_bytes = offsets(lifetimes)
    scratch = dict(zip([*owners, *further], places, strict=True))
    for n in blocks:
        if n in taken:
            scratch[n] = scratch[taken[n]]

    parts: list[Part] = []
    words, partial_bytes = 0, 0
    for unit in units:
        number = unit[0]
        if _is_kernel(program, number):
            part = _kernel_part(program, unit, frame, visible, blocks, taken, first_word + words)
            words += len(part.words)
            parts.append(part)
        elif number in inside:
            parts.append(NumpyPart(number))
        else:
            parts.append(SumPart(number, partial_bytes, scratch.get(number)))
            partial_bytes += partials * sum_bytes[number] if partials > 1 else 0
    return LoopPlan(
        loop,
        lengths,
        uniform,
        {n: scratch[n] for n in blocks},
        {n: old for n, old in taken.items() if n not in scratch},
        scratch_bytes,
        partial_bytes,
        block,
        tuple(parts),
        partials,
    )


def _is_kernel(program: Program, number: int) -> bool:
    return _instructions(program, number) is not None


def _instructions(program: Program, number: int) -> str | None:
    node = program.nodes[number]
    if node.kind != "elementwise":
        return None
    return instructions(node, [program.nodes[n] for n in node.arguments])


def _units(program: Program, loop: Loop, stored: frozenset[int]) -> list[list[int]]:
    """Return what computes a block, in order: kernels, of several operations, and others of one."""
    nodes = program.nodes
    level: dict[int, int] = {}
    is_kernel: dict[int, bool] = {}
    sizes: dict[int, int] = {}
    for number in sorted(loop.members):
        is_kernel[number] = _is_kernel(program, number)
        index = 0
        for argument in nodes[number].arguments:
            n = base(program, argument)
            if n in level:
                # A level runs its kernels, one a shape, then the others one after the other.
                same_shape = nodes[n].shape == nodes[number].shape
                same_kernel = is_kernel[n] and same_shape and n == argument
                index = max(index, level[n] + (is_kernel[number] and not same_kernel))
        if is_kernel[number]:
            while sizes.get(index, 0) >= MAX_KERNEL_OPERATIONS:
                index += 1
            sizes[index] = sizes.get(index, 0) + 1
        level[number] = index
    readers: dict[int, list[int]] = {n: [] for n in level}
    for number in level:
        for argument in nodes[number].arguments:
            if base(program, argument) in level:
                # What is read through a view needs memory.
                n = base(program, argument)
                readers[n].append(number if n == argument else -1)
    for number in reversed(level):
        # Computed where it is read, a result needs no memory, unless what it is computed of does.
        read_by = readers[number]
        if not is_kernel[number] or number in stored or not read_by or -1 in read_by:
            continue
        if any(not is_kernel[n] or nodes[n].shape != nodes[number].shape for n in read_by):
            continue
        index = min(level[n] for n in read_by)
        longer = [
            n
            for n in {base(program, a) for a in nodes[number].arguments} & level.keys()
            if all(level.get(r, 0) < index for r in readers[n])
        ]
        if len(longer) <= 1 and sizes.get(index, 0) < MAX_KERNEL_OPERATIONS:
            level[number] = index
            sizes[index] = sizes.get(index, 0) + 1
    units: list[list[int]] = []
    for index in range(max(level.values(), default=-1) + 1):
        members = [n for n in level if level[n] == index]
        kernels: dict[Any, list[int]] = {}
        for n in members:
            if is_kernel[n]:
                kernels.setdefault(nodes[n].shape, []).append(n)
        units += [*kernels.values(), *[[n] for n in members if not is_kernel[n]]]
    return units


def _taken_over(
    program: Program,
    units: Sequence[Sequence[int]],
    unit_of: Mapping[int, int],
    last_read: Mapping[int, int],
    visible: Collection[int],
    stored: Collection[int],
    dying: Collection[int],
) -> dict[int, int]:
    """Return what takes over an operand's memory, which is read last: arrays first."""
    nodes = program.nodes
    taken: dict[int, int] = {}
    in_arrays = set(dying)
    for i, unit in enumerate(units):
        read = [n for number in unit for n in nodes[number].arguments]
        operands = sorted({*read} & {*last_read}, key=lambda n: (n not in in_arrays, n))
        for number in sorted(unit, key=lambda n: n not in stored):
            node = nodes[number]
            # NumPy's "where" copies one operand before it reads the others.
            in_order = _is_kernel(program, number) or node.operation != "where"
            if number not in visible or node.kind != "elementwise" or not in_order:
                continue
            for n in operands:
                if (
                    (n in dying or n not in stored)
                    and unit_of.get(n) != i == last_read[n]
                    and n not in taken.values()
                    and nodes[n].shape == node.shape
                    and nodes[n].dtype == node.dtype
                    and all(in_place(program, r, n) for r in unit)
                ):
                    taken[number] = n
                    if n in in_arrays:
                        in_arrays.add(number)
                    break
    return taken


def _kernel_part(
    program: Program,
    members: Sequence[int],
    frame: Mapping[int, Layout],
    visible: Collection[int],
    blocks: Collection[int],
    taken: Mapping[int, int],
    first_word: int,
) -> KernelPart:
    nodes = program.nodes
    shape = frame[members[0]].shape
    own_nodes = set(members)
    arguments = list(dict.fromkeys(n for number in members for n in nodes[number].arguments))
    constants = [n for n in arguments if nodes[n].kind == "constant"]
    read = [n for n in arguments if n not in own_nodes and nodes[n].kind != "constant"]
    written = [n for n in members if n in visible]
    over = {n: taken[n] for n in written if taken.get(n) in read}
    lengths, strides = coalesce(shape, [frame[n] for n in (*read, *written)])
    steps = dict(zip([*read, *written], strides, strict=True))
    rank = len(lengths)

    def operand(n: int) -> Operand:
        inner = steps[n][-1]
        kind = "unit" if inner == nodes[n].dtype.itemsize else "step" if inner else "same"
        return Operand(n, nodes[n].dtype.name, kind, base(program, n) in blocks)

    reads = [operand(n) for n in read]
    writes = [operand(n) for n in written if n not in over]
    overwritten = [(read.index(old), n) for n, old in over.items()]
    body = [(n, nodes[n].arguments, _instructions(program, n) or "") for n in members]
    typed = [(n, nodes[n].dtype.name) for n in constants]
    text = source(lengths, reads, writes, overwritten, typed, body)
    words: list[Any] = list(lengths[1:])
    for o in (*reads, *writes):
        words.append(Address(base(program, o.node) if o.block else o.node))
        words += steps[o.node][: rank - 1 if o.inner != "step" else rank]
    for n in constants:
        words.append(int(np.float64(nodes[n].number).view(np.int64)))
    scale = lengths[0] // (shape[0] if shape else 1) if math.prod(shape) else 1
    return KernelPart(text, first_word, tuple(words), scale)
