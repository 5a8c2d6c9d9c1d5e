"""Ordinary tests as cases of a run: named by their node ids, without a size or a variant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bench import environment
from bench.meters.call import Pass
from bench.results import ORDINARY, Allocations, Case, Cycles, Failure, Options, Run, SelfTest

STAGE = "memory pass"


def case(name: str, passes: Sequence[Pass]) -> Case:
    """The case that the passes of a test's call make up.

    Passes that differ in what they leave behind are a failure: of that, a case has only one
    figure, and there is none.
    """
    last = passes[-1]
    left = sorted({(each.dropped, each.cycle) for each in passes})
    return Case(
        workload=name,
        size=ORDINARY,
        variant="",
        collector="off",
        array_bytes=1,
        # A call has no phases.
        allocations=[Allocations(forward=0, backward=0, peak=p.peak, held=p.held) for p in passes],
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
            + "; ".join(f"{dropped:,} B, {cycle:,} B" for dropped, cycle in left),
        )
        if len(left) > 1
        else None,
        finished=True,
    )


def failed(name: str, error: BaseException) -> Case:
    """The case of a test whose call went well until it was measured."""
    return Case(
        workload=name,
        size=ORDINARY,
        variant="",
        collector="off",
        array_bytes=1,
        failure=Failure(STAGE, type(error).__name__, str(error)),
        finished=True,
    )


def figures(case: Case) -> dict[str, int | bool]:
    """A case's figures as plain integers, for pytest-benchmark's ``extra_info``."""
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
    }


def run(cases: Iterable[Case], tests: Sequence[SelfTest]) -> Run:
    """A run, not yet finished, of nothing but ordinary tests."""
    # Nothing is timed by us.
    options = Options(collector="off", seed=0, sets=0, budget=0.0, min_rounds=1, limit=1.0)
    return Run(
        environment=environment.describe(),
        options=options,
        self_tests=list(tests),
        comparisons=[],
        cases=list(cases),
        finished=False,
    )


def merged(one: Run, cases: Iterable[Case], tests: Sequence[SelfTest], finished: bool) -> Run:
    """A run with the cases of ordinary tests beside its own."""
    others = [case for case in one.cases if not case.ordinary]
    return msgspec.structs.replace(
        one,
        cases=[*others, *cases],
        self_tests=one.self_tests or list(tests),
        finished=finished,
    )
