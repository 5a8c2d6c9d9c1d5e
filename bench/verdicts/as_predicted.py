"""Compare a law, and what was measured for it, with the memory that was derived by hand."""

from __future__ import annotations

from collections.abc import Mapping

from gradmeter.bench import workloads
from gradmeter.bench.cases.plan import Group, new_case
from gradmeter.bench.cases.predicted_laws import predicted_laws
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.laws.law import Measured, Point
from gradmeter.bench.laws.names import DEPTH, values_text
from gradmeter.bench.results.laws import Laws
from gradmeter.bench.verdicts.law_agreement import agreements
from gradmeter.bench.workloads import Workload

FIGURES = ("peak", "forward", "backward", "held", "dropped")
AS_PREDICTED = "equal, to the byte, to what was derived by hand"


def sentence(
    workload: Workload,
    variant: Variant,
    measured: Mapping[Point, Measured],
    least: int,
    found: Laws,
) -> str:
    """Say whether all figures are as predicted; empty where there is no prediction.

    The formulas are compared, for all sizes at once, and what was measured, which may be where no
    law holds.

    Args:
        least: the smallest size that is compared: predictions are of large arrays.
        found: the laws in these parameters.
    """
    derived = predicted_laws(workload, variant, in_depth=DEPTH in found.parameters)
    if derived is not None and derived.parameters == found.parameters:
        for each in agreements(derived, found):
            if each.word == "different" and each.found is not None:
                return (
                    f"not as predicted: {each.figure} is {each.found.bytes}, not "
                    f"{each.predicted.bytes}, as at {values_text(each.at)}"
                )
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
            expected, value = getattr(predicted, figure), reading.figures.get(figure)
            if value is not None and value != expected:
                where = f"{at_depth.name} x {size:,}"
                return f"not as predicted: {figure} is {value:,} B, not {expected:,} B, at {where}"
    return AS_PREDICTED if compared else ""
