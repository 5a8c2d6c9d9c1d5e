"""Runs whose exact bytes follow laws that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradmeter.bench.results.readings import Allocations, Cycles
from gradmeter.bench.results.run import Case, Comparison, Run

from .run_files import WEAK, case, run

Figure = Callable[[int, int], int]  # bytes by size and depth
ITEM = 8


def measured(workload: str, size: int, variant: str, **figures: int) -> Case:
    """A case with these figures; those that are left out are 0."""
    plain = {"peak": 0, "held": 0, "cycle": 0, "forward": 0, "backward": 0, **figures}
    cycle = plain.pop("cycle")
    dropped = plain.pop("dropped", cycle)
    return case(
        workload=workload,
        size=size,
        variant=variant,
        array_bytes=ITEM * size,
        predicted=None,
        allocations=[Allocations(**plain)] * 2,
        cycles=Cycles(dropped=dropped, bytes=cycle, objects=cycle // 8, types={}, leaked=0),
        residency=None,
        times=[],
    )


def following(
    laws: Mapping[str, Mapping[str, Figure]],
    sizes: Sequence[int],
    depths: Sequence[int],
    name: str = "chain",
) -> Run:
    """A run of variants with these figures at every size and depth, the first the baseline.

    Args:
        depths: none for a workload without.
    """
    cases, comparisons = [], []
    baseline, *candidates = laws
    for depth in depths or [0]:
        workload = f"{name}-{depth}" if depths else name
        for size in sizes:
            cases += [
                measured(workload, size, variant, **{f: law(size, depth) for f, law in of.items()})
                for variant, of in laws.items()
            ]
            if candidates:
                comparisons.append(
                    Comparison(
                        workload=workload, size=size, baseline=baseline, candidates=candidates
                    )
                )
    return run(*cases, comparisons=comparisons)


def alone(figure: Figure, sizes: Sequence[int], depths: Sequence[int] = ()) -> Run:
    """A run of one variant, whose peak this is."""
    return following({WEAK: {"peak": figure}}, sizes, depths)
