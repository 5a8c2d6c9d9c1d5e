"""The predicted memory of a workload as laws, to be read and compared as those that are found."""

from __future__ import annotations

from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.laws.names import DEPTH, SIZE, family
from gradmeter.bench.results.laws import Formula, Laws
from gradmeter.bench.workloads import Workload, checking


def predicted_laws(workload: Workload, variant: Variant, *, in_depth: bool = True) -> Laws | None:
    """Return the laws that were derived by hand; None where none were for this variant.

    Args:
        in_depth: whether the depth is a parameter where the prediction holds for others than the
            workload's; without, the laws are of this workload alone.

    Raises:
        UsageError: the prediction raises, or is none.
    """
    # Predictions are derived for one engine, not for another revision of it.
    if variant.engine.name != workload.predicted_engine or variant.label:
        return None
    prediction = checking.predicted(workload, variant.all_settings)
    if prediction is None:
        return None
    name, depth = family(workload.name)
    deep = in_depth and depth is not None and DEPTH in prediction.since
    fixed = {} if deep or depth is None else {DEPTH: depth}

    def domain(values: dict[str, int]) -> dict[str, int]:
        return {name: value for name, value in values.items() if name not in fixed}

    return Laws(
        program=f"{name}-{DEPTH}" if deep else workload.name,
        variant=str(variant),
        parameters=[SIZE, DEPTH] if deep else [SIZE],
        itemsize=checking.item_bytes(workload),
        figures={
            figure: Formula(
                bytes=formula.with_values(fixed).text,
                since=domain(dict(prediction.since)),
                multiple=domain(dict(prediction.multiple)),
            )
            for figure, formula in prediction.formulas.items()
        },
    )
