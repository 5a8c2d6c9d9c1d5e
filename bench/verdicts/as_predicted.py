"""Compare what was measured for a law with the memory that was derived by hand."""

from __future__ import annotations

from collections.abc import Mapping

from gradmeter.bench import workloads
from gradmeter.bench.cases.plan import Group, new_case
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.laws.law import Measured, Point
from gradmeter.bench.workloads import Workload

FIGURES = ("peak", "forward", "backward", "held", "dropped")
AS_PREDICTED = "equal, to the byte, to what was derived by hand"


def sentence(
    workload: Workload, variant: Variant, measured: Mapping[Point, Measured], least: int
) -> str:
    """Say whether all figures are as predicted; empty where there is no prediction.

    Args:
        least: the smallest size that is compared: predictions are of large arrays.
    """
    compared = False
    for point, reading in sorted(measured.items()):
        size, *depths = point
        if size < least:
            continue
        at_depth = workloads.at_depth(workload, depths[0]) if depths else workload
        predicted = new_case(Group(at_depth, size, (variant,)), variant, "off").predicted
        if predicted is None:
            continue
        compared = True
        for figure in FIGURES:
            derived, value = getattr(predicted, figure), reading.figures.get(figure)
            if value is not None and value != derived:
                where = f"{at_depth.name} x {size:,}"
                return f"not as predicted: {figure} is {value:,} B, not {derived:,} B, at {where}"
    return AS_PREDICTED if compared else ""
