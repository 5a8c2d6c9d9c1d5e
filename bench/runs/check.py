"""Compare the variants' results with each other and with the exact ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradmeter.bench import workloads
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.loading import described


def compare(
    group: Group,
    seed: int,
    computed: dict[str, Any],
    reference: dict[str, Any] | None,
) -> tuple[str, str]:
    """Compare a variant's results with the exact gradient and with the other variants' results.

    Returns:
        What the results were checked against, and the first mismatch ("" for none).
    """
    workload = group.workload
    if not any(key.startswith("result") for key in computed):
        return "", "the variant saved no result"
    checked_against = []
    truths: list[tuple[str, dict[str, Any]]] = []
    if workload.exact is not None and not workload.fresh:
        inputs = workloads.arrays(workload, group.size, seed)
        try:
            gradients = workload.exact(**inputs)
        except Exception as error:  # a user's function
            return "", f"the exact gradient cannot be computed: {described(error)}"
        exact = {f"gradient of {k}": g for k, g in gradients.items()}
        truths.append(("the exact gradient", exact))
    if reference is not None:
        truths.append(("the other variants", reference))
    for name, truth in truths:
        shared = sorted(computed.keys() & truth.keys())
        if shared:
            checked_against.append(name)
        for key in shared:
            tolerance = workload.tolerance * _rounding_factor(computed[key], truth[key])
            mismatch = _mismatch(computed[key], truth[key], tolerance)
            if mismatch:
                return "", f"the {key} differs from {name}: {mismatch}"
    return " and ".join(checked_against), ""


def _rounding_factor(computed: Any, truth: Any) -> float:
    """The machine epsilon of the coarser of two arrays' dtypes, as a multiple of float64's."""
    dtypes = [array.dtype for array in (computed, truth) if array.dtype.kind == "f"]
    return max([1.0, *(float(np.finfo(d).eps / np.finfo(np.float64).eps) for d in dtypes)])


def _mismatch(computed: Any, truth: Any, tolerance: float) -> str:
    """Describe where two arrays differ by more than rounding; "" where they do not."""
    if computed.shape != truth.shape:
        return f"shape {computed.shape} instead of {truth.shape}"
    # The scale of the whole array counts: terms of its size may cancel in one element.
    scale = np.max(np.abs(truth), initial=0.0, where=np.isfinite(truth))
    same = (computed == truth) | (np.isnan(computed) & np.isnan(truth))
    with np.errstate(invalid="ignore"):
        near = np.abs(computed - truth) <= tolerance * (np.abs(truth) + scale)
    wrong = np.argwhere(~(same | near))
    if not len(wrong):
        return ""
    first = tuple(int(i) for i in wrong[0])
    return f"{computed[first]} instead of {truth[first]} at {first}, {len(wrong):,} in all"
