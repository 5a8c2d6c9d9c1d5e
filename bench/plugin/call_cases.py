"""The cases of a run that are tests' calls: named by node id, without a size or a variant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gradmeter.bench.meters.call import Pass
from gradmeter.bench.meters.call_in_fork import Measured
from gradmeter.bench.results import environment, layers
from gradmeter.bench.results.readings import Allocations, Cycles, Failure, SelfTest
from gradmeter.bench.results.run import CANNOT, ORDINARY, Case, Options, Run

STAGE = "memory pass"


def measured(name: str, reading: Measured) -> Case:
    """Make the case of a test's call from everything that was read of it."""
    return msgspec.structs.replace(
        case(name, reading.passes),
        kept=reading.kept,
        resident=reading.resident,
        layers=reading.layers,
    )


def case(name: str, passes: Sequence[Pass]) -> Case:
    """Make the case of a test's call from its passes.

    Passes that differ in the bytes that they leave behind are a failure, since a case has a
    single figure for those.
    """
    last = passes[-1]
    leftovers = sorted({(each.dropped, each.cycle) for each in passes})
    return _case(
        name,
        # A call has no phases.
        allocations=[
            Allocations(
                forward=0,
                backward=0,
                peak=p.peak,
                held=p.held,
                number=p.number,
                allocated=p.allocated,
            )
            for p in passes
        ],
        cycles=Cycles(
            dropped=last.dropped,
            bytes=last.cycle,
            objects=last.objects,
            types=last.types,
            leaked=last.leaked,
        ),
        failure=Failure(
            STAGE,
            "passes disagree",
            "what was left when the result was dropped, and in cycles: "
            + "; ".join(f"{dropped:,} B, {cycle:,} B" for dropped, cycle in leftovers),
        )
        if len(leftovers) > 1
        else None,
    )


def _case(name: str, **readings: Any) -> Case:
    """Make the finished case of a test's call: no size, no variant and no array to count in."""
    return Case(
        workload=name,
        size=ORDINARY,
        variant="",
        collector="off",
        array_bytes=1,
        finished=True,
        **readings,
    )


def failed(name: str, kind: str, message: str) -> Case:
    """Make the case of a test whose call has no figures: it raised or ended in the memory pass."""
    return _case(
        name,
        failure=Failure(STAGE, kind, message),
    )


def visible(name: str, action: str) -> Case:
    """Make the case of a test whose call does what a test could see, so it is not repeated."""
    return failed(name, CANNOT, f"{action}, and a test could see that done again")


def figures(case: Case) -> dict[str, int | bool]:
    """Return a case's figures as plain integers, for pytest-benchmark's ``extra_info``."""
    memory, cycles = case.memory, case.cycles
    if memory is None or cycles is None:
        return {}
    return {
        "deterministic": case.deterministic and case.failure is None,
        "peak_bytes": memory.peak,
        "held_bytes": memory.held,
        "dropped_bytes": cycles.dropped,
        "cycle_bytes": cycles.bytes,
        "cycle_objects": cycles.objects,
        "leaked_bytes": cycles.leaked,
        **{
            name if name in layers.NUMBERS else f"{name}_bytes": value
            for name, value in layers.figures(case).items()
        },
    }


def run(cases: Iterable[Case], tests: Sequence[SelfTest]) -> Run:
    """Make an unfinished run that has only the cases of tests' calls."""
    # pytest-benchmark times the calls, so none of these options applies.
    options = Options(collector="off", seed=0, sets=0, budget=0.0, min_rounds=1, limit=1.0)
    return Run(
        environment=environment.describe(),
        options=options,
        self_tests=list(tests),
        comparisons=[],
        cases=list(cases),
        finished=False,
    )


def merged(base: Run, cases: Iterable[Case], tests: Sequence[SelfTest], finished: bool) -> Run:
    """Add the cases of tests' calls to a run, in place of those that it has."""
    workload_cases = [case for case in base.cases if not case.ordinary]
    return msgspec.structs.replace(
        base,
        cases=[*workload_cases, *cases],
        self_tests=base.self_tests or list(tests),
        finished=finished,
    )
