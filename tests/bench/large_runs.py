"""Runs of many cases, for what must stay small and readable however many there are."""

from __future__ import annotations

import msgspec

from gradmeter.bench.results.readings import ArrayLife, Operation, Timeline, TimeSet
from gradmeter.bench.results.run import Case, Comparison, Run

from .run_files import MB, case, run

VARIANTS = ("engine", "engine:output_references=strong", "engine:retain_grad=on", "torch")


def chain(depth: int, size: int) -> Timeline:
    """A chain of operations, forward and then backward; each saves the array it is given."""
    operations, arrays, levels, peaks = [], [], [], [size]
    count = 2 * depth
    end = 2 * count
    alive = size
    arrays.append(ArrayLife("x", "input", size, 0, None, False, end - 1, 1, end - 1, None))
    for i in range(count):
        forward = i < depth
        number = i + 1 if forward else count - i
        born, turn = 2 * i + 1, 2 * count - 2 * i
        before = alive
        if forward:
            alive += size
            arrays.append(
                ArrayLife(
                    f"f#{number}", "output", size, born, turn, False, turn - 1, born, turn, None
                )
            )
        elif i > depth:
            alive -= size
        levels += [before, alive]
        peaks += [max(before, alive), alive]
        phase = "forward" if forward else "backward"
        operations.append(
            Operation(
                "f", phase, number, 2 * i, 2 * i + 1, before, max(before, alive), alive, False
            )
        )
    return Timeline(
        operations=operations,
        arrays=arrays,
        levels=[*levels, alive],
        peaks=peaks,
        dropped=0,
        leaked=0,
        loop=[],
    )


def sets(seconds: float, count: int = 10, rounds: int = 10) -> list[TimeSet]:
    """Rounds that scatter by a few per cent, the same in every run of the tests."""
    found = []
    for number in range(count):
        took = [seconds * (1 + 0.004 * ((7 * number + 3 * i) % 11)) for i in range(rounds)]
        part = [s / 3 for s in took]
        found.append(
            TimeSet(
                number=number, core=0, loops=1, forward=part, backward=part, step=part, cpu=took
            )
        )
    return found


def large(count: int = 500) -> Run:
    """A run of so many cases, each measured completely, four variants of each comparison."""
    cases: list[Case] = []
    comparisons = []
    for group in range(count // len(VARIANTS)):
        depth, size = 3 + group % 40, 10_000 * (1 + group // 40)
        workload = f"squares-{depth}"
        for i, variant in enumerate(VARIANTS):
            plain = case(workload=workload, size=size, variant=variant)
            figures = msgspec.structs.replace(plain.allocations[0], peak=(40 + i) * MB + group)
            cases.append(
                msgspec.structs.replace(
                    plain,
                    allocations=[figures] * 2,
                    timeline=chain(depth, 8 * MB),
                    times=sets(0.001 * depth * (1 + i * (group % 5) / 20)),
                    again=[],
                )
            )
        comparisons.append(
            Comparison(
                workload=workload, size=size, baseline=VARIANTS[0], candidates=list(VARIANTS[1:])
            )
        )
    return run(*cases, comparisons=comparisons)
