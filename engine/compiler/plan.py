"""Plan: a program's steps, and the memory of its arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from .fusion import Loop, Whole, arrays_read, base, steps
from .layout import Layout, contiguous, lay_out
from .loops import Address, KernelPart, LoopPlan, NumpyPart, plan_loop
from .planning import Buffer, Lifetime, peak, share
from .program import Array, Node, Program
from .running import Driver, driver

T = TypeVar("T")

HUGE_PAGE_BYTES = 2 * 2**20  # bytes of a huge page
LITTLE_BYTES = 1_000  # for which a plan of fewer steps is not given up


@dataclass(frozen=True, slots=True)
class Plan:
    """How a program runs on arguments of given layouts.

    Attributes:
        program: with copies of the arrays that are reshaped and not contiguous.
        ready: the nodes that are there before the first step: inputs, baked arrays, views of them.
        constants: the nodes that must be an array although they hold one number.
        steps: loops and whole-array operations, in order.
        drivers: of the loops, by step.
        lifetimes: of each array that is computed, by node.
        buffers: what the arrays lie in.
        born, views, freed: for each step, the buffers and the views of arrays that begin with
            it, and the nodes whose memory is not needed after it.
        owners: by node, the output in whose memory it is computed.
        arena_bytes, scratch_bytes, partial_bytes: the sizes of a workspace; scratch memory
            and the table are per thread.
        peak_bytes: the most that is alive in a step, if there are two threads.
        table: the words that the kernels read, without addresses.
        addresses: for each step, the words of the table that hold an array's address.
        scratch_addresses: for each step, the words that hold an address in the scratch memory.
    """

    program: Program
    ready: tuple[tuple[int, Node], ...]
    constants: tuple[int, ...]
    steps: tuple[LoopPlan | Whole, ...]
    drivers: dict[int, Driver]
    lifetimes: dict[int, Lifetime]
    buffers: tuple[Buffer, ...]
    born: tuple[tuple[Buffer, ...], ...]
    views: tuple[tuple[int, ...], ...]
    freed: tuple[tuple[int, ...], ...]
    owners: dict[int, int]
    arena_bytes: int
    scratch_bytes: int
    partial_bytes: int
    peak_bytes: int
    table: Array
    addresses: tuple[tuple[tuple[int, int], ...], ...]
    scratch_addresses: tuple[tuple[tuple[int, int], ...], ...]

    def __str__(self) -> str:
        """List the steps, and each buffer's bytes, place, first and last step."""
        nodes = self.program.nodes
        lines = [f"{_count_text(len(self.steps), 'step')}, arena of {self.arena_bytes:,} bytes"]
        for i, step in enumerate(self.steps):
            if isinstance(step, Whole):
                node = nodes[step.node]
                lines.append(f"step {i}: {node.operation} -> {node.dtype} {node.shape}")
                continue
            loop = step.loop
            numpy_names = [nodes[p.node].operation for p in step.parts if isinstance(p, NumpyPart)]
            where = loop.domain if step.uniform else _count_text(step.lengths[0], "row")
            lines.append(
                f"step {i}: a loop over {where}: {_count_text(len(loop.nodes), 'operation')}"
                + (f", NumPy's {', '.join(numpy_names)}" if numpy_names else "")
                + (f", {_count_text(len(loop.sums), 'sum')}" if loop.sums else "")
                + (f"; scratch of {step.scratch_bytes:,} bytes" if step.scratch_bytes else "")
            )
        starts = {n: buffer.start for buffer in self.buffers for n in buffer.nodes}
        outputs = self.program.outputs
        arrays = [n for n in self.lifetimes if n not in outputs]
        if arrays:
            lines.append(f"{'bytes':>15} {'at':>15} {'born':>5} {'dies':>5}  buffer")
        for number in sorted(arrays, key=lambda n: self.lifetimes[n].birth):
            node, life = nodes[number], self.lifetimes[number]
            where = f" in output {self.owners[number]}" if number in self.owners else ""
            lines.append(
                f"{life.bytes:15,} {starts[number]:15,} {life.birth:5} {life.death:5}  "
                f"{node.operation} {node.dtype} {node.shape}{where}; {node.place}"
            )
        for index, number in enumerate(outputs):
            node = nodes[number]
            if self.owners.get(number) == index:
                lines.append(f"output {index}: {node.operation} {node.dtype} {node.shape}")
        return "\n".join(lines)


