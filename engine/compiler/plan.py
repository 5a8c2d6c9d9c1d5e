"""Plan: a program's steps, and the places of its intermediate arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .fusion import Loop, Whole, steps
from .layout import Layout, contiguous, lay_out
from .loops import Address, KernelPart, LoopPlan, NumpyPart, base, plan_loop
from .planning import Lifetime, Place, places
from .program import Array, Node, Program
from .running import Driver, driver

HUGE_PAGE_BYTES = 2 * 2**20  # bytes of a huge page


@dataclass(frozen=True, slots=True)
class Plan:
    """How a program runs on arguments of given layouts.

    Attributes:
        program: with copies of the arrays that are reshaped and not contiguous.
        ready: the nodes that are computed before the first step: inputs, baked arrays and views.
        constants: the nodes that must be an array although they hold one number.
        steps: loops and whole-array operations, in order.
        drivers: of the loops, by step.
        owners: by node, the output that holds its value as it is computed.
        lifetimes, places: of each array in the arena or in a result, by node.
        arena_bytes, scratch_bytes, partial_bytes: the sizes of a workspace; scratch memory
            and the table are per thread.
        table: the words that the kernels read, without addresses.
        addresses: for each step, the words of the table that hold an array's address.
        scratch_addresses: the words that hold an address in the scratch memory.
    """

    program: Program
    ready: tuple[tuple[int, Node], ...]
    constants: tuple[int, ...]
    steps: tuple[LoopPlan | Whole, ...]
    drivers: dict[int, Driver]
    owners: dict[int, int]
    lifetimes: dict[int, Lifetime]
    places: dict[int, Place]
    arena_bytes: int
    scratch_bytes: int
    partial_bytes: int
    table: Array
    addresses: tuple[tuple[tuple[int, int], ...], ...]
    scratch_addresses: tuple[tuple[int, int], ...]

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
        if self.lifetimes:
            lines.append(f"{'bytes':>15} {'at':>15} {'born':>5} {'dies':>5}  buffer")
        for number, life in sorted(self.lifetimes.items(), key=lambda item: item[1].birth):
            node, place = nodes[number], self.places[number]
            where = "" if place.result is None else f" in output {place.result}"
            lines.append(
                f"{life.bytes:15,} {place.start:15,} {life.birth:5} {life.death:5}  "
                f"{node.operation} {node.dtype} {node.shape}{where}; {node.place}"
            )
        for number, index in self.owners.items():
            node = nodes[number]
            lines.append(f"output {index}: {node.operation} {node.dtype} {node.shape}")
        return "\n".join(lines)


def _count_text(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def plan(program: Program, inputs: Sequence[Layout]) -> Plan:
    """Plan a program for arguments of these layouts; compile its new kernels."""
    program, layouts = lay_out(program, inputs)
    nodes = program.nodes
    ordered = steps(program)
    step_of: dict[int, int] = {}
    for i, step in enumerate(ordered):
        for number in (step.node,) if isinstance(step, Whole) else (*step.nodes, *step.sums):
            step_of[number] = i

    blocks = {n for step in ordered if isinstance(step, Loop) for n in step.nodes}
    deaths: dict[int, int] = {n: i for n, i in step_of.items() if n not in blocks}
    for number, node in enumerate(nodes):
        for n in node.arguments if node.kind != "view" else ():
            reader_step, source = step_of[number], base(program, n)
            if source in step_of and (step_of[source] != reader_step):
                deaths[source] = max(deaths.get(source, 0), reader_step)
    for number in program.outputs:
        if base(program, number) in step_of:
            deaths[base(program, number)] = len(ordered)
    owners: dict[int, int] = {}
    for index, number in enumerate(program.outputs):
        if number in step_of:
            owners.setdefault(number, index)
    end = len(ordered)

    def lifetime(n: int, birth: int, death: int = end) -> Lifetime:
        return Lifetime(nodes[n].bytes, birth, death, nodes[n].dtype.alignment)

    lifetimes = {n: lifetime(n, step_of[n], death) for n, death in deaths.items() if n not in owners}
    results = [
        lifetime(n, step_of[n] if owners.get(n) == index else end)
        for index, n in enumerate(program.outputs)
    ]
    placed, arena_bytes = places(list(lifetimes.values()), results)
    planned_steps: list[LoopPlan | Whole] = []
    words = partials = scratch_bytes = 0
    addresses: list[tuple[tuple[int, int], ...]] = []
    scratch_addresses: list[tuple[int, int]] = []
    for step in ordered:
        addresses.append(())
        if isinstance(step, Whole):
            planned_steps.append(step)
            continue
        loop_plan, word_count, partial_bytes = plan_loop(
            program, step, layouts, frozenset(deaths), words, partials
        )
        words += word_count
        partials += partial_bytes
        addresses[-1] = tuple((w, n) for w, n in loop_plan.addresses if n not in loop_plan.scratch)
        scratch_addresses += [
            (w, loop_plan.scratch[n]) for w, n in loop_plan.addresses if n in loop_plan.scratch
        ]
        scratch_bytes = max(scratch_bytes, loop_plan.scratch_bytes)
        planned_steps.append(loop_plan)
    table = np.zeros(words, np.int64)
    for loop in planned_steps:
        for part in loop.parts if isinstance(loop, LoopPlan) else ():
            if isinstance(part, KernelPart):
                values = [0 if isinstance(word, Address) else word for word in part.words]
                table[part.table : part.table + len(values)] = values
    operands = [n for node in nodes if node.kind in ("reduce", "matmul") for n in node.arguments]
    given = [
        (number, node)
        for number, node in enumerate(nodes)
        if node.kind in ("input", "array", "view")
        and (base(program, number) in deaths or base(program, number) not in step_of)
    ]
    return Plan(
        program,
        tuple(given),
        tuple({n for n in (*operands, *program.outputs) if nodes[n].kind == "constant"}),
        tuple(planned_steps),
        {i: driver(program, s) for i, s in enumerate(planned_steps) if isinstance(s, LoopPlan)},
        owners,
        lifetimes,
        dict(zip(lifetimes, placed, strict=True)),
        arena_bytes,
        scratch_bytes,
        partials,
        table,
        tuple(addresses),
        tuple(scratch_addresses),
    )


def new_outputs(plan: Plan, threads: int) -> list[Array]:
    """Allocate the arrays for the results.

    For one thread, one array after the other is written once in each huge page: a loop that
    writes several at once would make the system clear their pages in turn, which takes
    longer. Several threads clear the pages faster than this one would.
    """
    nodes = plan.program.nodes
    outputs = [np.empty(nodes[n].shape, nodes[n].dtype) for n in plan.program.outputs]
    for array in outputs:
        if threads == 1 and array.nbytes > HUGE_PAGE_BYTES:
            array.reshape(-1)[:: HUGE_PAGE_BYTES // array.itemsize] = 0
    return outputs


def output_layouts(plan: Plan) -> list[Layout]:
    """Return the layouts of the arrays for the results."""
    nodes = plan.program.nodes
    return [contiguous(nodes[n].shape, nodes[n].dtype) for n in plan.program.outputs]