def _count_text(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def plan(program: Program, inputs: Sequence[Layout]) -> Plan:
    """Plan a program for arguments of these layouts; compile its new kernels.

    It has loops over rows, unless they take more memory than operations on whole arrays.
    """
    program, layouts = lay_out(program, inputs)
    by_rows, whole = steps(program), steps(program, max_row=0)
    chosen = _plan(program, layouts, by_rows)
    if whole != by_rows:
        other = _plan(program, layouts, whole)
        if other.peak_bytes + LITTLE_BYTES < chosen.peak_bytes:
            chosen = other
    loops = [(i, step) for i, step in enumerate(chosen.steps) if isinstance(step, LoopPlan)]
    return replace(chosen, drivers={i: driver(program, loop) for i, loop in loops})


def _plan(program: Program, layouts: Sequence[Layout], ordered: Sequence[Loop | Whole]) -> Plan:
    nodes, end = program.nodes, len(ordered)
    step_of = {n: i for i, step in enumerate(ordered) for n in step.members}
    deaths = _deaths(program, ordered, step_of)
    stored = frozenset(deaths)
    dying: list[set[int]] = [set() for _ in range(end + 1)]
    for n, death in deaths.items():
        if step_of[n] < death:
            dying[death].add(n)
    planned_steps: list[LoopPlan | Whole] = []
    table: list[int] = []
    taken: dict[int, int] = {}
    for i, step in enumerate(ordered):
        if isinstance(step, Whole):
            planned_steps.append(step)
            continue
        loop = plan_loop(program, step, layouts, stored, dying[i], len(table))
        planned_steps.append(loop)
        taken |= loop.taken
        for part in loop.parts:
            words = part.words if isinstance(part, KernelPart) else ()
            table += [0 if isinstance(word, Address) else word for word in words]
    loops = {i: step for i, step in enumerate(planned_steps) if isinstance(step, LoopPlan)}
    addresses = [step.addresses if isinstance(step, LoopPlan) else () for step in planned_steps]
    scratch = {n: start for loop in loops.values() for n, start in loop.scratch.items()}
    lifetimes = {
        n: Lifetime(nodes[n].bytes, step_of[n], deaths.get(n, step_of[n]))
        for n in sorted({*deaths, *taken, *taken.values()})
    }
    outputs = {n: index for index, n in reversed([*enumerate(program.outputs)]) if n in step_of}
    buffers, arena_bytes = share(lifetimes, taken, outputs)
    memory = {n: buffer for buffer in buffers for n in buffer.nodes}
    views = [
        n for n, node in enumerate(nodes) if node.kind == "view" and base(program, n) in memory
    ]
    shown = {n: memory[base(program, n)] for n in (*memory, *views)}
    copied = sum(nodes[n].bytes for i, n in enumerate(program.outputs) if outputs.get(n) != i)
    besides = {
        i: min(loop.blocks, 2) * loop.scratch_bytes + loop.partial_bytes
        for i, loop in loops.items()
    }
    besides[end] = copied
    operands = [n for node in nodes if node.kind in ("reduce", "matmul") for n in node.arguments]
    given = [
        (number, node)
        for number, node in enumerate(nodes)
        if node.kind in ("input", "array", "view") and base(program, number) not in step_of
    ]

    def by_step(items: Iterable[T], step: Callable[[T], int]) -> tuple[tuple[T, ...], ...]:
        rows: list[list[T]] = [[] for _ in range(end + 1)]
        for item in items:
            rows[step(item)].append(item)
        return tuple(map(tuple, rows))

    return Plan(
        program,
        tuple(given),
        tuple({n for n in (*operands, *program.outputs) if nodes[n].kind == "constant"}),
        tuple(planned_steps),
        {},
        lifetimes,
        buffers,
        by_step(buffers, lambda buffer: buffer.life.birth),
        by_step(views, lambda n: step_of[base(program, n)]),
        by_step(shown, lambda n: shown[n].life.death),
        {n: buffer.output for n, buffer in memory.items() if buffer.output is not None},
        arena_bytes,
        max([loop.scratch_bytes for loop in loops.values()], default=0),
        max([loop.partial_bytes for loop in loops.values()], default=0),
        peak([buffer.life for buffer in buffers], besides) + 8 * len(table),
        np.array(table, np.int64),
        tuple(tuple((w, n) for w, n in words if n not in scratch) for words in addresses),
        tuple(tuple((w, scratch[n]) for w, n in words if n in scratch) for words in addresses),
    )


def _deaths(
    program: Program, ordered: Sequence[Loop | Whole], step_of: Mapping[int, int]
) -> dict[int, int]:
    """Return the last step that needs each array: that of a result is after all of them."""
    in_loops = {n for step in ordered if isinstance(step, Loop) for n in step.nodes}
    deaths = {n: i for n, i in step_of.items() if n not in in_loops}
    for reader, i in step_of.items():
        for n in arrays_read(program, reader):
            if n in step_of and step_of[n] != i:
                deaths[n] = max(deaths.get(n, 0), i)
    results = {base(program, n) for n in program.outputs}
    return deaths | dict.fromkeys(results & step_of.keys(), len(ordered))


def new_array(node: Node, threads: int) -> Array:
    """Allocate the array for a result.

    For one thread, it is written once in each huge page: a loop that writes several arrays
    at once would make the system clear their pages in turn, which takes longer. Several
    threads clear the pages faster than this one would.
    """
    array = np.empty(node.shape, node.dtype)
    if threads == 1 and array.nbytes > HUGE_PAGE_BYTES:
        array.reshape(-1)[:: HUGE_PAGE_BYTES // array.itemsize] = 0
    return array


def output_layouts(plan: Plan) -> list[Layout]:
    """Return the layouts of the arrays for the results."""
    nodes = plan.program.nodes
    return [contiguous(nodes[n].shape, nodes[n].dtype) for n in plan.program.outputs]
